//! Which verifiers follow the feed, on all nodes, and how far each has come.

use menshen_token::{Seq, Timestamp};

use crate::{Result, Store};

/// A verifier that follows the feed on one of the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedStream {
    /// The name of the stream; drawn at random when it is opened.
    pub id: String,
    /// Who follows.
    pub verifier: String,
    /// The position up to which it has applied the log.
    pub acknowledged: Seq,
}

impl Store {
    /// Tells the other nodes which streams are open here and how far they have come.
    pub async fn report_streams(&self, streams: &[FeedStream], now: Timestamp) -> Result<()> {
        todo!()
    }

    /// The streams of all nodes that were reported within the last 10 seconds.
    pub async fn list_streams(&self, now: Timestamp) -> Result<Vec<FeedStream>> {
        todo!()
    }

    /// Forgets streams that were closed.
    pub async fn forget_streams(&self, ids: &[String]) -> Result<()> {
        todo!()
    }
}
