//! The only place that knows which database this is.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::str::FromStr;

use menshen_token::Seq;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::Statement;
use crate::{Result, StoreError};

/// Which database this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Writer,
    Reader,
}

/// The channel on which nodes tell each other that the log has grown: one for each schema,
/// because channels belong to the whole database.
macro_rules! head_channel {
    () => {
        "'menshen_head.' || left(current_schema(), 40)"
    };
}
pub(crate) use head_channel;

impl Dialect {
    pub(crate) fn of(url: &str) -> Result<Self> {
        if url.starts_with("sqlite:") {
            SqliteConnectOptions::from_str(url)?;
            Ok(Self::Sqlite)
        } else {
            PgConnectOptions::from_str(url)?;
            Ok(Self::Postgres)
        }
    }

    /// Creates the SQLite file if it is not there, readable by its owner only; the files that
    /// SQLite puts beside it inherit that.
    pub(crate) fn create(self, url: &str) -> Result<()> {
        if self == Self::Postgres {
            return Ok(());
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(SqliteConnectOptions::from_str(url)?.get_filename()) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                Err(StoreError::unavailable(error))
            }
            _ => Ok(()),
        }
    }

    /// Whether only one transaction can write at a time, so that writers queue for the one
    /// connection that does.
    pub(crate) const fn one_writer(self) -> bool {
        matches!(self, Self::Sqlite)
    }

    /// Whether several can, each locking the rows it judges.
    pub(crate) const fn locks_rows(self) -> bool {
        !self.one_writer()
    }

    /// Whether other nodes may work on the same database.
    pub(crate) const fn is_shared(self) -> bool {
        matches!(self, Self::Postgres)
    }

    /// How many batches of refreshes may be under way at once.
    pub(crate) const fn lanes(self) -> usize {
        match self {
            Self::Sqlite => 1,
            Self::Postgres => 4,
        }
    }

    /// How many refreshes one batch may hold.
    pub(crate) const fn batch_size(self) -> usize {
        match self {
            Self::Sqlite => 256,
            Self::Postgres => 64,
        }
    }

    /// What each connection is told first. What is committed is on disk.
    pub(crate) const fn setup(self, role: Role) -> &'static str {
        match (self, role) {
            (Self::Sqlite, Role::Writer) => {
                "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
                 PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA foreign_keys = ON; \
                 PRAGMA temp_store = MEMORY;"
            }
            (Self::Sqlite, Role::Reader) => {
                "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;"
            }
            (Self::Postgres, _) => "SET synchronous_commit = on; SET lock_timeout = '5s'",
        }
    }

    /// How a write transaction begins: on SQLite with the write lock, because a transaction
    /// that reads first and writes later fails when another wrote in between.
    pub(crate) const fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// Tells other nodes, as part of the transaction, that the log has grown.
    pub(crate) fn notify(self, seq: Seq) -> Option<Statement> {
        (self == Self::Postgres).then(|| {
            let sql = concat!("SELECT pg_notify(", head_channel!(), ", $1)");
            sqlx::query(sql).bind(seq.to_string())
        })
    }
}

/// Whether a transaction failed only because another was in its way: a serialization failure
/// or deadlock on PostgreSQL, a busy or changed database on SQLite.
pub(crate) fn is_contention(error: &StoreError) -> bool {
    let Some(sqlx::Error::Database(error)) = error.driver_error() else { return false };
    matches!(error.code().as_deref(), Some("40001" | "40P01" | "5" | "6" | "262" | "517"))
}
