//! What exchanges gave, held for as long as it is good, under a keyed hash of what was shown: neither
//! passwords nor tokens lie here. Refusals and outages are held for a second, so that a flood of the
//! same does not reach the provider; of requests that show the same at once, one asks for all.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use menshen_token::Clock;

use super::exchange::{Denied, Given};
use crate::Entropy;

/// How many of each kind are held at most.
const CAPACITY: usize = 10_000;

/// How long a refusal is held.
const BRIEFLY: Duration = Duration::from_secs(1);

/// What came of an exchange.
pub(super) type Outcome = Result<Arc<Given>, Denied>;

/// The name of what was shown.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Shown([u8; 32]);

/// Outcomes by what was shown.
pub(super) struct Held {
    key: hmac::Key,
    clock: Arc<dyn Clock>,
    slots: Mutex<HashMap<Shown, Arc<Slot>>>,
}

/// One outcome, and the queue of those who wait for it.
#[derive(Default)]
struct Slot(tokio::sync::Mutex<Option<(Outcome, Duration)>>);

impl Held {
    pub(super) fn new(clock: Arc<dyn Clock>, entropy: &dyn Entropy) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &entropy.bytes::<32>());
        Self { key, clock, slots: Mutex::default() }
    }

    /// Names what was shown. The parts are told apart by their lengths.
    pub(super) fn name(&self, parts: &[&str]) -> Shown {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut name = [0; 32];
        name.copy_from_slice(context.sign().as_ref());
        Shown(name)
    }

    /// What is held, or else what `ask` gives; asked once for all who come at the same time.
    pub(super) async fn obtain(
        &self,
        shown: Shown,
        ask: impl Future<Output = Result<Given, Denied>>,
    ) -> Outcome {
        let slot = self.slot(shown);
        let mut held = slot.0.lock().await;
        if let Some((outcome, until)) = &*held
            && self.clock.monotonic() < *until
        {
            return outcome.clone();
        }
        let asked_at = self.clock.monotonic();
        let outcome = ask.await.map(Arc::new);
        let kept_for = outcome.as_ref().map_or(BRIEFLY, |given| given.good_for);
        *held = Some((outcome.clone(), asked_at + kept_for));
        outcome
    }

    /// Holds this token no longer: it has died.
    pub(super) async fn forget(&self, shown: Shown, dead: &Arc<Given>) {
        let slot = self.slot(shown);
        let mut held = slot.0.lock().await;
        if matches!(&*held, Some((Ok(given), _)) if Arc::ptr_eq(given, dead)) {
            *held = None;
        }
    }

    fn slot(&self, shown: Shown) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(&shown) {
            return Arc::clone(slot);
        }
        if slots.len() >= CAPACITY {
            make_room(&mut slots, self.clock.monotonic());
        }
        Arc::clone(slots.entry(shown).or_default())
    }
}

/// What is over goes first, then refusals, then what comes to hand: whoever is forgotten is asked
/// about once more.
fn make_room(slots: &mut HashMap<Shown, Arc<Slot>>, now: Duration) {
    let is_held = |slot: &Slot, and: fn(&Outcome) -> bool| match slot.0.try_lock() {
        Ok(held) => held.as_ref().is_some_and(|(outcome, until)| now < *until && and(outcome)),
        Err(_) => true,
    };
    slots.retain(|_, slot| is_held(slot, |_| true));
    if slots.len() > CAPACITY * 7 / 8 {
        slots.retain(|_, slot| is_held(slot, Result::is_ok));
    }
    if slots.len() > CAPACITY * 7 / 8 {
        let surplus: Vec<Shown> = slots.keys().take(CAPACITY / 8).copied().collect();
        for shown in surplus {
            slots.remove(&shown);
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held(..)")
    }
}
