//! The one reader of the log on this node: woken by hints, looking by itself four times a second,
//! since a hint may be lost.

use std::time::Duration;

use menshen_store::StoreError;
use menshen_token::{Entry, Revocation, Seq, Timestamp};

use super::hub::{Hub, stopped};
use super::ring::Ring;

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
