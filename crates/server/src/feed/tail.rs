//! The one reader of the log on this node: woken by hints, looking by itself four times a second,
//! since a hint may be lost.

use std::time::Duration;

use menshen_store::StoreError;
use menshen_token::{Entry, Revocation, Seq, Timestamp};

use super::hub::{Hub, stopped};
use super::ring::Ring;
use crate::client_cache::ClientCache;

/// How long a lost hint can delay an entry.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How many entries are read at a time.
const BATCH: u32 = 1_000;

/// What is known of the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    /// The last position.
    pub(super) head: Seq,
    /// Counts how often the log was found to end there. A sign of life is worth something only
    /// when this has moved since the one before it.
    pub(super) confirmations: u64,
    /// When the last look began that found it to end there.
    pub(super) confirmed_at: Timestamp,
}

impl Hub {
    /// Forgets the clients that are remembered whenever the log says, from whichever node, that
    /// tokens issued before an instant are dead; until the hub closes.
    pub(crate) async fn forget_clients(self, clients: ClientCache) {
        let mut tail = self.tail();
        let mut closing = self.closing();
        let mut seen = tail.borrow_and_update().head;
        loop {
            tokio::select! {
                changed = tail.changed() => if changed.is_err() { return },
                () = stopped(&mut closing) => return,
            }
            let head = tail.borrow_and_update().head;
            if head == seen {
                continue;
            }
            // What cannot be told any more may have been such a rule.
            let cut_off = self.recent(seen, usize::MAX).is_none_or(|entries| {
                entries.iter().any(|entry| {
                    matches!(
                        entry.revocation,
                        Revocation::ClientBefore(..) | Revocation::AllBefore(_)
                    )
                })
            });
            if cut_off {
                clients.clear();
            }
            seen = head;
        }
    }
}

/// Reads the log until the hub closes.
pub(super) async fn follow(hub: Hub) {
    let mut hints = hub.store().head_changes();
    let mut closing = hub.closing();
    let mut failing = false;
    loop {
        match read(&hub).await {
            Ok(()) => failing = false,
            Err(error) => {
                // Once per outage: the streams fall silent, and verifiers notice that.
                if !failing {
                    tracing::error!(error = %error, cause = ?error, "cannot read the log");
                }
                failing = true;
            }
        }
        let hint = async {
            if failing || hints.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = hint => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stopped(&mut closing) => return,
        }
    }
}

async fn read(hub: &Hub) -> Result<(), StoreError> {
    loop {
        let began_at = hub.clock().now();
        let entries = hub.store().revocations_after(hub.head(), BATCH).await?;
        let more = entries.len() == BATCH as usize;
        if let Some(lost) = take(hub, entries) {
            // The log was compacted past us while we could not read it.
            let head = hub.store().head().await?.seq;
            tracing::warn!(feed.lost = lost.0, feed.head = head.0, "fell behind the log");
            hub.replace_ring(Ring::at(head));
        }
        if !more {
            hub.confirm(began_at);
            return Ok(());
        }
    }
}

/// Adds entries to the ring; the position that is missing, if one is.
fn take(hub: &Hub, entries: Vec<Entry>) -> Option<Seq> {
    let withdraws_key = entries.iter().any(|entry| matches!(entry.revocation, Revocation::Key(_)));
    let missing = hub.extend_ring(entries);
    if withdraws_key {
        hub.key_was_withdrawn();
    }
    missing
}
