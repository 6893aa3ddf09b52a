//! The keys we sign and derive with: kept parsed, shared by all nodes through the store, moved
//! on by the schedule of `menshen_domain::signing_key`.

mod digest_key;
mod key_pair;
mod sealing;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use menshen_domain::mac_key::{MacKey, MacKeyId, MacKeys};
use menshen_domain::sealed::{CannotUnseal, KeyEncryptionKey};
use menshen_domain::signing_key::{self, Schedule, SigningKey, State, Step};
use menshen_store::{AddMacKey, Receipt, SealedMacKey, Store, StoreError};
use menshen_token::{
    ACCESS_TOKEN_TYPE, AccessToken, Algorithm, KeyId, KeySet, MAX_LEEWAY, Timestamp, jws,
};

use self::key_pair::KeyPair;
use crate::config::Config;
use crate::housekeeping::READ_KEYS_EVERY;
use menshen_token::Entropy;

/// Beyond the life of a cached JWK set, and the time until every node gives out the new one: what
/// requests and clocks may be late.
const ANNOUNCE_MARGIN: Duration = Duration::from_secs(30);

/// The keys could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The store failed.
    #[error("failed to reach the keys in the store")]
    Store(#[from] StoreError),
    /// A moment ago they could not be read.
    #[error("the keys could not be read a moment ago")]
    Unread,
    /// The key-encryption key is not the one that the keys in the store were sealed with.
    #[error("key {0} in the store was sealed with another key-encryption key")]
    Sealed(String, #[source] CannotUnseal),
    /// A key in the store is damaged.
    #[error("key {0} in the store is damaged")]
    Damaged(String),
    /// No key of this algorithm is there to sign with.
    #[error("no active {0} key")]
    NoKey(Algorithm),
}

/// The keys we sign and derive with.
#[derive(Debug)]
pub struct Keyring {
    store: Store,
    encryption_key: KeyEncryptionKey,
    entropy: Arc<dyn Entropy>,
    schedule: Schedule,
    ring: ArcSwap<Ring>,
    /// When the keys were last read because of an unknown one, on the monotonic clock, and
    /// whether they could be.
    sought: tokio::sync::Mutex<Option<(Duration, bool)>>,
}

/// How often a token under an unknown key makes us read the keys: strangers can send many.
const SEEK_EVERY: Duration = Duration::from_secs(1);

/// One reading of the keys in the store.
#[derive(Debug)]
struct Ring {
    signers: HashMap<Algorithm, (KeyId, Arc<KeyPair>)>,
    public: Arc<KeySet>,
    document: Bytes,
    mac_keys: MacKeys,
}

impl Keyring {
    /// Reads the keys, and makes the first ones if there are none: an ES256 key and a MAC key.
    pub async fn open(
        store: Store,
        encryption_key: KeyEncryptionKey,
        entropy: Arc<dyn Entropy>,
        config: &Config,
        now: Timestamp,
    ) -> Result<Self, KeyringError> {
        if store.list_mac_keys().await?.is_empty() {
            let first = new_mac_key(&encryption_key, entropy.as_ref(), now);
            store.add_mac_key(&first, AddMacKey::IfNone).await?;
        }
        let ring = read(&store, &encryption_key).await?;
        let keyring = Self {
            store,
            encryption_key,
            entropy,
            schedule: Schedule {
                rotate_every: config.keys_rotate_every,
                announce_for: config.keys_cached_for + READ_KEYS_EVERY + ANNOUNCE_MARGIN,
                keep_for: config.access_token_ceiling + MAX_LEEWAY + Duration::from_mins(1),
            },
            ring: ArcSwap::from_pointee(ring),
            sought: tokio::sync::Mutex::default(),
        };
        keyring.tend(Algorithm::default(), now).await?;
        Ok(keyring)
    }

    /// Signs an access token, writing the key's id into it.
    pub fn mint(
        &self,
        algorithm: Algorithm,
        token: &mut AccessToken,
    ) -> Result<String, KeyringError> {
        let ring = self.ring.load();
        let (key_id, _) = ring.signers.get(&algorithm).ok_or(KeyringError::NoKey(algorithm))?;
        token.key_id = key_id.clone();
        ring.sign(algorithm, ACCESS_TOKEN_TYPE, &token.to_payload())
    }

    /// Signs a payload as a JWS of this type.
    pub fn sign(
        &self,
        algorithm: Algorithm,
        token_type: &str,
        payload: &[u8],
    ) -> Result<String, KeyringError> {
        self.ring.load().sign(algorithm, token_type, payload)
    }

    /// Signs a payload as a JWS that leaves it out (RFC 7515 appendix F): `header..signature`.
    pub fn sign_detached(
        &self,
        algorithm: Algorithm,
        token_type: &str,
        payload: &[u8],
    ) -> Result<String, KeyringError> {
        let compact = self.sign(algorithm, token_type, payload)?;
        let header = compact.split('.').next().unwrap_or_default();
        let signature = compact.rsplit('.').next().unwrap_or_default();
        Ok(format!("{header}..{signature}"))
    }

    /// The public keys, for our own checks.
    pub fn public(&self) -> Arc<KeySet> {
        self.ring.load().public.clone()
    }

    /// The JWK set document.
    pub fn document(&self) -> Bytes {
        self.ring.load().document.clone()
    }

    /// The server keys behind refresh tokens and logout handles.
    pub fn mac_keys(&self) -> MacKeys {
        self.ring.load().mac_keys.clone()
    }

    /// Reads the keys again, for what other nodes did.
    pub async fn reload(&self) -> Result<(), KeyringError> {
        self.ring.store(Arc::new(read(&self.store, &self.encryption_key).await?));
        Ok(())
    }

    /// Reads the keys again because a token names one that is not known here: another node may
    /// have made it a moment ago. Once a second for all who ask, whose number anybody can raise.
    ///
    /// # Errors
    ///
    /// Those of [`Keyring::reload`]; [`KeyringError::Unread`] to those who ask within the second.
    pub async fn refresh_for_unknown(&self, now: Duration) -> Result<(), KeyringError> {
        let mut sought = self.sought.lock().await;
        match *sought {
            Some((at, found)) if now.saturating_sub(at) < SEEK_EVERY => {
                if found {
                    Ok(())
                } else {
                    Err(KeyringError::Unread)
                }
            }
            _ => {
                let read = self.reload().await;
                *sought = Some((now, read.is_ok()));
                read
            }
        }
    }

    /// Sees to it that every algorithm has a key. Whoever reads the JWK set before a key is made
    /// takes what it signs for a forgery, and some read it only once.
    pub async fn prepare(&self, now: Timestamp) -> Result<(), KeyringError> {
        // Together, because it takes a while to find the primes of RSA.
        let [first, second, third, fourth] = Algorithm::ALL.map(|one| self.tend(one, now));
        tokio::try_join!(first, second, third, fourth)?;
        // Each may have read the keys before another wrote.
        self.reload().await
    }

    /// Does what is due for the keys of one algorithm, and sees to it that one can sign.
    pub async fn tend(&self, algorithm: Algorithm, now: Timestamp) -> Result<(), KeyringError> {
        let mut keys = self.store.list_signing_keys().await?;
        keys.retain(|key| key.algorithm == algorithm);
        let steps = signing_key::plan(&keys, &self.schedule, now);
        for step in &steps {
            self.take(step, algorithm, now).await?;
        }
        if steps.is_empty() && self.ring.load().signers.contains_key(&algorithm) {
            return Ok(());
        }
        self.reload().await
    }

    async fn take(
        &self,
        step: &Step,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<(), KeyringError> {
        tracing::info!(key.algorithm = %algorithm, key.step = ?step, "signing key moves on");
        match step {
            Step::Announce => {
                self.store.add_signing_key(&self.new_key(algorithm, None, now).await, None).await?;
            }
            Step::Start => {
                let key = self.new_key(algorithm, Some(now), now).await;
                self.store.add_signing_key(&key, Some(algorithm)).await?;
            }
            Step::Activate(id) => {
                self.store.activate_signing_key(id, now).await?;
            }
            Step::Remove(id) => {
                self.store.remove_signing_key(id, now).await?;
            }
        }
        Ok(())
    }

    /// Every algorithm that has a key.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        self.ring.load().signers.keys().copied().collect()
    }

    /// Announces the next key of an algorithm ahead of schedule; it signs once every cache has
    /// seen it.
    pub async fn rotate(&self, algorithm: Algorithm, now: Timestamp) -> Result<(), KeyringError> {
        let keys = self.store.list_signing_keys().await?;
        let mut announced = keys.iter().filter(|key| key.state() == State::Announced);
        if !announced.any(|key| key.algorithm == algorithm) {
            self.take(&Step::Announce, algorithm, now).await?;
        }
        self.reload().await
    }

    /// Withdraws a key at once: out of the JWK set, every token it signed dead, a new key
    /// signing. `None` when there is no such key.
    pub async fn revoke(
        &self,
        id: &KeyId,
        now: Timestamp,
    ) -> Result<Option<Receipt>, KeyringError> {
        let keys = self.store.list_signing_keys().await?;
        let Some(key) = keys.iter().find(|key| key.id == *id) else { return Ok(None) };
        let replacement = self.new_key(key.algorithm, Some(now), now).await;
        let receipt = self.store.revoke_signing_key(id, &replacement, now).await?;
        self.reload().await?;
        Ok(receipt)
    }

    /// A search for RSA primes takes long enough to keep a thread of the runtime from others.
    async fn new_key(
        &self,
        algorithm: Algorithm,
        activated_at: Option<Timestamp>,
        now: Timestamp,
    ) -> SigningKey {
        let made = tokio::task::spawn_blocking(move || KeyPair::generate(algorithm)).await;
        let (pair, pkcs8) = made.expect("making a key does not panic");
        let mut public = pair.public();
        let id: KeyId = public.thumbprint().as_str().parse().expect("base64url is a key id");
        public.key_id = Some(id.clone());
        public.algorithm = Some(algorithm);
        let sealed_private = self.encryption_key.seal(id.as_str(), self.entropy.bytes(), &pkcs8);
        SigningKey {
            id,
            algorithm,
            public,
            sealed_private,
            announced_at: now,
            activated_at,
            retired_at: None,
            removed_at: None,
        }
    }
}

impl Ring {
    fn sign(
        &self,
        algorithm: Algorithm,
        token_type: &str,
        payload: &[u8],
    ) -> Result<String, KeyringError> {
        let (key_id, pair) = self.signers.get(&algorithm).ok_or(KeyringError::NoKey(algorithm))?;
        let input = jws::signing_input(algorithm, key_id, token_type, payload);
        let signature = pair.sign(algorithm, input.as_bytes());
        Ok(jws::compact(input, &signature))
    }
}

async fn read(store: &Store, encryption_key: &KeyEncryptionKey) -> Result<Ring, KeyringError> {
    let mut keys = store.list_signing_keys().await?;
    keys.retain(|key| key.state() != State::Removed);
    keys.sort_by_key(|key| key.activated_at);
    let mut signers = HashMap::new();
    let mut public = KeySet::default();
    for key in &keys {
        let damaged = || KeyringError::Damaged(key.id.to_string());
        public.insert(key.public.clone()).map_err(|_| damaged())?;
        if key.state() == State::Active {
            let pkcs8 = encryption_key
                .unseal(key.id.as_str(), &key.sealed_private)
                .map_err(|error| KeyringError::Sealed(key.id.to_string(), error))?;
            let pair = KeyPair::from_pkcs8(key.algorithm, &pkcs8).ok_or_else(damaged)?;
            signers.insert(key.algorithm, (key.id.clone(), Arc::new(pair)));
        }
    }
    let document = serde_json::to_vec(&public).expect("a key set always serializes").into();
    let mac_keys = read_mac_keys(store, encryption_key).await?;
    Ok(Ring { signers, public: Arc::new(public), document, mac_keys })
}

/// The newest MAC key is the current one.
async fn read_mac_keys(
    store: &Store,
    encryption_key: &KeyEncryptionKey,
) -> Result<MacKeys, KeyringError> {
    let mut sealed = store.list_mac_keys().await?;
    sealed.sort_by_key(|key| std::cmp::Reverse(key.created_at));
    let mut keys = Vec::new();
    for key in sealed {
        let bytes = encryption_key
            .unseal(key.id.as_str(), &key.sealed)
            .map_err(|error| KeyringError::Sealed(key.id.to_string(), error))?;
        let bytes: &[u8; 32] =
            bytes.as_slice().try_into().map_err(|_| KeyringError::Damaged(key.id.to_string()))?;
        keys.push(MacKey::new(key.id.clone(), bytes));
    }
    let mut keys = keys.into_iter();
    let current = keys.next().ok_or_else(|| KeyringError::Damaged("mac".to_owned()))?;
    Ok(MacKeys::new(current, keys.collect()))
}

fn new_mac_key(
    encryption_key: &KeyEncryptionKey,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> SealedMacKey {
    let id = MacKeyId::from_bytes(entropy.bytes());
    let sealed = encryption_key.seal(id.as_str(), entropy.bytes(), &entropy.bytes::<32>());
    SealedMacKey { id, sealed, created_at: now }
}
