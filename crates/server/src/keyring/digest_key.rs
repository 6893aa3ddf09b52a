//! New passwords as they are kept: hashed, and for HTTP Digest as a key that is sealed, because it
//! is as good as the password in its realm.

use menshen_domain::credential::PasswordHash;
use menshen_domain::{Secret, User};
use menshen_store::{NewPassword, SealedDigestKey};
use menshen_token::UserId;
use menshen_token::digest::DigestKey;

use super::{Keyring, KeyringError};

impl Keyring {
    /// What is kept of a new password.
    pub fn keep_password(
        &self,
        user: &User,
        realm: &str,
        password: &Secret,
        hash: PasswordHash,
    ) -> NewPassword {
        NewPassword { hash, digest_key: Some(self.seal_digest_key(user, realm, password)) }
    }

    /// Seals what HTTP Digest is judged by.
    pub fn seal_digest_key(&self, user: &User, realm: &str, password: &Secret) -> SealedDigestKey {
        let key = DigestKey::of(user.username.as_str(), realm, password.expose());
        let name = name(&user.id, realm);
        let sealed = self.encryption_key.seal(&name, self.entropy.bytes(), key.expose().as_bytes());
        SealedDigestKey { realm: realm.to_owned(), sealed }
    }

    /// Opens it again.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Sealed`], [`KeyringError::Damaged`].
    pub fn unseal_digest_key(
        &self,
        id: &UserId,
        key: &SealedDigestKey,
    ) -> Result<DigestKey, KeyringError> {
        let name = name(id, &key.realm);
        let unsealed = self.encryption_key.unseal(&name, &key.sealed);
        let unsealed = unsealed.map_err(|error| KeyringError::Sealed(name.clone(), error))?;
        let text = std::str::from_utf8(&unsealed).ok().and_then(|text| text.parse().ok());
        text.ok_or(KeyringError::Damaged(name))
    }
}

/// Under which name the key of a user is sealed: no key of ours has a space in its id.
fn name(id: &UserId, realm: &str) -> String {
    format!("digest {id} {realm}")
}
