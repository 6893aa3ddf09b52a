//! How old the rules may be before we refuse, and how old they are.
//!
//! The rules are as old as the last moment at which the issuer told us that we hold them all.
//! That a stream is open proves nothing: it may be slow.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use menshen_token::{Seq, Timestamp};

/// What to do with a token that is genuine and not known to be revoked, while the rules are
/// older than `max_staleness`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Ask the issuer about this one token (RFC 7662); refuse with 503 when it does not answer.
    /// [`crate::Verifier::verify`], which makes no call, refuses.
    #[default]
    Introspect,
    /// Refuse with 503.
    Refuse,
    /// Accept for this much longer than `max_staleness`, then refuse with 503. Never before the
    /// first snapshot.
    AllowFor(Duration),
}

/// Whether a verifier can do its work; the answer to `/readyz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It holds keys, and rules that are current.
    Ready,
    /// It has not had its first snapshot of the rules.
    NoSnapshot,
    /// It has not had the issuer's keys.
    NoKeys,
    /// Its rules are older than `max_staleness`.
    Stale {
        /// How old.
        age: Duration,
    },
}

impl Readiness {
    /// Whether it is [`Readiness::Ready`].
    pub fn is_ready(self) -> bool {
        self == Self::Ready
    }
}

impl fmt::Display for Readiness {
    /// One sentence for an operator.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("keys and revocations are current"),
            Self::NoSnapshot => f.write_str("no snapshot of the revocations has arrived yet"),
            Self::NoKeys => f.write_str("the issuer's keys have not arrived yet"),
            Self::Stale { age } => {
                write!(f, "the revocations are {:.1} seconds old", age.as_secs_f64())
            }
        }
    }
}

/// What a verifier knows about itself, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether it can do its work.
    pub readiness: Readiness,
    /// The position in the revocation log up to which rules are applied.
    pub applied: Option<Seq>,
    /// How old the rules are; `None` before the first snapshot.
    pub staleness: Option<Duration>,
    /// How many rules are held.
    pub rules: usize,
}

const NEVER: i64 = i64::MIN;

/// When the rules were last known to be complete. Read on every request, without a lock.
#[derive(Debug)]
pub(crate) struct Freshness {
    /// Monotonic microseconds, or [`NEVER`].
    complete_at: AtomicI64,
    max_staleness: Duration,
}

impl Freshness {
    pub(crate) const fn new(max_staleness: Duration) -> Self {
        Self { complete_at: AtomicI64::new(NEVER), max_staleness }
    }

    pub(crate) const fn max_staleness(&self) -> Duration {
        self.max_staleness
    }

    /// The rules held now were complete `delay` before `now`.
    pub(crate) fn confirm(&self, now: Duration, delay: Duration) {
        self.complete_at.store(micros(now) - micros(delay), Ordering::Release);
    }

    /// There is a rule that we do not hold: from now on we are not fresh, whatever was said.
    pub(crate) fn doubt(&self, now: Duration) {
        let just_stale = micros(now) - micros(self.max_staleness) - 1;
        // `NEVER` is smaller than any instant, and stays.
        self.complete_at.fetch_min(just_stale, Ordering::AcqRel);
    }

    /// How old the rules are; `None` before they were first complete.
    pub(crate) fn age(&self, now: Duration) -> Option<Duration> {
        match self.complete_at.load(Ordering::Acquire) {
            NEVER => None,
            at => Some(Duration::from_micros(u64::try_from(micros(now) - at).unwrap_or(0))),
        }
    }

    /// Whether the rules are good enough to accept a token on.
    pub(crate) fn suffices(&self, policy: Policy, now: Duration) -> bool {
        self.permits(policy, self.age(now))
    }

    /// Whether rules of this age are.
    pub(crate) fn permits(&self, policy: Policy, age: Option<Duration>) -> bool {
        let allowance = match policy {
            Policy::AllowFor(allowance) => allowance,
            Policy::Introspect | Policy::Refuse => Duration::ZERO,
        };
        age.is_some_and(|age| age <= self.max_staleness.saturating_add(allowance))
    }
}

/// How late the heartbeats of one connection arrive.
///
/// The clocks of server and verifier differ by an unknown amount, but a constant one: the
/// quickest heartbeat so far shows it, up to the time that one took. What a later heartbeat
/// takes longer is the age of what it says.
#[derive(Debug, Default)]
pub(crate) struct DelayMeter {
    least_offset: Option<i64>,
}

impl DelayMeter {
    /// How much longer than the quickest one this heartbeat took.
    pub(crate) fn measure(&mut self, received: Duration, server_now: Timestamp) -> Duration {
        // Against the monotonic clock, so that a step of the local wall clock is no delay.
        let offset = micros(received).saturating_sub(server_now.as_millis().saturating_mul(1_000));
        let least = self.least_offset.map_or(offset, |least| least.min(offset));
        self.least_offset = Some(least);
        Duration::from_micros(u64::try_from(offset.saturating_sub(least)).unwrap_or(0))
    }
}

fn micros(duration: Duration) -> i64 {
    // A thousandth of the range, so that sums of a few cannot overflow.
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX).min(i64::MAX / 1_000)
}

#[cfg(test)]
mod tests;
