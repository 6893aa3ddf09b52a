//! DPoP proofs (RFC 9449): that the sender holds the key a token is bound to.
//!
//! A proof is judged here but not remembered: whoever accepts it must refuse its `jti` a
//! second time.

use std::time::Duration;

use aws_lc_rs::{constant_time, digest};
use serde_json::{Map, Value};
use url::Url;

use crate::claims::numeric_date;
use crate::jws::Compact;
use crate::{Algorithm, PublicKey, Thumbprint, Timestamp, base64url, strict_json};

/// The longest proof that is looked at.
pub const MAX_PROOF_BYTES: usize = 8 * 1024;

/// The algorithms a proof may be signed with: those that FAPI 2.0 allows.
pub const ALGORITHMS: [Algorithm; 3] = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::PS256];

/// Why a proof is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofFlaw {
    /// Not a proof of the form RFC 9449 section 4.2 asks for.
    #[error("DPoP proof is malformed")]
    Malformed,
    /// The signature does not fit the key in the proof.
    #[error("DPoP proof signature is invalid")]
    BadSignature,
    /// It was made for another method or URL.
    #[error("DPoP proof is for another request")]
    WrongRequest,
    /// It was made too long ago, or in the future.
    #[error("DPoP proof is not recent")]
    NotRecent,
    /// `ath` is missing or belongs to another access token.
    #[error("DPoP proof is for another access token")]
    WrongToken,
    /// `nonce` is missing or not the one the server gave.
    #[error("DPoP proof lacks the server's nonce")]
    WrongNonce,
}

/// A proof whose form and signature hold.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The thumbprint of the key that made it.
    pub thumbprint: Thumbprint,
    /// `jti`, 1 to 255 bytes: to be refused a second time.
    pub jti: String,
    /// `iat`.
    pub issued_at: Timestamp,
    method: String,
    url: String,
    token_hash: Option<String>,
    nonce: Option<String>,
}

impl Proof {
    /// Reads a proof and checks its signature against the key it carries.
    ///
    /// # Errors
    ///
    /// [`ProofFlaw::Malformed`] or [`ProofFlaw::BadSignature`].
    pub fn parse(proof: &str) -> Result<Self, ProofFlaw> {
        let compact = Compact::parse(proof, MAX_PROOF_BYTES).map_err(|_| ProofFlaw::Malformed)?;
        let header = &compact.header;
        let (Some(algorithm), Some(jwk)) = (header.algorithm, &header.jwk) else {
            return Err(ProofFlaw::Malformed);
        };
        if !header.is_type("dpop+jwt") || !ALGORITHMS.contains(&algorithm) {
            return Err(ProofFlaw::Malformed);
        }
        let key = PublicKey::new(jwk, algorithm).map_err(|_| ProofFlaw::Malformed)?;
        compact.verify(&key).map_err(|_| ProofFlaw::BadSignature)?;
        let mut claims = strict_json::parse_object(&compact.payload).ok_or(ProofFlaw::Malformed)?;
        let jti = text(&mut claims, "jti")?;
        if !(1..=255).contains(&jti.len()) {
            return Err(ProofFlaw::Malformed);
        }
        let issued_at = claims.get("iat").and_then(numeric_date).ok_or(ProofFlaw::Malformed)?;
        Ok(Self {
            thumbprint: jwk.thumbprint(),
            jti,
            issued_at,
            method: text(&mut claims, "htm")?,
            url: text(&mut claims, "htu")?,
            token_hash: optional_text(&mut claims, "ath")?,
            nonce: optional_text(&mut claims, "nonce")?,
        })
    }

    /// Judges whether it was made for this request, `window` ago or less, or that far ahead.
    ///
    /// # Errors
    ///
    /// [`ProofFlaw::WrongRequest`] or [`ProofFlaw::NotRecent`].
    pub fn judge_request(
        &self,
        method: &str,
        url: &Url,
        now: Timestamp,
        window: Duration,
    ) -> Result<(), ProofFlaw> {
        if self.method != method || !same_target(&self.url, url) {
            return Err(ProofFlaw::WrongRequest);
        }
        if self.issued_at + window < now || self.issued_at > now + window {
            return Err(ProofFlaw::NotRecent);
        }
        Ok(())
    }

    /// Judges whether it was made for this access token (RFC 9449 section 4.3).
    ///
    /// # Errors
    ///
    /// [`ProofFlaw::WrongToken`].
    pub fn judge_token(&self, access_token: &str) -> Result<(), ProofFlaw> {
        let hash = digest::digest(&digest::SHA256, access_token.as_bytes());
        match &self.token_hash {
            Some(found) if *found == base64url::encode(hash) => Ok(()),
            _ => Err(ProofFlaw::WrongToken),
        }
    }

    /// Judges whether it carries the nonce that the server gave (RFC 9449 section 8).
    ///
    /// # Errors
    ///
    /// [`ProofFlaw::WrongNonce`].
    pub fn judge_nonce(&self, accepted: &[String]) -> Result<(), ProofFlaw> {
        let found = self.nonce.as_deref().unwrap_or_default().as_bytes();
        let holds = |nonce: &String| {
            constant_time::verify_slices_are_equal(nonce.as_bytes(), found).is_ok()
        };
        if accepted.iter().any(holds) { Ok(()) } else { Err(ProofFlaw::WrongNonce) }
    }
}

fn text(claims: &mut Map<String, Value>, name: &str) -> Result<String, ProofFlaw> {
    optional_text(claims, name)?.ok_or(ProofFlaw::Malformed)
}

fn optional_text(claims: &mut Map<String, Value>, name: &str) -> Result<Option<String>, ProofFlaw> {
    match claims.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ProofFlaw::Malformed),
    }
}

/// Same scheme, host, port and path, after the normalization of RFC 3986 section 6.2.2 and
/// 6.2.3; query and fragment are not compared (RFC 9449 section 4.3).
fn same_target(claimed: &str, url: &Url) -> bool {
    Url::parse(claimed).is_ok_and(|claimed| {
        claimed.scheme() == url.scheme()
            && claimed.host() == url.host()
            && claimed.port_or_known_default() == url.port_or_known_default()
            && claimed.path() == url.path()
            && claimed.username().is_empty()
            && claimed.password().is_none()
    })
}
