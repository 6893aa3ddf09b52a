//! How fast passwords may be guessed, by address and by account.
//!
//! Every attempt is counted before its password is looked at, and the count is taken back when
//! the password was right. An account has two counters: one for addresses that have signed in
//! to it before and one for all others, so that an attacker elsewhere slows down the attacker
//! and not the owner at home. Nothing locks for good.

use std::time::Duration;

use menshen_token::Timestamp;

/// What a counter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Attempts from one address, whatever the account.
    Address,
    /// Attempts at one account from one address that has signed in to it before.
    Familiar,
    /// Attempts at one account from all other addresses together.
    Strangers,
}

impl Scale {
    /// Attempts that cost no wait.
    const fn free(self) -> i64 {
        match self {
            Self::Address => 30,
            Self::Familiar => 10,
            Self::Strangers => 20,
        }
    }

    /// The longest wait that can build up.
    const fn longest(self) -> Duration {
        match self {
            Self::Address => Duration::from_mins(15),
            Self::Familiar | Self::Strangers => Duration::from_secs(30),
        }
    }
}

/// How long a counter takes to lose one attempt.
pub const DECAY: Duration = Duration::from_secs(30);

/// A counter as it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// Attempts since they were last all forgotten.
    pub attempts: i64,
    /// When the last one was made.
    pub last_at: Timestamp,
}

impl Counter {
    /// The attempts that still count at `now`.
    pub fn remaining(self, now: Timestamp) -> i64 {
        let decayed = now.since(self.last_at).as_millis() / DECAY.as_millis();
        (self.attempts - i64::try_from(decayed).unwrap_or(i64::MAX)).max(0)
    }

    /// How long the next attempt has to wait at `now`; `None` when it may go ahead.
    pub fn wait(self, scale: Scale, now: Timestamp) -> Option<Duration> {
        let over = self.remaining(now) - scale.free();
        if over < 0 {
            return None;
        }
        let doublings = u32::try_from(over / 5).unwrap_or(u32::MAX).min(20);
        let pause = Duration::from_secs(1).saturating_mul(1 << doublings).min(scale.longest());
        pause.checked_sub(now.since(self.last_at)).filter(|wait| !wait.is_zero())
    }

    /// The counter after one more attempt.
    #[must_use]
    pub fn counted(self, now: Timestamp) -> Self {
        Self { attempts: self.remaining(now) + 1, last_at: now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hammered(scale: Scale, attempts: i64) -> (Counter, Timestamp) {
        let now = Timestamp::from_seconds(1_000_000);
        let counter = (0..attempts).fold(Counter::default(), |counter, _| counter.counted(now));
        assert!(attempts > scale.free());
        (counter, now)
    }

    #[test]
    fn a_few_mistakes_cost_nothing() {
        let now = Timestamp::from_seconds(1_000_000);
        let counter = (0..9).fold(Counter::default(), |counter, _| counter.counted(now));
        assert_eq!(counter.wait(Scale::Familiar, now), None);
    }

    #[test]
    fn hammering_costs_more_and_more_up_to_a_bound() {
        let (counter, now) = hammered(Scale::Strangers, 25);
        let (worse, _) = hammered(Scale::Strangers, 1_000_000);
        assert!(counter.wait(Scale::Strangers, now) < worse.wait(Scale::Strangers, now));
        assert_eq!(worse.wait(Scale::Strangers, now), Some(Scale::Strangers.longest()));
    }

    #[test]
    fn after_the_wait_one_attempt_may_go_ahead() {
        let (counter, now) = hammered(Scale::Address, 500);
        let wait = counter.wait(Scale::Address, now).expect("has to wait");
        assert_eq!(counter.wait(Scale::Address, now + wait), None);
    }

    #[test]
    fn a_quiet_counter_forgets() {
        let (counter, now) = hammered(Scale::Familiar, 100);
        assert_eq!(counter.remaining(now + DECAY * 100), 0);
    }
}
