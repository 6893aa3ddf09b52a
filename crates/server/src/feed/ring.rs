//! The end of the log, kept in memory so that a stream that keeps up never asks the database.

use std::collections::VecDeque;

use menshen_token::{Entry, Seq};

/// How many entries are kept: some megabytes at most.
const CAPACITY: usize = 64 * 1024;

/// The last entries of the log, without holes, up to `head`.
#[derive(Debug)]
pub(super) struct Ring {
    entries: VecDeque<Entry>,
    head: Seq,
}

impl Ring {
    /// Empty, at a position.
    pub(super) fn at(head: Seq) -> Self {
        Self { entries: VecDeque::new(), head }
    }

    /// The position of the last entry.
    pub(super) fn head(&self) -> Seq {
        self.head
    }

    /// Adds the entry at the next position; `false`, and nothing is added, when it stands
    /// elsewhere.
    pub(super) fn push(&mut self, entry: Entry) -> bool {
        if entry.seq != self.head.next() {
            return false;
        }
        self.head = entry.seq;
        if self.entries.len() == CAPACITY {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
        true
    }

    /// The entries after a position, oldest first, at most `limit`; `None` when the position
    /// lies before what is kept.
    pub(super) fn after(&self, position: Seq, limit: usize) -> Option<Vec<Entry>> {
        let behind = usize::try_from(self.head.0.saturating_sub(position.0)).ok()?;
        let start = self.entries.len().checked_sub(behind)?;
        Some(self.entries.range(start..).take(limit).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use menshen_token::{Jti, Reason, Revocation, Timestamp};

    use super::*;

    fn entry(seq: u64) -> Entry {
        Entry {
            seq: Seq(seq),
            revocation: Revocation::Token(Jti::from_bytes([0; 16])),
            reason: Reason::Logout,
            appended_at: Timestamp::from_millis(0),
            expires_at: Timestamp::from_millis(1),
        }
    }

    fn positions(entries: Option<Vec<Entry>>) -> Option<Vec<u64>> {
        entries.map(|entries| entries.iter().map(|entry| entry.seq.0).collect())
    }

    #[test]
    fn a_position_that_is_kept_is_answered_and_an_older_one_is_not() {
        let mut ring = Ring::at(Seq(10));
        assert!((11..=15).all(|seq| ring.push(entry(seq))));
        assert_eq!(positions(ring.after(Seq(10), 100)), Some(vec![11, 12, 13, 14, 15]));
        assert_eq!(positions(ring.after(Seq(13), 1)), Some(vec![14]));
        assert_eq!(positions(ring.after(Seq(15), 100)), Some(vec![]));
        assert_eq!(positions(ring.after(Seq(9), 100)), None);
    }

    #[test]
    fn an_entry_that_would_leave_a_hole_is_not_added() {
        let mut ring = Ring::at(Seq(1));
        assert!(!ring.push(entry(3)) && !ring.push(entry(1)) && ring.push(entry(2)));
        assert_eq!(ring.head(), Seq(2));
    }

    #[test]
    fn the_oldest_entries_give_way() {
        let mut ring = Ring::at(Seq(0));
        let last = CAPACITY as u64 + 5;
        assert!((1..=last).all(|seq| ring.push(entry(seq))));
        assert_eq!(positions(ring.after(Seq(5), 1)), Some(vec![6]));
        assert_eq!(positions(ring.after(Seq(4), 1)), None);
    }
}
