//! How fast passwords may be guessed, by address and by account.
//!
//! Every attempt is counted before its password is looked at, and the count is taken back when
//! the password was right. No counter that a stranger can fill stands between the owner and
//! the account: an address that has signed in before has a counter of its own, and so has each
//! new one, whose first attempts pass whatever the others do. Nothing locks for good.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use menshen_token::Timestamp;

/// What a counter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Attempts from one address, whatever the account.
    Address,
    /// Attempts at one account from one address that has signed in to it before.
    Familiar,
    /// Attempts at one account from one address that has not.
    Newcomer,
    /// Attempts at one account from all such addresses together.
    Strangers,
}

impl Scale {
    /// Attempts that cost no wait.
    const fn free(self) -> u32 {
        match self {
            Self::Address => 30,
            Self::Familiar => 10,
            Self::Newcomer => 5,
            Self::Strangers => 500,
        }
    }

    /// The longest wait that can build up.
    const fn longest(self) -> Duration {
        match self {
            Self::Address | Self::Newcomer => Duration::from_mins(15),
            Self::Familiar | Self::Strangers => Duration::from_secs(30),
        }
    }
}

/// How many attempts at an account an address that has not signed in to it before may always
/// make, whatever all the others do: an attacker pays one network for two guesses.
pub const FIRST_ATTEMPTS: u32 = 2;

impl Scale {
    /// What is one address to this counter, as text: all of an IPv4 address; of an IPv6 one the
    /// part that one device, one subscriber or one customer of a host keeps or buys whole.
    pub fn network(self, address: IpAddr) -> String {
        let bits = match self {
            Self::Familiar => 64,
            Self::Address => 56,
            Self::Newcomer | Self::Strangers => 48,
        };
        match address.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let prefix = address.to_bits() & (u128::MAX << (128 - bits));
                format!("{}/{bits}", Ipv6Addr::from_bits(prefix))
            }
        }
    }
}

/// How long a counter takes to lose one attempt.
pub const DECAY: Duration = Duration::from_secs(30);

/// A counter as it is kept: it leaks one attempt each [`DECAY`], however often it is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// When nothing will count any more.
    pub empty_at: Timestamp,
    /// When the last attempt was made.
    pub last_at: Timestamp,
}

impl Counter {
    /// The attempts that still count at `now`.
    pub fn remaining(self, now: Timestamp) -> u32 {
        let left = self.empty_at.since(now).as_millis().div_ceil(DECAY.as_millis());
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// How long the next attempt has to wait at `now`; `None` when it may go ahead.
    pub fn wait(self, scale: Scale, now: Timestamp) -> Option<Duration> {
        let over = self.remaining(now).checked_sub(scale.free())?;
        let doublings = (over / 5).min(20);
        let pause = Duration::from_secs(1).saturating_mul(1 << doublings).min(scale.longest());
        pause.checked_sub(now.since(self.last_at)).filter(|wait| !wait.is_zero())
    }

    /// The counter after one more attempt.
    #[must_use]
    pub fn counted(self, now: Timestamp) -> Self {
        Self { empty_at: self.empty_at.max(now) + DECAY, last_at: now }
    }

    /// The counter with one attempt taken back.
    #[must_use]
    pub fn forgiven(self) -> Self {
        Self { empty_at: self.empty_at - DECAY, ..self }
    }
}

/// So many in so long a time, as a bucket that leaks evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// How many; at least 1.
    pub most: u32,
    /// In how long a time.
    pub within: Duration,
}

impl Quota {
    /// What becomes of a bucket that is empty at an instant when one more is put in at `now`: when
    /// it is empty then.
    ///
    /// # Errors
    ///
    /// How long to wait, when it is full.
    pub fn take(self, empty_at: Timestamp, now: Timestamp) -> Result<Timestamp, Duration> {
        let filled = empty_at.max(now) + self.one();
        match filled.since(now).checked_sub(self.within) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => Ok(filled),
        }
    }

    /// The bucket with one taken out again.
    pub fn give_back(self, empty_at: Timestamp) -> Timestamp {
        empty_at - self.one()
    }

    /// How long one takes to leak away.
    fn one(self) -> Duration {
        self.within / self.most.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hammered(scale: Scale, attempts: u32) -> (Counter, Timestamp) {
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
        let (counter, now) = hammered(Scale::Strangers, 505);
        let (worse, _) = hammered(Scale::Strangers, 100_000);
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

    #[test]
    fn a_counter_leaks_however_often_it_is_looked_at() {
        // An office where somebody signs in every twenty seconds, and one in ten mistypes once.
        let mut counter = Counter::default();
        for attempt in 0..10_000 {
            let now = Timestamp::from_seconds(1_000_000 + attempt * 20);
            assert_eq!(counter.wait(Scale::Address, now), None, "after {attempt} attempts");
            counter = counter.counted(now);
            if attempt % 10 != 0 {
                counter = counter.forgiven();
            }
        }
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let network = |scale: Scale, text: &str| scale.network(text.parse().expect("an address"));
        for (scale, one) in [
            (Scale::Familiar, "2001:db8:1:1234::/64"),
            (Scale::Address, "2001:db8:1:1200::/56"),
            (Scale::Newcomer, "2001:db8:1::/48"),
        ] {
            assert_eq!(network(scale, "2001:db8:1:1234:ffff::9"), one);
            assert_eq!(network(scale, "::ffff:192.0.2.1"), "192.0.2.1");
        }
    }

    #[test]
    fn a_quota_is_used_up_at_once_and_comes_back_evenly() {
        let quota = Quota { most: 20, within: Duration::from_hours(1) };
        let now = Timestamp::from_seconds(1_000_000);
        let mut empty_at = Timestamp::default();
        for _ in 0..20 {
            empty_at = quota.take(empty_at, now).expect("not full");
        }
        assert_eq!(quota.take(empty_at, now), Err(Duration::from_mins(3)));
        let later = now + Duration::from_mins(3);
        let full = quota.take(empty_at, later).expect("one has leaked");
        assert!(quota.take(full, later).is_err());
        assert!(quota.take(quota.give_back(full), later).is_ok());
        assert!(quota.take(full, later + Duration::from_hours(1)).is_ok());
    }
}
