//! Signing keys: announced, active, retired, removed; all nodes agree through these rows.

use menshen_domain::signing_key::SigningKey;
use menshen_token::{Algorithm, KeyId, Timestamp};

use crate::{Receipt, Result, Store};

impl Store {
    /// Every key, also those removed within the last 30 days, oldest first.
    pub async fn list_signing_keys(&self) -> Result<Vec<SigningKey>> {
        todo!()
    }

    /// Adds a key; with an algorithm, only if no key of that algorithm is active. Whether it
    /// was added. [`Which::SigningKey`] may be taken.
    ///
    /// [`Which::SigningKey`]: crate::Which::SigningKey
    pub async fn add_signing_key(
        &self,
        key: &SigningKey,
        unless_active: Option<Algorithm>,
    ) -> Result<bool> {
        todo!()
    }

    /// Lets an announced key sign, and retires the others of its algorithm; whether this call
    /// did so.
    pub async fn activate_signing_key(&self, id: &KeyId, now: Timestamp) -> Result<bool> {
        todo!()
    }

    /// Takes a key out of the JWK set at the end of its life; whether this call did so.
    pub async fn remove_signing_key(&self, id: &KeyId, now: Timestamp) -> Result<bool> {
        todo!()
    }

    /// Withdraws a key at once, kills every token it signed, and lets another sign in its
    /// place. `None` when there is no such key.
    pub async fn revoke_signing_key(
        &self,
        id: &KeyId,
        replacement: &SigningKey,
        now: Timestamp,
    ) -> Result<Option<Receipt>> {
        todo!()
    }
}
