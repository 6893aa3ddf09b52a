//! Users: people and robots that can sign in.

use menshen_domain::User;
use menshen_domain::credential::PasswordHash;
use menshen_domain::user::Username;
use menshen_token::{Timestamp, UserId};
use serde_json::{Map, Value};

use crate::{Page, Receipt, Result, Store};

impl Store {
    /// Adds a user. [`Which::UserId`] or [`Which::Username`] may be taken.
    ///
    /// [`Which::UserId`]: crate::Which::UserId
    /// [`Which::Username`]: crate::Which::Username
    pub async fn create_user(&self, user: &User, password: Option<&PasswordHash>) -> Result<()> {
        todo!()
    }

    /// The user of this id.
    pub async fn find_user(&self, id: &UserId) -> Result<Option<User>> {
        todo!()
    }

    /// The user of this name, and the hash of their password if they have one.
    pub async fn find_user_by_username(
        &self,
        name: &Username,
    ) -> Result<Option<(User, Option<PasswordHash>)>> {
        todo!()
    }

    /// Users in the order of their ids.
    pub async fn list_users(&self, page: &Page) -> Result<Vec<User>> {
        todo!()
    }

    /// Replaces a user's roles and claims. Access tokens that say the old ones are dead;
    /// sessions live and are renewed silently. `None` when there is no such user.
    pub async fn change_claims(
        &self,
        id: &UserId,
        roles: &[String],
        claims: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Option<Receipt>> {
        todo!()
    }

    /// Bars a user, and ends everything they have. `None` when there is no such user.
    pub async fn disable_user(&self, id: &UserId, now: Timestamp) -> Result<Option<Receipt>> {
        todo!()
    }

    /// Lets a user sign in again; whether there is such a user.
    pub async fn enable_user(&self, id: &UserId) -> Result<bool> {
        todo!()
    }
}
