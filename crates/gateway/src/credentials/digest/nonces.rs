//! Nonces that say themselves when they were given, and how often each has been used. Only whoever
//! has answered rightly is remembered, so that nobody else can fill the memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Entropy;

/// How long a nonce is good. A client is then given another, and answers it by itself.
const LIFETIME: Duration = Duration::from_mins(5);

/// How many nonces are remembered, at some 100 bytes each.
const CAPACITY: usize = 100_000;

const INSTANT_BYTES: usize = 8;
const RANDOM_BYTES: usize = 8;
const TAG_BYTES: usize = 16;

/// A nonce that we gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Nonce {
    given_at_ms: u64,
    random: [u8; RANDOM_BYTES],
}

/// Nonces of this process: after a restart every client is given another.
pub(super) struct Nonces {
    key: hmac::Key,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    /// The highest count that each came with.
    counts: HashMap<Nonce, u32>,
    /// Nonces that were given before are no longer good: what they came with was forgotten.
    not_before_ms: u64,
}

impl Nonces {
    pub(super) fn new(entropy: &dyn Entropy) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &entropy.bytes::<32>());
        Self { key, used: Mutex::default() }
    }

    /// A new one, at this time of the monotonic clock.
    pub(super) fn give(&self, random: [u8; RANDOM_BYTES], now: Duration) -> String {
        let nonce = Nonce { given_at_ms: millis(now), random };
        URL_SAFE_NO_PAD.encode([nonce.bytes().as_slice(), &self.tag(nonce)].concat())
    }

    /// Reads one that we gave; `None` for any other, and for one whose time is over.
    pub(super) fn read(&self, text: &str, now: Duration) -> Option<Nonce> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (instant, rest) = bytes.split_first_chunk::<INSTANT_BYTES>()?;
        let (random, tag) = rest.split_first_chunk::<RANDOM_BYTES>()?;
        let nonce = Nonce { given_at_ms: u64::from_be_bytes(*instant), random: *random };
        let genuine = aws_lc_rs::constant_time::verify_slices_are_equal(&self.tag(nonce), tag);
        let age = millis(now).saturating_sub(nonce.given_at_ms);
        (genuine.is_ok() && u128::from(age) < LIFETIME.as_millis()).then_some(nonce)
    }

    /// Takes a nonce for one request, for which its count must have grown; whether it may be.
    pub(super) fn take(&self, nonce: Nonce, count: u32, now: Duration) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if nonce.given_at_ms < used.not_before_ms {
            return false;
        }
        let highest = used.counts.get(&nonce).copied().unwrap_or_default();
        if count <= highest {
            return false;
        }
        used.counts.insert(nonce, count);
        if used.counts.len() > CAPACITY {
            used.forget(now);
        }
        true
    }

    fn tag(&self, nonce: Nonce) -> [u8; TAG_BYTES] {
        let tag = hmac::sign(&self.key, &nonce.bytes());
        let mut short = [0; TAG_BYTES];
        short.copy_from_slice(&tag.as_ref()[..TAG_BYTES]);
        short
    }
}

impl Used {
    /// Forgets what is over, and should that not be enough, the older half, which is good no longer.
    fn forget(&mut self, now: Duration) {
        let over = millis(now.saturating_sub(LIFETIME));
        self.counts.retain(|nonce, _| nonce.given_at_ms >= over);
        if self.counts.len() > CAPACITY / 2 {
            let mut instants: Vec<u64> =
                self.counts.keys().map(|nonce| nonce.given_at_ms).collect();
            let middle = instants.len() / 2;
            let (_, median, _) = instants.select_nth_unstable(middle);
            self.not_before_ms = *median + 1;
            let kept_from = self.not_before_ms;
            self.counts.retain(|nonce, _| nonce.given_at_ms >= kept_from);
        }
    }
}

impl Nonce {
    fn bytes(self) -> [u8; INSTANT_BYTES + RANDOM_BYTES] {
        let mut bytes = [0; INSTANT_BYTES + RANDOM_BYTES];
        bytes[..INSTANT_BYTES].copy_from_slice(&self.given_at_ms.to_be_bytes());
        bytes[INSTANT_BYTES..].copy_from_slice(&self.random);
        bytes
    }
}

fn millis(instant: Duration) -> u64 {
    u64::try_from(instant.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonces(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemEntropy;

    const NOW: Duration = Duration::from_hours(1);

    fn random(number: u64) -> [u8; RANDOM_BYTES] {
        number.to_be_bytes()
    }

    #[test]
    fn a_nonce_is_ours_and_its_time_ends() {
        let (nonces, others) = (Nonces::new(&SystemEntropy), Nonces::new(&SystemEntropy));
        let text = nonces.give(random(1), NOW);
        assert!(nonces.read(&text, NOW).is_some());
        assert!(nonces.read(&text, NOW + Duration::from_secs(299)).is_some());
        assert!(nonces.read(&text, NOW + LIFETIME).is_none());
        assert!(others.read(&text, NOW).is_none());
        let flipped = text.replacen(&text[..1], if text.starts_with('B') { "C" } else { "B" }, 1);
        for forged in ["", "abc", &text[1..], &format!("{text}A"), &flipped] {
            assert!(nonces.read(forged, NOW).is_none(), "{forged}");
        }
    }

    #[test]
    fn a_count_must_grow() {
        let nonces = Nonces::new(&SystemEntropy);
        let give = |number| {
            let text = nonces.give(random(number), NOW);
            nonces.read(&text, NOW).expect("ours")
        };
        let (one, other) = (give(1), give(2));
        assert!(!nonces.take(one, 0, NOW));
        assert!(nonces.take(one, 1, NOW));
        assert!(!nonces.take(one, 1, NOW), "a replay");
        assert!(nonces.take(one, 7, NOW));
        assert!(!nonces.take(one, 3, NOW));
        assert!(nonces.take(other, 1, NOW));
    }

    #[test]
    fn what_is_forgotten_cannot_be_replayed() {
        let nonces = Nonces::new(&SystemEntropy);
        let given: Vec<Nonce> = (0..=CAPACITY as u64)
            .map(|number| Nonce { given_at_ms: millis(NOW) + number, random: random(number) })
            .collect();
        let first = given[0];
        for nonce in &given {
            assert!(nonces.take(*nonce, 1, NOW));
        }
        let used = nonces.used.lock().expect("no panic");
        assert!(used.counts.len() <= CAPACITY / 2 + 1);
        drop(used);
        for nonce in [first, given[CAPACITY / 2], given[CAPACITY]] {
            assert!(!nonces.take(nonce, 1, NOW), "a replay");
        }
        assert!(!nonces.take(first, 2, NOW), "it is good no longer");
        assert!(nonces.take(given[CAPACITY], 2, NOW));
    }
}
