//! Clients, read a moment ago: no request should cost a query for what hardly ever changes.
//!
//! The store judges disabled clients again inside its transactions, so that a stale entry opens
//! no session and renews none.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use menshen_domain::Client;
use menshen_store::{Store, StoreError};
use menshen_token::{ClientId, Clock, Timestamp};

/// How long an entry is believed.
const LIFETIME: Duration = Duration::from_secs(1);

/// Clients, read a moment ago. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct ClientCache(Arc<RwLock<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    known: HashMap<ClientId, Entry>,
    /// Counts how often everything was forgotten: what was being read meanwhile is not kept.
    cleared: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    known: Known,
    /// On the monotonic clock.
    read_at: Duration,
}

/// A client as it was at an instant.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// The client.
    pub(crate) client: Arc<Client>,
    /// Before this instant nothing had happened to it that `client` does not show.
    pub(crate) as_of: Timestamp,
}

impl Deref for Known {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl ClientCache {
    /// The client of this id, no older than a second. Ids that are nobody's are not remembered.
    ///
    /// # Errors
    ///
    /// The store's.
    pub(crate) async fn find(
        &self,
        store: &Store,
        clock: &dyn Clock,
        id: &ClientId,
    ) -> Result<Option<Known>, StoreError> {
        let (as_of, read_at) = (clock.now(), clock.monotonic());
        let cleared = match self.remembered(id, read_at) {
            Ok(known) => return Ok(Some(known)),
            Err(cleared) => cleared,
        };
        let Some(client) = store.find_client(id).await? else { return Ok(None) };
        let known = Known { client: Arc::new(client), as_of };
        let entry = Entry { known: known.clone(), read_at };
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if entries.cleared == cleared {
            entries.known.insert(id.clone(), entry);
        }
        Ok(Some(known))
    }

    /// The entry, if it is fresh; else how often everything was forgotten so far.
    fn remembered(&self, id: &ClientId, now: Duration) -> Result<Known, u64> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.known.get(id);
        let fresh = entry.filter(|entry| now.saturating_sub(entry.read_at) < LIFETIME);
        fresh.map(|entry| entry.known.clone()).ok_or(entries.cleared)
    }

    /// Reads every client anew: a rule was made that kills the tokens issued before it, and
    /// those that clients give themselves are issued as of when the client was read.
    pub(crate) fn clear(&self) {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        entries.known.clear();
        entries.cleared += 1;
    }

    /// Reads a client anew next time: it was just changed here.
    pub(crate) fn forget(&self, id: &ClientId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).known.remove(id);
    }
}
