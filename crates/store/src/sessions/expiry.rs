//! What time alone ends and deletes, in small steps that block nobody.

use std::time::Duration;

use menshen_token::{GrantId, Reason, SessionId, Timestamp};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use crate::database::Statement;
use crate::database::row::Cells;
use crate::revocations::{self, Covered};
use crate::{Result, Store};

const DAY: Duration = Duration::from_hours(24);

/// How long a session can still be asked why it ended.
const MEMORY: Duration = DAY.saturating_mul(30);

/// How long an address stays familiar that nobody signs in from.
const FAMILIAR: Duration = DAY.saturating_mul(90);

/// How long a code is kept that has expired, so that a second redemption is noticed.
const CODE: Duration = Duration::from_hours(1);

/// How long an expired rule is kept, for followers that read the log a little late.
const GRACE: Duration = Duration::from_mins(10);

/// What a sweep came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Sessions and grants that were looked at. As many as the limit or more: there are others.
    pub looked_at: u64,
    /// Sessions that ended.
    pub sessions: u64,
}

impl Swept {
    fn add(&mut self, sessions: u64) {
        self.looked_at += 1;
        self.sessions += sessions;
    }
}

impl Store {
    /// Ends sessions and grants whose lifetime is over, at most `limit` of each, one by one.
    /// Appends nothing, because no token of theirs is alive.
    pub async fn end_expired(&self, now: Timestamp, limit: u32) -> Result<Swept> {
        let mut swept = Swept::default();
        for id in self.grants_to_sweep(now, limit).await? {
            swept.add(self.sweep(id, now).await?);
        }
        let sql = "SELECT id FROM sessions \
            WHERE ended_at_ms IS NULL AND absolute_expires_at_ms <= $1 LIMIT $2";
        let query = sqlx::query(sql).bind(now.as_millis()).bind(i64::from(limit));
        for row in query.fetch_all(self.database.reader()).await? {
            let id: SessionId = Cells::of(&row, "sessions").parse()?;
            let covered = &Covered::Session(id);
            let receipt = self
                .database
                .write(|tx| {
                    Box::pin(revocations::end_expired(tx, covered, Reason::AbsoluteTimeout, now))
                })
                .await?;
            swept.add(receipt.sessions);
        }
        self.end_idle_browsers(now, limit, &mut swept).await?;
        Ok(swept)
    }

    /// Ends sessions that browsers hold and nobody has used, neither by the cookie nor by an app.
    async fn end_idle_browsers(&self, now: Timestamp, limit: u32, swept: &mut Swept) -> Result<()> {
        let sql = "SELECT id FROM sessions \
            WHERE ended_at_ms IS NULL AND sweep_at_ms <= $1 ORDER BY sweep_at_ms LIMIT $2";
        let query = sqlx::query(sql).bind(now.as_millis()).bind(i64::from(limit));
        for row in query.fetch_all(self.database.reader()).await? {
            let id: SessionId = Cells::of(&row, "sessions").parse()?;
            swept.add(self.end_idle_browser(id, now).await?);
        }
        Ok(())
    }

