//! The issuer's keys, kept fresh in the background, and with them the tokens they verified.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwapOption, Guard};
use menshen_token::KeySet;
use tokio::sync::Notify;

use crate::issuer::{Issuer, IssuerError};
use crate::token_cache::TokenCache;

/// Keys, and the tokens that were verified with exactly these. Swapped as one, so that no
/// token outlives its key in the cache.
#[derive(Debug)]
pub(crate) struct KeyRing {
    pub(crate) keys: KeySet,
    pub(crate) tokens: TokenCache,
}

#[derive(Debug)]
pub(crate) struct KeyCache {
    ring: ArcSwapOption<KeyRing>,
    token_capacity: usize,
    wanted: Notify,
    /// Monotonic milliseconds of the last poke.
    poked_at_ms: AtomicI64,
    cooldown: Duration,
}

impl KeyCache {
    pub(crate) fn new(token_capacity: usize, cooldown: Duration) -> Self {
        Self {
            ring: ArcSwapOption::empty(),
            token_capacity,
            wanted: Notify::new(),
            poked_at_ms: AtomicI64::new(i64::MIN),
            cooldown,
        }
    }

    /// The keys; `None` before they were first fetched.
    pub(crate) fn ring(&self) -> Guard<Option<Arc<KeyRing>>> {
        self.ring.load()
    }

    /// Somebody presented a token under a key that we do not have. Once per cool-down this
    /// fetches the keys; in between it costs two loads.
    pub(crate) fn poke(&self, now: Duration) {
        let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let cooldown_ms = i64::try_from(self.cooldown.as_millis()).unwrap_or(i64::MAX);
        let poked_at_ms = self.poked_at_ms.load(Ordering::Relaxed);
        if poked_at_ms != i64::MIN && now_ms - poked_at_ms < cooldown_ms {
            return;
        }
        let ours = self.poked_at_ms.compare_exchange(
            poked_at_ms,
            now_ms,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if ours.is_ok() {
            self.refresh();
        }
    }

    /// Fetches the keys now.
    pub(crate) fn refresh(&self) {
        self.wanted.notify_one();
    }

    /// Takes a key set as the current one. Tokens verified so far are kept only if it is the
    /// same one.
    pub(crate) fn replace(&self, keys: KeySet) {
        let same = self.ring.load().as_ref().is_some_and(|held| same_keys(&held.keys, &keys));
        if !same {
            let tokens = TokenCache::new(self.token_capacity);
            self.ring.store(Some(Arc::new(KeyRing { keys, tokens })));
        }
    }

    /// Fetches the keys, and again when they have been kept for as long as allowed or someone
    /// poked. Calls back after each time they arrived.
    pub(crate) async fn run(&self, issuer: &Issuer, issuer_name: &str, arrived: impl Fn()) {
        let mut failures = 0_u32;
        loop {
            let wait = match issuer.keys(issuer_name).await {
                Ok((keys, kept)) => {
                    failures = 0;
                    self.replace(keys);
                    arrived();
                    kept
                }
                Err(error) => {
                    failures += 1;
                    report(&error);
                    Duration::from_millis(250 << failures.min(7))
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.wanted.notified() => {}
            }
        }
    }
}

fn same_keys(a: &KeySet, b: &KeySet) -> bool {
    let written = |keys: &KeySet| serde_json::to_string(keys).ok();
    written(a) == written(b)
}

fn report(error: &IssuerError) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(error = %error, cause, "could not fetch the issuer's keys, will try again");
}
