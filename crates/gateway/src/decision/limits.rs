//! How many requests are let through. What is remembered of those who send them has a bound, so
//! that a flood of addresses or subjects cannot fill the memory.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};
use menshen_token::Clock;

use crate::Refusal;
use crate::config::{RateLimit, Rule};

/// The limits of all rules, by the rule's name.
#[derive(Debug, Default)]
pub(crate) struct Limits(BTreeMap<String, Arc<Limit>>);

impl Limits {
    /// The limits of these rules. One that says what it said before goes on counting.
    pub(crate) fn new(rules: &[Rule], before: Option<&Self>, clock: &Arc<dyn Clock>) -> Self {
        let limit_of = |rule: &Rule| {
            let says = rule.rate_limit?;
            let known = before.and_then(|before| before.0.get(&rule.name));
            let limit = match known.filter(|limit| limit.says == says) {
                Some(limit) => Arc::clone(limit),
                None => Arc::new(Limit::new(says, clock)?),
            };
            Some((rule.name.clone(), limit))
        };
        Self(rules.iter().filter_map(limit_of).collect())
    }

    /// Counts a request of this address or subject.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooMany`].
    pub(crate) fn take(&self, rule: &Rule, sender: Sender<'_>) -> Result<(), Refusal> {
        self.0.get(&rule.name).map_or(Ok(()), |limit| limit.take(sender))
    }

    /// How many senders are remembered.
    pub(crate) fn len(&self) -> usize {
        self.0.values().map(|limit| limit.seen.len()).sum()
    }
}

/// Whose limit a request counts against.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) enum Sender<'a> {
    /// A client's address.
    Address(IpAddr),
    /// A subject.
    Subject(&'a str),
}

impl Sender<'_> {
    /// Whoever has one address of an IPv6 network has all 2^64 of them.
    fn network(self) -> Self {
        match self {
            Self::Address(IpAddr::V6(address)) => Self::Address(match address.to_ipv4_mapped() {
                Some(address) => IpAddr::V4(address),
                None => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
            }),
            other => other,
        }
    }
}

type Limiter = RateLimiter<u128, Seen, Monotonic, NoOpMiddleware<Duration>>;

#[derive(Debug)]
struct Limit {
    says: RateLimit,
    limiter: Limiter,
    seen: Seen,
    /// Keyed, so that nobody can choose senders that collide.
    hashes: [RandomState; 2],
    clock: Monotonic,
}

impl Limit {
    /// `None` when the time is nothing.
    fn new(says: RateLimit, clock: &Arc<dyn Clock>) -> Option<Self> {
        let quota = Quota::with_period(says.per / says.requests.get())?.allow_burst(says.requests);
        let clock = Monotonic(Arc::clone(clock));
        let seen = Seen::new(clock.clone());
        let limiter = Limiter::new(quota, seen.clone(), clock.clone());
        Some(Self { says, limiter, seen, hashes: Default::default(), clock })
    }

    fn take(&self, sender: Sender<'_>) -> Result<(), Refusal> {
        let sender = sender.network();
        let [high, low] = self.hashes.each_ref().map(|hash| u128::from(hash.hash_one(sender)));
        self.limiter.check_key(&(high << 64 | low)).map_err(|until| {
            let now = governor::clock::Clock::now(&self.clock);
            Refusal::TooMany { retry_after: until.wait_time_from(now) }
        })
    }
}

#[derive(Clone, Debug)]
struct Monotonic(Arc<dyn Clock>);

impl governor::clock::Clock for Monotonic {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

const SHARDS: usize = 16;

/// With 16 shards some 65,000 senders for each limit, in two to four megabytes.
const SENDERS_PER_SHARD: usize = 4_096;

/// Who has sent how much, in shards so that one lock is not everybody's.
#[derive(Clone, Debug)]
struct Seen {
    shards: Arc<[Mutex<Shard>; SHARDS]>,
    clock: Monotonic,
    began_at: Duration,
}

/// Each number is when a sender's requests so far will have been made up for.
#[derive(Debug, Default)]
struct Shard {
    own: HashMap<u128, Nanos>,
    /// Where newcomers share a limit once there is no room for one of their own. To forget
    /// somebody else instead would let a flood reset every limit.
    shared: HashMap<u8, Nanos>,
    swept_at: Option<Duration>,
}

impl Seen {
    fn new(clock: Monotonic) -> Self {
        let began_at = clock.0.monotonic();
        Self { shards: Arc::default(), clock, began_at }
    }

    fn len(&self) -> usize {
        let lock = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.own.len() + shard.shared.len()
        };
        self.shards.iter().map(lock).sum()
    }
}

impl Shard {
    /// Forgets, once a second at most, whoever has a whole limit again.
    fn sweep(&mut self, elapsed: Duration) {
        let recently = |at: Duration| elapsed.saturating_sub(at) < Duration::from_secs(1);
        if self.swept_at.is_some_and(recently) {
            return;
        }
        self.swept_at = Some(elapsed);
        let elapsed = Nanos::from(elapsed);
        self.own.retain(|_, made_up_at| *made_up_at > elapsed);
        self.shared.retain(|_, made_up_at| *made_up_at > elapsed);
    }
}

impl StateStore for Seen {
    type Key = u128;

    fn measure_and_replace<T, F, E>(&self, key: &u128, judge: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let [shard, slot, ..] = key.to_le_bytes();
        let shard = &self.shards[usize::from(shard) % SHARDS];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.own.len() >= SENDERS_PER_SHARD && !shard.own.contains_key(key) {
            shard.sweep(self.clock.0.monotonic().saturating_sub(self.began_at));
        }
        let room = shard.own.len() < SENDERS_PER_SHARD || shard.own.contains_key(key);
        let before = if room { shard.own.get(key) } else { shard.shared.get(&slot) };
        let (outcome, made_up_at) = judge(before.copied())?;
        if room {
            shard.own.insert(*key, made_up_at);
        } else {
            shard.shared.insert(slot, made_up_at);
        }
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests;
