//! Passwords: only ever their hashes.

use menshen_domain::credential::PasswordHash;
use menshen_token::{Timestamp, UserId};

use crate::{Receipt, Result, Store};

pub(crate) mod throttle;

impl Store {
    /// The hash of a user's password.
    pub async fn find_password(&self, id: &UserId) -> Result<Option<PasswordHash>> {
        todo!()
    }

    /// Sets a new password, and ends everything that the user has. `None` when there is no
    /// such user.
    pub async fn change_password(
        &self,
        id: &UserId,
        new: &PasswordHash,
        now: Timestamp,
    ) -> Result<Option<Receipt>> {
        todo!()
    }

    /// Keeps the same password under a dearer hash, unless it has been changed meanwhile;
    /// whether it was still `old`.
    pub async fn upgrade_password(
        &self,
        id: &UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool> {
        todo!()
    }
}
