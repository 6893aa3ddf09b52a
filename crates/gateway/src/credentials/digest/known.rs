//! The keys of users who have answered rightly a moment ago, each with the token that it came with.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::super::exchange::Given;

/// How many users.
const CAPACITY: usize = 10_000;

/// By user name, until when the token may be handed out.
#[derive(Default)]
pub(super) struct Known(Mutex<HashMap<String, (Arc<Given>, Duration)>>);

impl Known {
    pub(super) fn find(&self, username: &str, now: Duration) -> Option<Arc<Given>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (given, until) = known.get(username)?;
        (now < *until).then(|| Arc::clone(given))
    }

    pub(super) fn keep(&self, username: &str, given: Arc<Given>, asked_at: Duration) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CAPACITY {
            known.retain(|_, (_, until)| asked_at < *until);
        }
        if known.len() >= CAPACITY {
            // Whoever is forgotten is asked about once more.
            let surplus: Vec<String> = known.keys().take(CAPACITY / 8).cloned().collect();
            for username in surplus {
                known.remove(&username);
            }
        }
        let until = asked_at + given.good_for;
        known.insert(username.to_owned(), (given, until));
    }

    pub(super) fn forget(&self, username: &str, dead: &Arc<Given>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(username).is_some_and(|(given, _)| Arc::ptr_eq(given, dead)) {
            known.remove(username);
        }
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known(..)")
    }
}
