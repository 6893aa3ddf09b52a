//! The keys of somebody else, as they publish them: `kid` and `alg` may be missing, and one key
//! may sign in two ways.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::jws::Compact;
use crate::{Algorithm, Flaw, InvalidKey, Jwk, KeyId, PublicKey, Thumbprint, strict_json};

/// The most keys that a set may hold: each may have to be tried.
const MAX_KEYS: usize = 32;

/// The JWK set (RFC 7517 section 5) of a party whose signatures we check. Never a symmetric or
/// private key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForeignKeys {
    keys: Vec<Jwk>,
    certificates: Vec<Vec<u8>>,
}

impl ForeignKeys {
    /// Reads a JWK set document.
    ///
    /// # Errors
    ///
    /// Those of [`ForeignKeys::from_value`]; [`InvalidKey`] when a member is there twice.
    pub fn from_json(document: &[u8]) -> Result<Self, InvalidKey> {
        let document = strict_json::parse_object(document).ok_or(InvalidKey)?;
        Self::from_value(Value::Object(document))
    }

    /// Reads a JWK set that has been parsed already. What is for encryption, of a kind that we
    /// do not use, private or symmetric is passed over.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`] when it is not a JWK set at all, or has more than 32 members.
    pub fn from_value(document: Value) -> Result<Self, InvalidKey> {
        let Value::Object(mut document) = document else { return Err(InvalidKey) };
        let Some(Value::Array(jwks)) = document.remove("keys") else { return Err(InvalidKey) };
        if jwks.len() > MAX_KEYS {
            return Err(InvalidKey);
        }
        let signing = |jwk: &Value| {
            let usage = jwk.get("use").is_none_or(|usage| usage == "sig");
            let operations = jwk.get("key_ops").is_none_or(|operations| {
                operations.as_array().is_some_and(|all| all.iter().any(|one| one == "verify"))
            });
            usage && operations
        };
        let mut set = Self::default();
        for jwk in jwks.into_iter().filter(signing) {
            set.certificates.extend(certificate(&jwk));
            set.keys.extend(Jwk::from_value(jwk).ok());
        }
        Ok(set)
    }

    /// Whether one of them goes by this name.
    pub fn knows(&self, key_id: &KeyId) -> bool {
        self.keys.iter().any(|key| key.key_id.as_ref() == Some(key_id))
    }

    /// Whether this is one of them.
    pub fn holds(&self, thumbprint: &Thumbprint) -> bool {
        self.keys.iter().any(|key| key.thumbprint() == *thumbprint)
    }

    /// Whether this certificate, in DER, stands first in the `x5c` of one of them (RFC 7517
    /// section 4.7).
    pub fn holds_certificate(&self, der: &[u8]) -> bool {
        self.certificates.iter().any(|certificate| certificate == der)
    }

    /// Checks a signature by one of these algorithms: under the keys of the `kid` that the token
    /// names, or under all when it names none. A key with an `alg` is for that one only.
    ///
    /// # Errors
    ///
    /// [`Flaw::UnsupportedAlgorithm`], [`Flaw::UnknownKey`] or [`Flaw::BadSignature`].
    pub fn verify(&self, token: &Compact<'_>, allowed: &[Algorithm]) -> Result<(), Flaw> {
        let algorithm = token.header.algorithm.ok_or(Flaw::UnsupportedAlgorithm)?;
        if !allowed.contains(&algorithm) {
            return Err(Flaw::UnsupportedAlgorithm);
        }
        let named = |jwk: &&Jwk| token.header.key_id.is_none() || token.header.key_id == jwk.key_id;
        let fits = |jwk: &&Jwk| jwk.algorithm.is_none_or(|only| only == algorithm);
        let candidates = self.keys.iter().filter(named).filter(fits);
        let mut found = Err(Flaw::UnknownKey);
        for key in candidates.filter_map(|jwk| PublicKey::new(jwk, algorithm).ok()) {
            found = token.verify(&key);
            if found.is_ok() {
                break;
            }
        }
        found
    }
}

/// The certificate of the key itself.
fn certificate(jwk: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(jwk.get("x5c")?.get(0)?.as_str()?).ok()
}

#[cfg(test)]
mod tests;
