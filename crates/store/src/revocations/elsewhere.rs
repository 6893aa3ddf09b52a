//! Signing out everywhere else: all that a user has, except in the session they do it from.

use menshen_token::{GrantId, Reason, SessionId, Timestamp, UserId};

use super::{Covered, Receipt, end};
use crate::database::Tx;
use crate::database::row::Cells;
use crate::{Result, Store};

impl Store {
    /// Ends every session of a user but one, with all their grants, those for offline use included,
    /// and whatever is on its way to becoming a session. One receipt for each session, and for each
    /// grant that had outlived its own.
    pub async fn end_other_sessions(
        &self,
        user: &UserId,
        kept: SessionId,
        reason: Reason,
        now: Timestamp,
    ) -> Result<Vec<Receipt>> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    lock_others(tx, user, kept).await?;
                    let sql = "UPDATE users SET sign_in_epoch = sign_in_epoch + 1 WHERE id = $1";
                    tx.execute(sqlx::query(sql).bind(user.to_string())).await?;
                    let mut receipts = Vec::new();
                    for id in other_sessions(tx, user, kept).await? {
                        let covered = Covered::WholeSession(id);
                        receipts.push(end(tx, &covered, reason, now).await?);
                    }
                    for id in other_grants(tx, user, kept).await? {
                        receipts.push(end(tx, &Covered::Grant(id), reason, now).await?);
                    }
                    Ok(receipts)
                })
            })
            .await
    }
}

/// Whoever has ended the first session holds the head of the log, and may wait for nobody.
async fn lock_others(tx: &mut Tx<'_>, user: &UserId, kept: SessionId) -> Result<()> {
    let owner = "SELECT id FROM users WHERE id = $1 FOR UPDATE";
    tx.lock(sqlx::query(owner).bind(user.to_string())).await?;
    let sessions = "SELECT count(*) FROM (SELECT id FROM sessions WHERE user_id = $1 \
        AND id <> $2 AND ended_at_ms IS NULL ORDER BY id FOR UPDATE) AS locked";
    let grants = "SELECT count(*) FROM (SELECT id FROM grants WHERE user_id = $1 \
        AND session_id <> $2 AND ended_at_ms IS NULL ORDER BY id FOR UPDATE) AS locked";
    for sql in [sessions, grants] {
        tx.lock(sqlx::query(sql).bind(user.to_string()).bind(kept.to_string())).await?;
    }
    Ok(())
}

async fn other_sessions(tx: &mut Tx<'_>, user: &UserId, kept: SessionId) -> Result<Vec<SessionId>> {
    let sql = "SELECT id FROM sessions \
        WHERE user_id = $1 AND id <> $2 AND ended_at_ms IS NULL ORDER BY id";
    let query = sqlx::query(sql).bind(user.as_str()).bind(kept.to_string());
    let rows = query.fetch_all(tx.db()).await?;
    rows.iter().map(|row| Cells::of(row, "sessions").parse()).collect()
}

async fn other_grants(tx: &mut Tx<'_>, user: &UserId, kept: SessionId) -> Result<Vec<GrantId>> {
    let sql = "SELECT id FROM grants \
        WHERE user_id = $1 AND session_id <> $2 AND ended_at_ms IS NULL ORDER BY id";
    let query = sqlx::query(sql).bind(user.as_str()).bind(kept.to_string());
    let rows = query.fetch_all(tx.db()).await?;
    rows.iter().map(|row| Cells::of(row, "grants").parse()).collect()
}
