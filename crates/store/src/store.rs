//! The store: opened once, cloned freely.

use std::time::Duration;

use menshen_token::Seq;
use tokio::sync::watch;

use crate::Result;

/// Where the database is and how it is used.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `sqlite:///absolute/path.db` or `postgres://user:password@host/database`.
    pub url: String,
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

/// Everything that touches the database. Each method is one atomic use case.
#[derive(Clone, Debug)]
pub struct Store {}

impl Store {
    /// Connects, and brings the schema up to date. A SQLite file that does not exist is
    /// created, readable by its owner only.
    pub async fn open(options: &StoreOptions) -> Result<Self> {
        todo!()
    }

    /// Reads something, to tell whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        todo!()
    }

    /// Whether other nodes may work on the same database.
    pub fn is_shared(&self) -> bool {
        todo!()
    }

    /// Waits for what is under way and closes every connection.
    pub async fn close(self) {
        todo!()
    }

    /// The position of the log, as far as it is known here. A hint: it moves after each local
    /// commit that appended, and when another node says that it has.
    pub fn head_changes(&self) -> watch::Receiver<Seq> {
        todo!()
    }
}
