//! A short-lived JWT that tells a service behind who asks, signed by the gateway for that service.

use std::fmt;
use std::path::Path;

use aws_lc_rs::digest;
use http::HeaderValue;
use menshen_token::{KeyId, KeySet, Timestamp, jws};
use serde::Serialize;

use super::Identity;
use super::signing_key::{KeyError, SigningKey};
use crate::Entropy;
use crate::config::Assertions;

/// Signs for services behind, and remembers what it signed, so that a client that asks often
/// costs one signature in half a minute.
pub struct Signer {
    key: SigningKey,
    key_id: KeyId,
    says: Assertions,
    signed: papaya::HashMap<[u8; 32], Signed>,
}

struct Signed {
    jwt: HeaderValue,
    /// Until when it is handed out.
    until: Timestamp,
}

/// At about a kilobyte each.
const REMEMBERED: usize = 20_000;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    scope: &'a str,
    roles: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    iat: i64,
    exp: i64,
    jti: String,
}

impl Signer {
    /// Signs by these settings, with the key from their file, which is made when there is none.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn open(says: &Assertions) -> Result<Self, KeyError> {
        let key = SigningKey::open(Path::new(&says.key))?;
        let (key_id, _) = key.public();
        Ok(Self { key, key_id, says: says.clone(), signed: papaya::HashMap::new() })
    }

    /// What services behind check the signatures with.
    pub fn keys(&self) -> KeySet {
        let mut keys = KeySet::default();
        keys.insert(self.key.public().1).expect("a key that signs has a public half");
        keys
    }

    /// How many JWTs are remembered.
    pub(crate) fn remembered(&self) -> usize {
        self.signed.len()
    }

    /// A JWT about this identity for this service.
    pub(crate) fn assert(
        &self,
        identity: &Identity,
        audience: &str,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> HeaderValue {
        let place = place(identity, audience);
        let signed = self.signed.pin();
        if let Some(found) = signed.get(&place).filter(|found| found.until > now) {
            return found.jwt.clone();
        }
        if signed.len() >= REMEMBERED {
            signed.retain(|_, signed| signed.until > now);
            if signed.len() >= REMEMBERED {
                signed.clear();
            }
        }
        let expires_at = (now + self.says.lifetime).min(identity.expires_at);
        let jwt = self.sign(identity, audience, (now, expires_at), entropy);
        // What is left is enough for the service behind to look at it.
        let until = (now + self.says.lifetime / 2).min(identity.expires_at);
        signed.insert(place, Signed { jwt: jwt.clone(), until });
        jwt
    }

    fn sign(
        &self,
        identity: &Identity,
        audience: &str,
        (issued_at, expires_at): (Timestamp, Timestamp),
        entropy: &dyn Entropy,
    ) -> HeaderValue {
        let claims = Claims {
            iss: &self.says.issuer,
            aud: audience,
            sub: &identity.subject,
            client_id: &identity.client_id,
            sid: identity.session_id.as_deref(),
            scope: identity.scope.as_str(),
            roles: &identity.roles,
            acr: identity.acr.as_deref(),
            auth_time: identity.authenticated_at.map(Timestamp::as_seconds),
            iat: issued_at.as_seconds(),
            exp: expires_at.as_seconds(),
            jti: format!("{:032x}", u128::from_be_bytes(entropy.bytes())),
        };
        let payload = serde_json::to_vec(&claims).expect("strings always serialize");
        let input = jws::signing_input(self.key.algorithm(), &self.key_id, "JWT", &payload);
        let signature = self.key.sign(input.as_bytes());
        let jwt = jws::compact(input, &signature);
        let mut value = HeaderValue::from_str(&jwt).expect("base64url stands in a header");
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// Everything that the JWT says, so that nobody ever gets what was signed about somebody else.
fn place(identity: &Identity, audience: &str) -> [u8; 32] {
    let said = (
        audience,
        &identity.subject,
        &identity.client_id,
        &identity.session_id,
        identity.scope.as_str(),
        &identity.roles,
        &identity.acr,
        identity.authenticated_at,
        identity.expires_at,
    );
    let said = serde_json::to_vec(&said).expect("strings and numbers always serialize");
    let digest = digest::digest(&digest::SHA256, &said);
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests;