    async fn end_idle_browser(&self, id: SessionId, now: Timestamp) -> Result<u64> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let Some(session) = super::locked(tx, id).await? else { return Ok(0) };
                    let idle = session.idle_lifetime.unwrap_or_default();
                    if session.last_seen_at + idle > now {
                        let sql = "UPDATE sessions SET sweep_at_ms = $2 WHERE id = $1";
                        let look_again = (session.last_seen_at + idle).as_millis();
                        let later = sqlx::query(sql).bind(id.to_string()).bind(look_again);
                        tx.execute(later).await?;
                        return Ok(0);
                    }
                    let (covered, reason) = (Covered::Session(id), Reason::IdleTimeout);
                    let receipt = revocations::end_expired(tx, &covered, reason, now).await?;
                    Ok(receipt.sessions)
                })
            })
            .await
    }

    async fn grants_to_sweep(&self, now: Timestamp, limit: u32) -> Result<Vec<GrantId>> {
        let sql = "SELECT id FROM grants WHERE ended_at_ms IS NULL AND sweep_at_ms <= $1 \
            ORDER BY sweep_at_ms LIMIT $2";
        let query = sqlx::query(sql).bind(now.as_millis()).bind(i64::from(limit));
        let rows = query.fetch_all(self.database.reader()).await?;
        rows.iter().map(|row| Cells::of(row, "grants").parse()).collect()
    }

    /// Ends a grant that has expired, or notes when to look again.
    async fn sweep(&self, id: GrantId, now: Timestamp) -> Result<u64> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let covered = Covered::ExpiredGrant(id);
                    revocations::lock(tx, &covered).await?;
                    // Never later than the absolute expiry, which caps the idle one.
                    let sql = "UPDATE grants SET sweep_at_ms = idle_expires_at_ms \
                    WHERE id = $1 AND idle_expires_at_ms > $2";
                    let later = sqlx::query(sql).bind(id.to_string()).bind(now.as_millis());
                    if tx.execute(later).await? > 0 {
                        return Ok(0);
                    }
                    let sql = "SELECT absolute_expires_at_ms FROM grants WHERE id = $1";
                    let row = sqlx::query(sql).bind(id.to_string()).fetch_optional(tx.db()).await?;
                    let Some(row) = row else { return Ok(0) };
                    let too_old = Cells::of(&row, "grants").instant()? <= now;
                    let reason =
                        if too_old { Reason::AbsoluteTimeout } else { Reason::IdleTimeout };
                    let receipt = revocations::end_expired(tx, &covered, reason, now).await?;
                    Ok(receipt.sessions)
                })
            })
            .await
    }

    /// Deletes rows that cannot matter any more, at most `limit` of each kind; how many.
    pub async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64> {
        let mut deleted = self.compact(now - GRACE, limit).await?;
        for Kept { table, key, column, time } in KEPT {
            let sql = format!(
                "DELETE FROM {table} WHERE {key} IN \
                 (SELECT {key_alone} FROM {table} WHERE {column} <= $1 LIMIT $2)",
                key_alone = key.trim_matches(['(', ')']),
            );
            deleted += self.delete(&sql, now - *time, limit).await?;
        }
        // Its grants go with it, so all of them must have ended as long ago.
        let sql = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions \
             WHERE ended_at_ms <= $1 AND NOT EXISTS (SELECT 1 FROM grants \
             WHERE grants.session_id = sessions.id \
             AND (grants.ended_at_ms IS NULL OR grants.ended_at_ms > $1)) LIMIT $2)";
        Ok(deleted + self.delete(sql, now - MEMORY, limit).await?)
    }

    async fn delete(&self, sql: &str, before: Timestamp, limit: u32) -> Result<u64> {
        let delete = || -> Statement {
            let sql = AssertSqlSafe(sql.to_owned()).into_sql_str();
            sqlx::query(sql).bind(before.as_millis()).bind(i64::from(limit))
        };
        self.database.change(delete).await
    }
}

/// What is kept for a while after an instant.
struct Kept {
    table: &'static str,
    key: &'static str,
    column: &'static str,
    time: Duration,
}

const fn kept(
    table: &'static str,
    key: &'static str,
    column: &'static str,
    time: Duration,
) -> Kept {
    Kept { table, key, column, time }
}

const KEPT: &[Kept] = &[
    kept("authorization_codes", "hash", "expires_at_ms", CODE),
    kept("pushed_requests", "hash", "expires_at_ms", Duration::ZERO),
    kept("device_authorizations", "device_code_hash", "expires_at_ms", CODE),
    kept("half_sign_ins", "hash", "expires_at_ms", Duration::ZERO),
    kept("mailed_links", "hash", "expires_at_ms", Duration::ZERO),
    kept("exchanged_grants", "grant_id", "expires_at_ms", GRACE),
    kept("sessionless_tokens", "user_id", "expires_at_ms", GRACE),
    kept("opaque_tokens", "hash", "expires_at_ms", DAY),
    kept("gateway_logins", "hash", "expires_at_ms", Duration::ZERO),
    kept("gateway_tickets", "hash", "expires_at_ms", Duration::ZERO),
    kept("gateway_sessions", "hash", "expires_at_ms", Duration::ZERO),
    kept("logout_deliveries", "id", "finished_at_ms", MEMORY),
    kept("consumed", "(kind, value)", "expires_at_ms", Duration::ZERO),
    kept("quotas", "bucket", "empty_at_ms", Duration::ZERO),
    kept("login_attempts", "bucket", "last_at_ms", DAY),
    kept("familiar_addresses", "(user_id, address)", "last_at_ms", FAMILIAR),
    kept("feed_streams", "id", "seen_at_ms", Duration::from_mins(1)),
    kept("signing_keys", "id", "removed_at_ms", MEMORY),
];
