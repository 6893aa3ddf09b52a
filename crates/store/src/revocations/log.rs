//! Reading the revocation log.

use menshen_token::{AccessToken, Entry, Reason, Revocation, Seq, Timestamp};

use crate::database::row::{Cells, as_column};
use crate::{Result, Store};

/// Where the log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last position.
    pub seq: Seq,
    /// Up to here the log may have holes; from here on it has none.
    pub compacted_through: Seq,
}

/// What [`read`] reads.
macro_rules! columns {
    () => {
        "seq, kind, value, before_ms, reason, appended_at_ms, expires_at_ms"
    };
}

fn read(cells: &mut Cells<'_>) -> Result<Entry> {
    let seq = cells.seq()?;
    let (kind, value) = (cells.text()?, cells.optional_text()?);
    let before = cells.optional_instant()?;
    let revocation = Revocation::from_parts(&kind, value.as_deref(), before);
    Ok(Entry {
        seq,
        revocation: revocation.ok_or_else(|| cells.corrupt())?,
        reason: cells.parse()?,
        appended_at: cells.instant()?,
        expires_at: cells.instant()?,
    })
}

impl Store {
    /// Where the log stands.
    pub async fn head(&self) -> Result<Head> {
        let sql = "SELECT seq, compacted_through FROM revocation_head WHERE id = 1";
        let row = sqlx::query(sql).fetch_one(self.database.reader()).await?;
        let mut cells = Cells::of(&row, "revocation_head");
        Ok(Head { seq: cells.seq()?, compacted_through: cells.seq()? })
    }

    /// Entries after a position, in order; without holes when the position is not below
    /// [`Head::compacted_through`], as it stands after this call.
    pub async fn revocations_after(&self, after: Seq, limit: u32) -> Result<Vec<Entry>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM revocations WHERE seq > $1 ORDER BY seq LIMIT $2"
        );
        let rows = sqlx::query(sql)
            .bind(as_column(after.0))
            .bind(i64::from(limit))
            .fetch_all(self.database.reader())
            .await?;
        rows.iter().map(|row| read(&mut Cells::of(row, "revocations"))).collect()
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
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM revocations WHERE seq > $1 AND seq <= $2 AND expires_at_ms > $3 \
              ORDER BY seq LIMIT $4"
        );
        let rows = sqlx::query(sql)
            .bind(as_column(after.0))
            .bind(as_column(up_to.0))
            .bind(now.as_millis())
            .bind(i64::from(limit))
            .fetch_all(self.database.reader())
            .await?;
        rows.iter().map(|row| read(&mut Cells::of(row, "revocations"))).collect()
    }

    /// Why an access token is dead although it has not expired, if it is: by a rule, because
    /// what it belongs to has ended, or because its user or client is disabled.
    pub async fn is_revoked(&self, token: &AccessToken, now: Timestamp) -> Result<Option<Reason>> {
        self.find_cause(token, now, false).await
    }

    /// Why an access token cannot even be exchanged for the next one of its grant, if it cannot:
    /// as [`Store::is_revoked`], but for the rules that end nothing and only ask for a renewal.
    /// The token of a withdrawn key may be a forgery, and is none that could be renewed.
    pub async fn bars_renewal(
        &self,
        token: &AccessToken,
        now: Timestamp,
    ) -> Result<Option<Reason>> {
        self.find_cause(token, now, true).await
    }

    async fn find_cause(
        &self,
        token: &AccessToken,
        now: Timestamp,
        renewal: bool,
    ) -> Result<Option<Reason>> {
        // What ended, before the rules that say so: the reason is the same and the row is nearer.
        let sql = "\
            SELECT ended_reason FROM grants WHERE id = $1 AND ended_at_ms IS NOT NULL \
            UNION ALL \
            SELECT ended_reason FROM sessions WHERE id = $2 AND ended_at_ms IS NOT NULL \
            UNION ALL \
            SELECT reason FROM revocations \
                WHERE kind = 'grant' AND value = $1 AND expires_at_ms > $8 \
            UNION ALL \
            SELECT reason FROM revocations \
                WHERE kind = 'sid' AND value = $2 AND expires_at_ms > $8 \
            UNION ALL \
            SELECT reason FROM revocations \
                WHERE kind = 'jti' AND value = $3 AND expires_at_ms > $8 \
            UNION ALL \
            SELECT reason FROM revocations \
                WHERE kind = 'kid' AND value = $4 AND expires_at_ms > $8 \
            UNION ALL \
            SELECT reason FROM revocations \
                WHERE kind = 'sub_before' AND value = $5 AND before_ms > $6 AND expires_at_ms > $8 \
                AND reason <> $11 \
            UNION ALL \
            SELECT reason FROM revocations \
                WHERE kind = 'client_before' AND value = $7 AND before_ms > $6 AND expires_at_ms > $8 \
            UNION ALL \
            SELECT reason FROM revocations \
                WHERE kind = 'all_before' AND before_ms > $6 AND expires_at_ms > $8 \
                AND reason <> $12 \
            UNION ALL \
            SELECT $9 FROM users WHERE id = $5 AND disabled_at_ms IS NOT NULL \
            UNION ALL \
            SELECT $10 FROM clients WHERE id = $7 AND disabled_at_ms IS NOT NULL \
            LIMIT 1";
        let row = sqlx::query(sql)
            .bind(token.grant_id.map(|id| id.to_string()))
            .bind(token.session_id.map(|id| id.to_string()))
            .bind(token.jti.to_string())
            .bind(token.key_id.as_str())
            .bind(token.subject.as_str())
            .bind(token.issued_at.as_millis())
            .bind(token.client_id.as_str())
            .bind(now.as_millis())
            .bind(Reason::UserDisabled.as_str())
            .bind(Reason::ClientDisabled.as_str())
            .bind(if renewal { Reason::ClaimsChanged.as_str() } else { "" })
            .bind(if renewal { Reason::AllRevoked.as_str() } else { "" })
            .fetch_optional(self.database.reader())
            .await?;
        row.map(|row| Cells::of(&row, "revocations").parse()).transpose()
    }

    /// Deletes rules that expired before an instant, and says in the head how far the log may
    /// have holes now; how many.
    pub(crate) async fn compact(&self, before: Timestamp, limit: u32) -> Result<u64> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    super::lock_head(tx).await?;
                    let sql = "DELETE FROM revocations WHERE seq IN (SELECT seq FROM revocations \
                    WHERE expires_at_ms <= $1 AND appended_at_ms <= $1 \
                    ORDER BY expires_at_ms LIMIT $2) RETURNING seq";
                    let delete = sqlx::query(sql).bind(before.as_millis()).bind(i64::from(limit));
                    let mut last = Seq(0);
                    let rows = delete.fetch_all(tx.db()).await?;
                    for row in &rows {
                        last = last.max(Cells::of(row, "revocations").seq()?);
                    }
                    let sql = "UPDATE revocation_head SET compacted_through = $1 \
                    WHERE id = 1 AND compacted_through < $1";
                    tx.execute(sqlx::query(sql).bind(as_column(last.0))).await?;
                    Ok(rows.len() as u64)
                })
            })
            .await
    }
}
