//! The public keys of clients, and of others whose signatures we check: given to us, or fetched
//! from where they are published and kept for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::StatusCode;
use menshen_domain::Client;
use menshen_token::jws::Compact;
use menshen_token::{Algorithm, Flaw, ForeignKeys};
use serde_json::Value;
use url::Url;

use crate::outbound::Outbound;

/// How long fetched keys are believed.
const LIFETIME: Duration = Duration::from_mins(5);

/// How often they are fetched at most, however many tokens name a key that is not among them.
const COOLDOWN: Duration = Duration::from_secs(2);

/// The most addresses whose keys are kept.
const MAX_SLOTS: usize = 1024;

/// Where the keys of a party are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeySource<'a> {
    /// Here: a JWK set.
    Given(&'a Value),
    /// At this address.
    Published(&'a str),
}

impl<'a> KeySource<'a> {
    /// Where those of a client are; `None` when it has none.
    pub(crate) fn of(client: &'a Client) -> Option<Self> {
        let metadata = &client.metadata;
        let given = metadata.jwks.as_ref().map(Self::Given);
        given.or_else(|| metadata.jwks_uri.as_deref().map(Self::Published))
    }
}

/// The public keys of others. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ClientKeys {
    outbound: Outbound,
    slots: Arc<Mutex<HashMap<String, Arc<Slot>>>>,
}

/// What is known of one address.
#[derive(Debug, Default)]
struct Slot {
    fetched: ArcSwapOption<Fetched>,
    /// When they were last asked for, on the monotonic clock. Held while somebody asks, so that
    /// the others wait for the same answer.
    tried_at: tokio::sync::Mutex<Option<Duration>>,
}

#[derive(Debug)]
struct Fetched {
    keys: ForeignKeys,
    /// On the monotonic clock.
    at: Duration,
}

impl ClientKeys {
    /// Keys that are fetched through this door.
    pub(crate) fn new(outbound: Outbound) -> Self {
        Self { outbound, slots: Arc::default() }
    }

    /// Checks a signature by one of these algorithms. A key that is not known is looked for
    /// where keys are published: it may be new.
    ///
    /// # Errors
    ///
    /// Those of [`ForeignKeys::verify`]; [`Flaw::UnknownKey`] when there are no keys to be had.
    pub(crate) async fn verify(
        &self,
        source: KeySource<'_>,
        token: &Compact<'_>,
        allowed: &[Algorithm],
        now: Duration,
    ) -> Result<(), Flaw> {
        let nameless = token.header.key_id.is_none();
        let judge = |keys: &ForeignKeys| match keys.verify(token, allowed) {
            // Without a name, a new key looks like a wrong one.
            Err(Flaw::BadSignature) if nameless => Err(Flaw::UnknownKey),
            judged => judged,
        };
        self.judge(source, now, judge).await
    }

    /// Judges by the keys; those of an address are fetched once more when they are old, or do
    /// not have the one that is needed.
    ///
    /// # Errors
    ///
    /// What `judge` finds; [`Flaw::UnknownKey`] when there are no keys to be had.
    pub(crate) async fn judge(
        &self,
        source: KeySource<'_>,
        now: Duration,
        judge: impl Fn(&ForeignKeys) -> Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        let address = match source {
            KeySource::Given(jwks) => {
                let keys = ForeignKeys::from_value(jwks.clone());
                return judge(&keys.map_err(|_| Flaw::UnknownKey)?);
            }
            KeySource::Published(address) => address,
        };
        let slot = self.slot(address, now);
        let known = slot.fetched.load_full().filter(|fetched| fetched.is_fresh(now));
        if let Some(known) = &known {
            let judged = judge(&known.keys);
            if judged != Err(Flaw::UnknownKey) {
                return judged;
            }
        }
        let mut tried_at = slot.tried_at.lock().await;
        if tried_at.is_some_and(|at| now.saturating_sub(at) < COOLDOWN) {
            // Whoever asked meanwhile may have found it.
            let found = slot.fetched.load_full().filter(|fetched| fetched.is_fresh(now));
            return found.map_or(Err(Flaw::UnknownKey), |found| judge(&found.keys));
        }
        *tried_at = Some(now);
        let keys = self.fetch(address).await.ok_or(Flaw::UnknownKey)?;
        let fetched = Arc::new(Fetched { keys, at: now });
        slot.fetched.store(Some(fetched.clone()));
        drop(tried_at);
        judge(&fetched.keys)
    }

    fn slot(&self, address: &str, now: Duration) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(address) {
            return slot.clone();
        }
        if slots.len() >= MAX_SLOTS {
            slots.retain(|_, slot| slot.fetched.load().as_ref().is_some_and(|f| f.is_fresh(now)));
        }
        if slots.len() >= MAX_SLOTS {
            slots.clear();
        }
        slots.entry(address.to_owned()).or_default().clone()
    }

    async fn fetch(&self, address: &str) -> Option<ForeignKeys> {
        const ACCEPT: &str = "application/jwk-set+json, application/json";
        let url: Url = address.parse().ok()?;
        let refuse = |cause: &dyn std::fmt::Debug| {
            tracing::warn!(url.host = url.host_str(), ?cause, "cannot fetch the keys of a client");
        };
        match self.outbound.get(&url, ACCEPT).await {
            Ok(answer) if answer.status == StatusCode::OK => {
                let keys = ForeignKeys::from_json(&answer.body);
                keys.inspect_err(|error| refuse(error)).ok()
            }
            Ok(answer) => {
                refuse(&answer.status);
                None
            }
            Err(refused) => {
                refuse(&refused);
                None
            }
        }
    }
}

impl Fetched {
    fn is_fresh(&self, now: Duration) -> bool {
        now.saturating_sub(self.at) < LIFETIME
    }
}
