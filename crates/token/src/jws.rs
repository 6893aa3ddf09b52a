//! Signed compact tokens (RFC 7515), parsed strictly; nothing here judges what they say.

use std::fmt;

use aws_lc_rs::hmac;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::strict_json::{StrictValue, Text, set_once};
use crate::{Algorithm, Flaw, Jwk, KeyId, PublicKey, base64url};

/// The parts of a JOSE header that we act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// `None` when the name is one that we do not support (`none` and `HS256` among them).
    pub algorithm: Option<Algorithm>,
    /// `kid`.
    pub key_id: Option<KeyId>,
    /// `typ`.
    pub token_type: Option<String>,
    /// `jwk`: looked at in DPoP proofs only.
    pub jwk: Option<Jwk>,
    /// Whether `alg` is `HS256`. Not an [`Algorithm`]: nothing that goes by a public key may
    /// ever take it for one, or everybody who knows that key could sign.
    hs256: bool,
}

impl Header {
    /// Whether `typ` is this media type, with or without its `application/` prefix
    /// (RFC 7515 section 4.1.9).
    pub fn is_type(&self, expected: &str) -> bool {
        self.token_type.as_deref().is_some_and(|found| {
            let short = match found.get(..12) {
                Some(prefix) if prefix.eq_ignore_ascii_case("application/") => &found[12..],
                _ => found,
            };
            short.eq_ignore_ascii_case(expected)
        })
    }
}

/// A token in compact form, taken apart. Holding one says nothing about its signature.
#[derive(Clone, Debug)]
pub struct Compact<'a> {
    /// The header.
    pub header: Header,
    /// The decoded payload.
    pub payload: Vec<u8>,
    signing_input: &'a str,
    signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    ///
    /// [`Flaw::Malformed`] when it is longer than `max_bytes`, not three parts of canonical
    /// base64url, or its header is not strict JSON, repeats a member, or names a critical
    /// extension (`crit`: we understand none).
    pub fn parse(token: &'a str, max_bytes: usize) -> Result<Self, Flaw> {
        if token.len() > max_bytes {
            return Err(Flaw::Malformed);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(Flaw::Malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(Flaw::Malformed)?;
        let header = base64url::decode(header).ok_or(Flaw::Malformed)?;
        Ok(Self {
            header: serde_json::from_slice(&header).map_err(|_| Flaw::Malformed)?,
            payload: base64url::decode(payload).ok_or(Flaw::Malformed)?,
            signing_input,
            signature: base64url::decode(signature).ok_or(Flaw::Malformed)?,
        })
    }

    /// Checks the signature.
    ///
    /// # Errors
    ///
    /// [`Flaw::UnsupportedAlgorithm`] when the header's algorithm is not the key's own,
    /// [`Flaw::BadSignature`] when the signature does not fit.
    pub fn verify(&self, key: &PublicKey) -> Result<(), Flaw> {
        if self.header.algorithm != Some(key.algorithm()) {
            return Err(Flaw::UnsupportedAlgorithm);
        }
        if key.verifies(self.signing_input.as_bytes(), &self.signature) {
            Ok(())
        } else {
            Err(Flaw::BadSignature)
        }
    }
}

impl Compact<'_> {
    /// Checks that whoever made it knew this secret: `HS256`, for `client_secret_jwt` and nothing
    /// else (OpenID Connect Core 1.0 section 9).
    ///
    /// # Errors
    ///
    /// [`Flaw::UnsupportedAlgorithm`] when the header names another algorithm,
    /// [`Flaw::BadSignature`] when the tag does not fit.
    pub fn verify_hs256(&self, secret: &[u8]) -> Result<(), Flaw> {
        if !self.header.hs256 {
            return Err(Flaw::UnsupportedAlgorithm);
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        hmac::verify(&key, self.signing_input.as_bytes(), &self.signature)
            .map_err(|_| Flaw::BadSignature)
    }
}

/// What is signed for a header and a payload: `BASE64URL(header).BASE64URL(payload)`.
pub fn signing_input(
    algorithm: Algorithm,
    key_id: &KeyId,
    token_type: &str,
    payload: &[u8],
) -> String {
    #[derive(Serialize)]
    struct Written<'a> {
        alg: Algorithm,
        typ: &'a str,
        kid: &'a KeyId,
    }
    let header = Written { alg: algorithm, typ: token_type, kid: key_id };
    let header = serde_json::to_vec(&header).expect("strings always serialize");
    let mut input = base64url::encode(header);
    input.push('.');
    input.push_str(&base64url::encode(payload));
    input
}

/// Completes a signing input with its signature.
pub fn compact(mut signing_input: String, signature: &[u8]) -> String {
    signing_input.push('.');
    signing_input.push_str(&base64url::encode(signature));
    signing_input
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Header, A::Error> {
        let (mut algorithm, mut key_id, mut token_type, mut jwk) = (None, None, None, None);
        let mut others: Vec<String> = Vec::new();
        while let Some(Text(name)) = members.next_key()? {
            match &*name {
                "alg" => set_once(&mut algorithm, members.next_value::<Text>()?.0)?,
                "kid" => set_once(&mut key_id, members.next_value()?)?,
                "typ" => set_once(&mut token_type, members.next_value()?)?,
                "jwk" => set_once(&mut jwk, members.next_value_seed(StrictValue)?)?,
                "crit" => return Err(de::Error::custom("unknown critical extension")),
                _ if others.iter().any(|other| *other == name) => {
                    return Err(de::Error::custom("duplicate member"));
                }
                _ => {
                    members.next_value_seed(StrictValue)?;
                    others.push(name.into_owned());
                }
            }
        }
        let algorithm = algorithm.ok_or_else(|| de::Error::missing_field("alg"))?;
        let jwk = jwk.map(Jwk::from_value).transpose().map_err(de::Error::custom)?;
        let hs256 = algorithm == "HS256";
        Ok(Header { algorithm: algorithm.parse().ok(), key_id, token_type, jwk, hs256 })
    }
}
