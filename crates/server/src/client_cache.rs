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
pub struct ClientCache(Arc<RwLock<HashMap<ClientId, Entry>>>);

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
        if let Some(known) = self.remembered(id, read_at) {
            return Ok(Some(known));
        }
        let Some(client) = store.find_client(id).await? else { return Ok(None) };
        let known = Known { client: Arc::new(client), as_of };
        let entry = Entry { known: known.clone(), read_at };
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), entry);
        Ok(Some(known))
    }

    fn remembered(&self, id: &ClientId, now: Duration) -> Option<Known> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(id)?;
        (now.saturating_sub(entry.read_at) < LIFETIME).then(|| entry.known.clone())
    }

    /// Reads a client anew next time: it was just changed here.
    pub(crate) fn forget(&self, id: &ClientId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}
