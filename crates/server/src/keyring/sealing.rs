//! Secrets that must be used again, sealed with the key-encryption key: each under the name of whom
//! it belongs to, so that nobody's can be put in the place of another's.

use std::time::Duration;

use menshen_domain::Secret;
use menshen_domain::client::{AuthMethod, ClientMetadata};
use menshen_domain::one_time_password::TotpSecret;
use menshen_token::{ClientId, Timestamp, UserId};
use zeroize::Zeroizing;

use super::{Keyring, KeyringError};

/// How long somebody may take to set an app up with a secret that was shown.
const OFFER_LIFETIME: Duration = Duration::from_mins(15);

impl Keyring {
    /// Seals the secret of a client that makes its assertions with it.
    pub fn seal_secret(&self, id: &ClientId, secret: &Secret) -> String {
        self.encryption_key.seal(&secret_name(id), self.entropy.bytes(), secret.expose().as_bytes())
    }

    /// What is kept of a client's secret beside its hash: the secret sealed, when its assertions
    /// are made with it, and else nothing.
    pub fn keep_secret(
        &self,
        id: &ClientId,
        by: &ClientMetadata,
        secret: &Secret,
    ) -> Option<String> {
        let method = by.token_endpoint_auth_method;
        (method == Some(AuthMethod::ClientSecretJwt)).then(|| self.seal_secret(id, secret))
    }

    /// Opens the sealed secret of a client.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Sealed`].
    pub fn unseal_secret(
        &self,
        id: &ClientId,
        sealed: &str,
    ) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        let name = secret_name(id);
        let unsealed = self.encryption_key.unseal(&name, sealed);
        unsealed.map_err(|error| KeyringError::Sealed(name, error))
    }

    /// Seals the secret of a user's one-time passwords.
    pub fn seal_totp(&self, id: &UserId, secret: &TotpSecret) -> String {
        self.encryption_key.seal(&totp_name(id), self.entropy.bytes(), secret.as_bytes())
    }

    /// Opens the sealed secret of a user's one-time passwords.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Sealed`], [`KeyringError::Damaged`].
    pub fn unseal_totp(&self, id: &UserId, sealed: &str) -> Result<TotpSecret, KeyringError> {
        let name = totp_name(id);
        match self.encryption_key.unseal(&name, sealed) {
            Ok(bytes) => match bytes.as_slice().try_into() {
                Ok(bytes) => Ok(TotpSecret::from_bytes(bytes)),
                Err(_) => Err(KeyringError::Damaged(name)),
            },
            Err(error) => Err(KeyringError::Sealed(name, error)),
        }
    }

    /// Seals a secret that a user is shown, to be brought back with the first code.
    pub fn offer_totp(&self, id: &UserId, secret: &TotpSecret, now: Timestamp) -> String {
        let offered = [&now.as_millis().to_be_bytes(), secret.as_bytes().as_slice()].concat();
        let offered = Zeroizing::new(offered);
        self.encryption_key.seal(&offer_name(id), self.entropy.bytes(), &offered)
    }

    /// The secret that this user was shown a while ago; `None` for anything else.
    pub fn offered_totp(&self, id: &UserId, offer: &str, now: Timestamp) -> Option<TotpSecret> {
        let offered = self.encryption_key.unseal(&offer_name(id), offer).ok()?;
        let (millis, secret) = offered.split_first_chunk::<8>()?;
        let shown_at = Timestamp::from_millis(i64::from_be_bytes(*millis));
        let fresh = now.since(shown_at) <= OFFER_LIFETIME;
        secret.try_into().ok().filter(|_| fresh).map(TotpSecret::from_bytes)
    }
}

/// Under which name the secret of a client is sealed: no key of ours has a space in its id.
fn secret_name(id: &ClientId) -> String {
    format!("secret {id}")
}

fn totp_name(id: &UserId) -> String {
    format!("one-time passwords of {id}")
}

fn offer_name(id: &UserId) -> String {
    format!("one-time passwords offered to {id}")
}
