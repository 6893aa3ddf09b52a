//! What every handler can reach.

use std::sync::Arc;

use menshen_store::Store;
use menshen_token::{Clock, Timestamp};

use crate::client_cache::ClientCache;
use crate::config::Config;
use crate::entropy::Entropy;
use crate::feed::Hub;
use crate::hashing::HashingPool;
use crate::keyring::Keyring;

/// What every handler can reach. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// How the operator wants it.
    pub config: Arc<Config>,
    /// The truth.
    pub store: Store,
    /// The keys we sign and derive with.
    pub keyring: Arc<Keyring>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The connected verifiers.
    pub feed: Hub,
    /// The threads that hash passwords.
    pub hashing: HashingPool,
    /// Clients, read a moment ago.
    pub clients: ClientCache,
}

impl App {
    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// So many random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        self.entropy.bytes()
    }
}
