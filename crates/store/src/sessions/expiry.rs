//! What time alone ends and deletes, in small steps that block nobody.

use menshen_token::Timestamp;

use crate::{Result, Store};

impl Store {
    /// Ends sessions and grants whose lifetime is over, at most `limit` of each; how many
    /// sessions ended. Appends nothing, because no token of theirs is alive.
    pub async fn end_expired(&self, now: Timestamp, limit: u32) -> Result<u64> {
        todo!()
    }

    /// Deletes rows that cannot matter any more, at most `limit` of each kind; how many.
    pub async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64> {
        todo!()
    }
}
