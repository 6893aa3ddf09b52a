//! Which verifiers follow the feed, on all nodes, and how far each has come.

use std::time::Duration;

use menshen_token::{Seq, Timestamp};

use crate::database::row::{Cells, as_column};
use crate::{Result, Store};

/// A stream that has not been reported for longer is taken for gone.
const SILENCE: Duration = Duration::from_secs(10);

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
    /// Tells the other nodes which streams are open here and how far they have come. A stream
    /// never goes back: an older report changes nothing.
    pub async fn report_streams(&self, streams: &[FeedStream], now: Timestamp) -> Result<()> {
        if streams.is_empty() {
            return Ok(());
        }
        let sql = "INSERT INTO feed_streams (id, verifier, acknowledged_seq, seen_at_ms) \
            VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO UPDATE SET \
            acknowledged_seq = CASE \
                WHEN excluded.acknowledged_seq > feed_streams.acknowledged_seq \
                THEN excluded.acknowledged_seq ELSE feed_streams.acknowledged_seq END, \
            seen_at_ms = excluded.seen_at_ms";
        self.database
            .write(|tx| {
                Box::pin(async move {
                    for stream in streams {
                        let upsert = sqlx::query(sql)
                            .bind(stream.id.as_str())
                            .bind(stream.verifier.as_str())
                            .bind(as_column(stream.acknowledged.0))
                            .bind(now.as_millis());
                        tx.execute(upsert).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Notes that a stream of another node has applied the log up to a position; whether there is
    /// such a stream. Only its own node says that it is still open, so one that was closed does
    /// not come back.
    pub async fn acknowledge_stream(&self, id: &str, seq: Seq, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE feed_streams SET acknowledged_seq = \
            CASE WHEN acknowledged_seq < $2 THEN $2 ELSE acknowledged_seq END \
            WHERE id = $1 AND seen_at_ms >= $3";
        let since = (now - SILENCE).as_millis();
        let update = || sqlx::query(sql).bind(id).bind(as_column(seq.0)).bind(since);
        self.database.change(update).await.map(|rows| rows > 0)
    }

    /// The streams of all nodes that were reported within the last 10 seconds.
    pub async fn list_streams(&self, now: Timestamp) -> Result<Vec<FeedStream>> {
        let sql = "SELECT id, verifier, acknowledged_seq FROM feed_streams \
            WHERE seen_at_ms >= $1 ORDER BY id";
        let query = sqlx::query(sql).bind((now - SILENCE).as_millis());
        let rows = query.fetch_all(self.database.reader()).await?;
        rows.iter()
            .map(|row| {
                let mut cells = Cells::of(row, "feed_streams");
                let (id, verifier) = (cells.text()?, cells.text()?);
                Ok(FeedStream { id, verifier, acknowledged: cells.seq()? })
            })
            .collect()
    }

    /// Forgets streams that were closed.
    pub async fn forget_streams(&self, ids: &[String]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        self.database
            .write(|tx| {
                Box::pin(async move {
                    for id in ids {
                        let sql = "DELETE FROM feed_streams WHERE id = $1";
                        tx.execute(sqlx::query(sql).bind(id.as_str())).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}
