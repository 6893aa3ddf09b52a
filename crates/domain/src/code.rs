//! Authorization codes (RFC 6749 section 4.1) and the challenge they are bound to (RFC 7636).

use std::str::FromStr;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_token::{ClientId, Scope, SessionId, Thumbprint, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::SecretHash;
use crate::claim::ClaimsRequest;
use crate::session::{Authentication, Device};

/// A code that was issued: what it stands for once redeemed.
#[derive(Clone, Debug)]
pub struct AuthorizationCode {
    /// The hash under which it is stored.
    pub hash: SecretHash,
    /// Who may redeem it.
    pub client_id: ClientId,
    /// Who signed in.
    pub user_id: UserId,
    /// Who they are to that client.
    pub subject: UserId,
    /// The session that it joins; without one, redeeming it opens a session.
    pub session_id: Option<SessionId>,
    /// What was allowed.
    pub scope: Scope,
    /// Whom the access tokens are for.
    pub audience: Vec<String>,
    /// Where it was sent; the redeemer must say the same (RFC 6749 section 4.1.3).
    pub redirect_uri: Option<String>,
    /// What the ID token must say.
    pub openid: OpenIdRequest,
    /// What the redeemer must know.
    pub challenge: Option<CodeChallenge>,
    /// The key that the redeemer must prove possession of (RFC 9449 section 10).
    pub confirmation: Option<Thumbprint>,
    /// Where the user signed in.
    pub device: Device,
    /// When and how.
    pub authentication: Authentication,
    /// The user's [`crate::User::sign_in_epoch`], read together with the password hash that the
    /// user proved to know.
    pub sign_in_epoch: u64,
    /// From then on it is worth nothing.
    pub expires_at: Timestamp,
}

/// What an authorization request asks of the ID token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenIdRequest {
    /// `nonce`, to be given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The claims asked for by name.
    #[serde(default)]
    pub claims: ClaimsRequest,
}

/// An S256 code challenge (RFC 7636 section 4.2); `plain` is not supported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeChallenge(String);

/// The text is not the base64url of 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an S256 code challenge")]
pub struct InvalidChallenge;

impl CodeChallenge {
    /// The challenge as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this verifier answers it (RFC 7636 section 4.6): 43 to 128 unreserved
    /// characters.
    pub fn is_answered_by(&self, verifier: &str) -> bool {
        let unreserved =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        let hash = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
        (43..=128).contains(&verifier.len())
            && verifier.bytes().all(unreserved)
            && bool::from(hash.as_bytes().ct_eq(self.0.as_bytes()))
    }
}

impl FromStr for CodeChallenge {
    type Err = InvalidChallenge;

    fn from_str(text: &str) -> Result<Self, InvalidChallenge> {
        match URL_SAFE_NO_PAD.decode(text) {
            Ok(bytes) if bytes.len() == 32 => Ok(Self(text.to_owned())),
            _ => Err(InvalidChallenge),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7636_holds() {
        let challenge: CodeChallenge =
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".parse().expect("valid");
        assert!(challenge.is_answered_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert!(!challenge.is_answered_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl"));
        assert!(!challenge.is_answered_by(challenge.as_str()));
    }
}
