//! Reading the revocation log.

use menshen_token::{Entry, Seq, Timestamp};

use crate::{Result, Store};

/// Where the log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last position.
    pub seq: Seq,
    /// Up to here the log may have holes; from here on it has none.
    pub compacted_through: Seq,
}

impl Store {
    /// Where the log stands.
    pub async fn head(&self) -> Result<Head> {
        todo!()
    }

    /// Entries after a position, in order; without holes when the position is not below
    /// [`Head::compacted_through`].
    pub async fn revocations_after(&self, after: Seq, limit: u32) -> Result<Vec<Entry>> {
        todo!()
    }

    /// Entries after one position and up to another that are alive at `now`, in order, with
    /// holes: the parts of a snapshot.
    pub async fn live_revocations_after(
        &self,
        after: Seq,
        up_to: Seq,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Entry>> {
        todo!()
    }
}
