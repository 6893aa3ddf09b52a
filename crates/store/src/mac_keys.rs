//! The sealed server keys behind refresh tokens and logout handles.

use menshen_domain::mac_key::MacKeyId;
use menshen_token::Timestamp;

use crate::{Result, Store};

/// A MAC key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedMacKey {
    /// Its name.
    pub id: MacKeyId,
    /// Its bytes, sealed under its name.
    pub sealed: String,
    /// When it was made; the newest is the current one.
    pub created_at: Timestamp,
}

/// When to add a MAC key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddMacKey {
    /// In any case.
    Always,
    /// Only if there is none yet: of several nodes that start at once, one wins.
    IfNone,
}

impl Store {
    /// The keys, the current one first.
    pub async fn list_mac_keys(&self) -> Result<Vec<SealedMacKey>> {
        todo!()
    }

    /// Adds a key; whether it was added.
    pub async fn add_mac_key(&self, key: &SealedMacKey, when: AddMacKey) -> Result<bool> {
        todo!()
    }
}
