//! Tickets that open one thing once.

use menshen_domain::SecretHash;
use menshen_token::Timestamp;

use crate::database::row::Cells;
use crate::{Result, Store};

/// A ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayTicket {
    /// Of the ticket itself.
    pub hash: SecretHash,
    /// Of the request that it is for.
    pub request: SecretHash,
    /// The session that it was made in, and ends with.
    pub session: Option<SecretHash>,
    /// Who asked for it.
    pub sealed: String,
    /// From then on it is worth nothing.
    pub expires_at: Timestamp,
}

impl Store {
    /// Keeps a ticket; `false` when its session has ended meanwhile.
    pub async fn keep_gateway_ticket(&self, ticket: &GatewayTicket) -> Result<bool> {
        let sql = "INSERT INTO gateway_tickets (hash, request, session, sealed, expires_at_ms) \
            SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), \
            CAST($5 AS BIGINT) WHERE CAST($3 AS TEXT) IS NULL \
            OR EXISTS (SELECT 1 FROM gateway_sessions WHERE gateway_sessions.hash = $3)";
        let insert = || {
            sqlx::query(sql)
                .bind(ticket.hash.as_str())
                .bind(ticket.request.as_str())
                .bind(ticket.session.as_ref().map(SecretHash::as_str))
                .bind(ticket.sealed.clone())
                .bind(ticket.expires_at.as_millis())
        };
        self.database.change(insert).await.map(|rows| rows == 1)
    }

    /// Uses a ticket up, for exactly one of all who try; what was sealed in it. One that is for
    /// another request stays as it is.
    pub async fn take_gateway_ticket(
        &self,
        hash: &SecretHash,
        request: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<String>> {
        let sql = "DELETE FROM gateway_tickets \
            WHERE hash = $1 AND request = $2 AND expires_at_ms > $3 RETURNING sealed";
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let query = sqlx::query(sql)
                        .bind(hash.as_str())
                        .bind(request.as_str())
                        .bind(now.as_millis());
                    let row = query.fetch_optional(tx.db()).await?;
                    row.map(|row| Cells::of(&row, "gateway_tickets").text()).transpose()
                })
            })
            .await
    }
}
