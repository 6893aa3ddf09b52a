//! What every handler can reach.

use std::sync::Arc;

use menshen_domain::credential::InvalidCost;
use menshen_domain::sealed::KeyEncryptionKey;
use menshen_domain::{Secret, User};
use menshen_store::{NewPassword, Store, StoreError};
use menshen_token::{Clock, Timestamp};

use crate::client_cache::ClientCache;
use crate::client_keys::ClientKeys;
use crate::config::Config;
use crate::feed::Hub;
use crate::hashing::{Busy, HashingPool};
use crate::keyring::{Keyring, KeyringError};
use crate::mail::{MailError, Mailer};
use crate::outbound::{Outbound, OutboundError};
use menshen_token::Entropy;

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
    pub(crate) feed: Hub,
    /// The threads that hash passwords.
    pub hashing: HashingPool,
    /// Clients, read a moment ago.
    pub clients: ClientCache,
    /// Who takes our mail.
    pub mail: Mailer,
    /// The door for requests that we send.
    pub outbound: Outbound,
    /// The public keys of clients, fetched a while ago.
    pub client_keys: ClientKeys,
}

/// The parts could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum AssemblyError {
    /// The keys could not be made ready.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The revocation log cannot be read.
    #[error("failed to read the revocation log")]
    Store(#[from] StoreError),
    /// Passwords cannot be hashed at this cost.
    #[error(transparent)]
    Hashing(#[from] InvalidCost),
    /// Mail cannot be sent.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// Requests cannot be sent.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
}

impl App {
    /// Puts the parts together around an open store, and starts the threads that hash and the
    /// task that follows the log.
    ///
    /// # Errors
    ///
    /// [`AssemblyError`].
    pub async fn assemble(
        config: Config,
        store: Store,
        encryption_key: KeyEncryptionKey,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, AssemblyError> {
        let now = clock.now();
        let outbound = Outbound::open(&config.outbound)?;
        let mail = Mailer::open(&config, clock.clone(), entropy.clone())?;
        let keyring =
            Keyring::open(store.clone(), encryption_key, entropy.clone(), &config, now).await?;
        let hashing =
            HashingPool::start(config.hashing_cost, config.hashing_threads, entropy.clone())?;
        let (feed, clients) =
            (Hub::start(store.clone(), clock.clone()).await?, ClientCache::default());
        tokio::spawn(feed.clone().forget_clients(clients.clone()));
        Ok(Self {
            feed,
            config: Arc::new(config),
            store,
            keyring: Arc::new(keyring),
            clock,
            entropy,
            hashing,
            clients,
            client_keys: ClientKeys::new(outbound.clone()),
            mail,
            outbound,
        })
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What is kept of a new password.
    pub(crate) async fn keep_password(
        &self,
        user: &User,
        password: Secret,
    ) -> Result<NewPassword, Busy> {
        let hash = self.hashing.hash(password.clone()).await?;
        Ok(self.keyring.keep_password(user, &self.config.digest_realm, &password, hash))
    }

    /// So many random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        self.entropy.bytes()
    }
}
