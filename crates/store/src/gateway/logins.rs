//! Logins that browsers have begun, until they come back.

use menshen_domain::SecretHash;
use menshen_token::Timestamp;

use crate::database::row::Cells;
use crate::{Result, Store};

/// A login that a browser has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayLogin {
    /// Of its `state`.
    pub hash: SecretHash,
    /// What the answer is checked against.
    pub sealed: String,
    /// From then on it is worth nothing.
    pub expires_at: Timestamp,
}

impl Store {
    /// Keeps a login.
    pub async fn keep_gateway_login(&self, login: &GatewayLogin) -> Result<()> {
        let sql = "INSERT INTO gateway_logins (hash, sealed, expires_at_ms) VALUES ($1, $2, $3)";
        let insert = || {
            sqlx::query(sql)
                .bind(login.hash.as_str())
                .bind(login.sealed.clone())
                .bind(login.expires_at.as_millis())
        };
        self.database.change(insert).await.map(|_| ())
    }

    /// Uses a login up; what was sealed in it, for exactly one of all who try.
    pub async fn take_gateway_login(
        &self,
        hash: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<String>> {
        let sql = "DELETE FROM gateway_logins WHERE hash = $1 AND expires_at_ms > $2 \
            RETURNING sealed";
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let query = sqlx::query(sql).bind(hash.as_str()).bind(now.as_millis());
                    let row = query.fetch_optional(tx.db()).await?;
                    row.map(|row| Cells::of(&row, "gateway_logins").text()).transpose()
                })
            })
            .await
    }
}
