//! What can go wrong with the database. Everything that may happen in the normal course of
//! things is data in the answer of a method instead.

use std::fmt;
use std::sync::Arc;

/// The database did not do what was asked; nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or cannot answer. Worth trying again.
    #[error("the database is unavailable")]
    Unavailable(#[source] Outage),
    /// Something of this name is there already.
    #[error("{0} is taken")]
    Conflict(Which),
    /// A row says something that we never wrote.
    #[error("corrupt row {id} in {table}")]
    Corrupt {
        /// The table it lies in.
        table: &'static str,
        /// Its primary key, as far as it could be read.
        id: String,
    },
}

/// What is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The id of a user.
    UserId,
    /// A user name.
    Username,
    /// The id of a client.
    ClientId,
    /// The id of a signing key.
    SigningKey,
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UserId => "user id",
            Self::Username => "username",
            Self::ClientId => "client id",
            Self::SigningKey => "signing key id",
        })
    }
}

/// Why the database is unavailable. For logs.
#[derive(Clone, Debug)]
pub struct Outage(Arc<dyn std::error::Error + Send + Sync>);

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Outage {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}
