//! Which changes of sessions we have written already, so that reading the last seconds again and
//! again writes nothing twice.

use std::collections::HashMap;
use std::time::Duration;

use menshen_store::SessionChange;
use menshen_token::{SessionId, Timestamp};

/// For how long a change is remembered: longer than any look goes back.
const MEMORY: Duration = Duration::from_mins(5);

/// The changes that stand in Redis, as long as its cursor is not behind ours.
#[derive(Debug)]
pub(super) struct Seen {
    changes: HashMap<(SessionId, bool), Timestamp>,
    cursor: Timestamp,
}

impl Default for Seen {
    fn default() -> Self {
        Self { changes: HashMap::new(), cursor: Timestamp::from_millis(0) }
    }
}

impl Seen {
    /// Redis stands at this cursor: behind ours, it has lost what we wrote since.
    pub(super) fn compare(&mut self, cursor: Timestamp) {
        if cursor < self.cursor {
            *self = Self::default();
        }
    }

    pub(super) fn holds(&self, change: &SessionChange) -> bool {
        self.changes.contains_key(&key(change))
    }

    /// Notes what was written, and the cursor that was written with it.
    pub(super) fn note(&mut self, written: &[SessionChange], cursor: Timestamp) {
        self.changes.extend(written.iter().map(|change| (key(change), change.at)));
        let oldest = cursor - MEMORY;
        self.changes.retain(|_, at| *at >= oldest);
        self.cursor = self.cursor.max(cursor);
    }
}

fn key(change: &SessionChange) -> (SessionId, bool) {
    (change.id, change.lives_until.is_some())
}
