//! The store: opened once, cloned freely.

use std::sync::Arc;
use std::time::Duration;

use menshen_domain::Secret;
use menshen_token::Seq;
use tokio::sync::watch;

use crate::Result;
use crate::database::Database;
use crate::database::listener::Listener;
use crate::grants::queue::Queue;

/// Where the database is and how it is used.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `sqlite:///absolute/path.db` or `postgres://user:password@host/database`.
    pub url: Secret,
    /// The most connections to open; at least 1. SQLite uses one more, for writing.
    pub connections: u32,
    /// The longest lifetime that any access token may have.
    pub access_token_ceiling: Duration,
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// The id of the last item of the page before; `None` for the first page.
    pub after: Option<String>,
    /// The most items to return.
    pub limit: u32,
}

impl Page {
    /// What to begin after; no id is empty. PostgreSQL accepts no NUL in a text.
    pub(crate) fn after_text(&self) -> String {
        self.after.as_deref().unwrap_or_default().replace('\0', "")
    }
}

/// Everything that touches the database. Each method is one atomic use case. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) database: Database,
    pub(crate) refreshes: Arc<Queue>,
    _listener: Option<Arc<Listener>>,
}

impl Store {
    /// Connects, and brings the schema up to date. A SQLite file that does not exist is
    /// created, readable by its owner only.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`](crate::StoreError::Unavailable), also for a URL that is
    /// none of ours, and for a database that a newer version has written.
    pub async fn open(options: &StoreOptions) -> Result<Self> {
        let database = Database::open(options).await?;
        let refreshes = Arc::new(Queue::start(&database));
        let listener = database
            .dialect
            .is_shared()
            .then(|| Arc::new(Listener::start(options.url.clone(), database.clone())));
        let store = Self { database, refreshes, _listener: listener };
        store.database.publish(store.head().await?.seq);
        Ok(store)
    }

    /// Reads something, to tell whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.head().await.map(|_| ())
    }

    /// Whether other nodes may work on the same database.
    pub fn is_shared(&self) -> bool {
        self.database.dialect.is_shared()
    }

    /// Waits for what is under way and closes every connection. What comes later, also through
    /// clones, finds the database unavailable.
    pub async fn close(self) {
        self.database.close().await;
    }

    /// The position of the log, as far as it is known here. A hint: it moves after each local
    /// commit that appended, and when another node says that it has.
    pub fn head_changes(&self) -> watch::Receiver<Seq> {
        self.database.head_changes()
    }
}
