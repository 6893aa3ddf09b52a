//! The life of a signing key: announced, active, retired, removed; or revoked at once.

use std::time::Duration;

use menshen_token::{Algorithm, Jwk, KeyId, Timestamp};

/// A signing key as it is kept: the public half readable, the private half sealed.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// `kid`.
    pub id: KeyId,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// The public half.
    pub public: Jwk,
    /// The private half (PKCS#8), sealed under the key's id.
    pub sealed_private: String,
    /// When it entered the JWK set.
    pub announced_at: Timestamp,
    /// When it began to sign.
    pub activated_at: Option<Timestamp>,
    /// When it stopped signing.
    pub retired_at: Option<Timestamp>,
    /// When it left the JWK set, at the end of its life or because it was revoked.
    pub removed_at: Option<Timestamp>,
}

/// Where a key stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In the JWK set, not signing yet, so that every cache has seen it before it signs.
    Announced,
    /// Signing.
    Active,
    /// Not signing any more; in the JWK set until its last token is dead.
    Retired,
    /// Gone.
    Removed,
}

impl SigningKey {
    /// Where it stands.
    pub fn state(&self) -> State {
        match (self.removed_at, self.retired_at, self.activated_at) {
            (Some(_), _, _) => State::Removed,
            (None, Some(_), _) => State::Retired,
            (None, None, Some(_)) => State::Active,
            (None, None, None) => State::Announced,
        }
    }
}

/// When keys move on.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// How long a key signs; 30 days by default.
    pub rotate_every: Duration,
    /// How long a key is announced before it signs: at least the `max-age` of the JWK set.
    pub announce_for: Duration,
    /// How long a key stays after it stopped signing: at least the longest token lifetime.
    pub keep_for: Duration,
}

/// One thing to do about the keys of one algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make a key and put it into the JWK set, without signing.
    Announce,
    /// Make a key that signs at once, because none does.
    Start,
    /// Let an announced key sign, and retire the one that signed.
    Activate(KeyId),
    /// Take a retired key out of the JWK set.
    Remove(KeyId),
}

/// What is due at `now` for the keys of one algorithm.
pub fn plan(keys: &[SigningKey], schedule: &Schedule, now: Timestamp) -> Vec<Step> {
    let in_state = |state: State| keys.iter().filter(move |key| key.state() == state);
    let active = in_state(State::Active).max_by_key(|key| key.activated_at);
    let announced = in_state(State::Announced).min_by_key(|key| key.announced_at);
    let mut steps = Vec::new();
    match (active, announced) {
        (None, None) => steps.push(Step::Start),
        (None, Some(next)) => steps.push(Step::Activate(next.id.clone())),
        (Some(active), None) => {
            let signs_since = active.activated_at.unwrap_or(active.announced_at);
            if now.since(signs_since) + schedule.announce_for >= schedule.rotate_every {
                steps.push(Step::Announce);
            }
        }
        (Some(_), Some(next)) => {
            if now.since(next.announced_at) >= schedule.announce_for {
                steps.push(Step::Activate(next.id.clone()));
            }
        }
    }
    let dead = in_state(State::Retired)
        .filter(|key| key.retired_at.is_some_and(|at| now.since(at) >= schedule.keep_for));
    steps.extend(dead.map(|key| Step::Remove(key.id.clone())));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule = Schedule {
        rotate_every: Duration::from_secs(1_000),
        announce_for: Duration::from_secs(100),
        keep_for: Duration::from_secs(50),
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn key(id: &str, announced: i64, activated: Option<i64>, retired: Option<i64>) -> SigningKey {
        SigningKey {
            id: id.parse().expect("valid"),
            algorithm: Algorithm::EdDSA,
            public: Jwk::ed25519(&[0; 32]),
            sealed_private: String::new(),
            announced_at: at(announced),
            activated_at: activated.map(at),
            retired_at: retired.map(at),
            removed_at: None,
        }
    }

    #[test]
    fn without_a_key_one_starts_at_once() {
        assert_eq!(plan(&[], &SCHEDULE, at(0)), [Step::Start]);
    }

    #[test]
    fn a_key_is_announced_before_it_signs() {
        let old = key("old", 0, Some(0), None);
        assert_eq!(plan(std::slice::from_ref(&old), &SCHEDULE, at(899)), []);
        assert_eq!(plan(std::slice::from_ref(&old), &SCHEDULE, at(900)), [Step::Announce]);
        let keys = [old, key("new", 900, None, None)];
        assert_eq!(plan(&keys, &SCHEDULE, at(999)), []);
        assert_eq!(plan(&keys, &SCHEDULE, at(1_000)), [Step::Activate(keys[1].id.clone())]);
    }

    #[test]
    fn a_retired_key_stays_until_its_last_token_is_dead() {
        let keys = [key("new", 0, Some(100), None), key("old", 0, Some(0), Some(100))];
        assert_eq!(plan(&keys, &SCHEDULE, at(149)), []);
        assert_eq!(plan(&keys, &SCHEDULE, at(150)), [Step::Remove(keys[1].id.clone())]);
    }

    #[test]
    fn when_the_active_key_is_gone_the_announced_one_signs_at_once() {
        let keys = [key("next", 10, None, None)];
        assert_eq!(plan(&keys, &SCHEDULE, at(11)), [Step::Activate(keys[0].id.clone())]);
    }
}
