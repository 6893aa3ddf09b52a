//! Sessions that browsers hold at a gateway by a cookie.

use menshen_domain::SecretHash;
use menshen_token::Timestamp;

use crate::database::row::{Cells, as_column};
use crate::{Result, Store};

/// A session that a browser holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewaySession {
    /// Of the cookie.
    pub hash: SecretHash,
    /// Who signed the user in.
    pub issuer: String,
    /// The user, as that issuer names them.
    pub subject: String,
    /// `sid` at that issuer.
    pub sid: Option<String>,
    /// The tokens.
    pub sealed: String,
    /// How often the tokens were exchanged.
    pub generation: u64,
    /// From then on it is worth nothing, unless it is used before.
    pub expires_at: Timestamp,
}

/// What a provider says has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedOut {
    /// Which provider.
    pub issuer: String,
    /// Whose sessions; of anybody without it.
    pub subject: Option<String>,
    /// Which session there; every one of the subject without it.
    pub sid: Option<String>,
}

impl Store {
    /// Keeps a session, in the place of another one that the same browser had.
    pub async fn keep_gateway_session(
        &self,
        session: &GatewaySession,
        replaced: Option<&SecretHash>,
    ) -> Result<()> {
        let sql = "INSERT INTO gateway_sessions \
            (hash, issuer, subject, sid, sealed, generation, expires_at_ms) \
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        self.database
            .write(|tx| {
                Box::pin(async move {
                    if let Some(replaced) = replaced {
                        tx.execute(sqlx::query(END).bind(replaced.as_str())).await?;
                    }
                    let insert = sqlx::query(sql)
                        .bind(session.hash.as_str())
                        .bind(session.issuer.clone())
                        .bind(session.subject.clone())
                        .bind(session.sid.clone())
                        .bind(session.sealed.clone())
                        .bind(as_column(session.generation))
                        .bind(session.expires_at.as_millis());
                    tx.execute(insert).await.map(|_| ())
                })
            })
            .await
    }

    /// A session that has not expired.
    pub async fn find_gateway_session(
        &self,
        hash: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<GatewaySession>> {
        let sql = "SELECT hash, issuer, subject, sid, sealed, generation, expires_at_ms \
            FROM gateway_sessions WHERE hash = $1 AND expires_at_ms > $2";
        let query = sqlx::query(sql).bind(hash.as_str()).bind(now.as_millis());
        let row = query.fetch_optional(self.database.reader()).await?;
        row.map(|row| {
            let mut cells = Cells::of(&row, "gateway_sessions");
            Ok(GatewaySession {
                hash: cells.parse()?,
                issuer: cells.text()?,
                subject: cells.text()?,
                sid: cells.optional_text()?,
                sealed: cells.text()?,
                generation: cells.count()?,
                expires_at: cells.instant()?,
            })
        })
        .transpose()
    }

    /// Takes on to exchange the tokens of this generation, until an instant; `false` when somebody
    /// else has, or the generation is another one by now.
    pub async fn lease_gateway_session(
        &self,
        (hash, generation): (&SecretHash, u64),
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool> {
        let sql = "UPDATE gateway_sessions SET leased_until_ms = $4 \
            WHERE hash = $1 AND generation = $2 \
            AND (leased_until_ms IS NULL OR leased_until_ms <= $3)";
        let update = || {
            sqlx::query(sql)
                .bind(hash.as_str())
                .bind(as_column(generation))
                .bind(now.as_millis())
                .bind(until.as_millis())
        };
        self.database.change(update).await.map(|rows| rows == 1)
    }

    /// Gives back what was taken on, without new tokens.
    pub async fn release_gateway_session(
        &self,
        (hash, generation): (&SecretHash, u64),
    ) -> Result<()> {
        let sql = "UPDATE gateway_sessions SET leased_until_ms = NULL \
            WHERE hash = $1 AND generation = $2";
        let update = || sqlx::query(sql).bind(hash.as_str()).bind(as_column(generation));
        self.database.change(update).await.map(|_| ())
    }

    /// Keeps the tokens of the next generation; `false` when the session has ended meanwhile, or
    /// somebody else was quicker.
    pub async fn renew_gateway_session(
        &self,
        (hash, generation): (&SecretHash, u64),
        sealed: &str,
    ) -> Result<bool> {
        let sql = "UPDATE gateway_sessions \
            SET sealed = $3, generation = generation + 1, leased_until_ms = NULL \
            WHERE hash = $1 AND generation = $2";
        let update = || {
            sqlx::query(sql).bind(hash.as_str()).bind(as_column(generation)).bind(sealed.to_owned())
        };
        self.database.change(update).await.map(|rows| rows == 1)
    }

    /// Notes that a session was used, and how long it lives by that.
    pub async fn touch_gateway_session(
        &self,
        hash: &SecretHash,
        expires_at: Timestamp,
    ) -> Result<()> {
        let sql = "UPDATE gateway_sessions SET expires_at_ms = $2 WHERE hash = $1";
        let update = || sqlx::query(sql).bind(hash.as_str()).bind(expires_at.as_millis());
        self.database.change(update).await.map(|_| ())
    }

    /// Ends a session, and its tickets; whether it was still there.
    pub async fn end_gateway_session(&self, hash: &SecretHash) -> Result<bool> {
        let delete = || sqlx::query(END).bind(hash.as_str());
        self.database.change(delete).await.map(|rows| rows == 1)
    }

    /// Ends every session that a provider says has ended; which those were.
    pub async fn end_gateway_sessions(&self, ended: &LoggedOut) -> Result<Vec<SecretHash>> {
        let sql = "DELETE FROM gateway_sessions WHERE issuer = $1 \
            AND (CAST($2 AS TEXT) IS NULL OR subject = $2) \
            AND (CAST($3 AS TEXT) IS NULL OR sid = $3) RETURNING hash";
        if ended.subject.is_none() && ended.sid.is_none() {
            return Ok(Vec::new());
        }
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let query = sqlx::query(sql)
                        .bind(ended.issuer.clone())
                        .bind(ended.subject.clone())
                        .bind(ended.sid.clone());
                    let rows = query.fetch_all(tx.db()).await?;
                    rows.iter().map(|row| Cells::of(row, "gateway_sessions").parse()).collect()
                })
            })
            .await
    }
}

const END: &str = "DELETE FROM gateway_sessions WHERE hash = $1";
