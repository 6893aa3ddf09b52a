//! Sessions as they come and go, for those who keep a copy of which of them live.

use menshen_token::{SessionId, Timestamp};
use tokio::sync::watch;

use crate::database::row::Cells;
use crate::{Result, Store};

/// That a session began, when it lives, or that it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionChange {
    /// Which.
    pub id: SessionId,
    /// When, by the clock of the node that did it.
    pub at: Timestamp,
    /// When it ends at the latest; `None` when it has ended.
    pub lives_until: Option<Timestamp>,
}

impl Store {
    /// The live sessions that began, and the sessions that ended, at an instant or later, in the
    /// order of these instants and of the ids, after those of this position. A transaction that was
    /// slow may add one before others that were read already.
    pub async fn session_changes(
        &self,
        since: Timestamp,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<SessionChange>> {
        let sql = "SELECT id, at_ms, absolute_expires_at_ms, ended_at_ms FROM (\
            SELECT id, created_at_ms AS at_ms, absolute_expires_at_ms, ended_at_ms FROM sessions \
            WHERE ended_at_ms IS NULL AND created_at_ms >= $1 \
            UNION ALL \
            SELECT id, ended_at_ms AS at_ms, absolute_expires_at_ms, ended_at_ms FROM sessions \
            WHERE ended_at_ms IS NOT NULL AND ended_at_ms >= $1) AS changes \
            WHERE at_ms > $1 OR id > $2 ORDER BY at_ms, id LIMIT $3";
        let rows = sqlx::query(sql)
            .bind(since.as_millis())
            .bind(after.map(|id| id.to_string()).unwrap_or_default())
            .bind(i64::from(limit))
            .fetch_all(self.database.reader())
            .await?;
        let change = |row| {
            let mut cells = Cells::of(row, "sessions");
            let (id, at) = (cells.parse()?, cells.instant()?);
            let (expires_at, ended_at) = (cells.instant()?, cells.optional_instant()?);
            let lives_until = ended_at.is_none().then_some(expires_at);
            Ok(SessionChange { id, at, lives_until })
        };
        rows.iter().map(change).collect()
    }

    /// The live sessions in the order of their ids, and when each ends at the latest.
    pub async fn live_sessions(
        &self,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<(SessionId, Timestamp)>> {
        let sql = "SELECT id, absolute_expires_at_ms FROM sessions \
            WHERE id > $1 AND ended_at_ms IS NULL ORDER BY id LIMIT $2";
        let rows = sqlx::query(sql)
            .bind(after.map(|id| id.to_string()).unwrap_or_default())
            .bind(i64::from(limit))
            .fetch_all(self.database.reader())
            .await?;
        let session = |row| {
            let mut cells = Cells::of(row, "sessions");
            Ok((cells.parse()?, cells.instant()?))
        };
        rows.iter().map(session).collect()
    }

    /// Moves after each commit here that opened a session.
    pub fn session_openings(&self) -> watch::Receiver<()> {
        self.database.session_openings()
    }
}
