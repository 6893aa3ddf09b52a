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
    /// The code that a device shows.
    UserCode,
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UserId => "user id",
            Self::Username => "username",
            Self::ClientId => "client id",
            Self::SigningKey => "signing key id",
            Self::UserCode => "user code",
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

impl StoreError {
    /// The database is unavailable for this reason.
    pub(crate) fn unavailable(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Unavailable(Outage(Arc::new(cause)))
    }

    /// What the driver said, if this came from the driver.
    pub(crate) fn driver_error(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Unavailable(Outage(cause)) => cause.downcast_ref(),
            Self::Conflict(_) | Self::Corrupt { .. } => None,
        }
    }

    /// This error, or a conflict when a row of the same key is there already.
    pub(crate) fn or_conflict(self, which: Which) -> Self {
        let taken = matches!(
            self.driver_error(),
            Some(sqlx::Error::Database(error)) if error.is_unique_violation()
        );
        if taken { Self::Conflict(which) } else { self }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::unavailable(error)
    }
}
