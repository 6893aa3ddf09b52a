//! Sessions: reading them. They are opened by redeeming a code and ended by the revocation log.

use menshen_domain::Session;
use menshen_token::{SessionId, UserId};

use crate::{Page, Result, Store};

mod expiry;

impl Store {
    /// A user's live sessions, newest first.
    pub async fn list_sessions(&self, user: &UserId, page: &Page) -> Result<Vec<Session>> {
        todo!()
    }

    /// The session of this id, live or ended.
    pub async fn find_session(&self, id: SessionId) -> Result<Option<Session>> {
        todo!()
    }
}
