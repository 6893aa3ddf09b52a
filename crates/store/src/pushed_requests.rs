//! Authorization requests that clients have pushed (RFC 9126). One is used up when a code answers
//! it, not when it is looked at: a browser may load a page twice.

use menshen_domain::SecretHash;
use menshen_token::{ClientId, Thumbprint, Timestamp};

use crate::database::row::Cells;
use crate::{Result, Store};

/// An authorization request that was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedRequest {
    /// Of the random part of its `request_uri`.
    pub hash: SecretHash,
    /// Who pushed it, and alone may use it.
    pub client_id: ClientId,
    /// The parameters, each once.
    pub parameters: Vec<(String, String)>,
    /// The key that it was pushed with (RFC 9449 section 10.1).
    pub confirmation: Option<Thumbprint>,
    /// From then on it is worth nothing.
    pub expires_at: Timestamp,
}

impl Store {
    /// Keeps a request.
    pub async fn push_request(&self, request: &PushedRequest) -> Result<()> {
        let parameters = serde_json::to_string(&request.parameters).expect("strings serialize");
        let sql = "INSERT INTO pushed_requests \
            (hash, client_id, parameters, confirmation, expires_at_ms) VALUES ($1, $2, $3, $4, $5)";
        let insert = || {
            sqlx::query(sql)
                .bind(request.hash.as_str())
                .bind(request.client_id.as_str())
                .bind(parameters.clone())
                .bind(request.confirmation.as_ref().map(Thumbprint::as_str))
                .bind(request.expires_at.as_millis())
        };
        self.database.change(insert).await.map(|_| ())
    }

    /// A request that is neither used up nor expired.
    pub async fn find_pushed_request(
        &self,
        hash: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<PushedRequest>> {
        let sql = "SELECT hash, client_id, parameters, confirmation, expires_at_ms \
            FROM pushed_requests WHERE hash = $1 AND expires_at_ms > $2";
        let query = sqlx::query(sql).bind(hash.as_str()).bind(now.as_millis());
        let row = query.fetch_optional(self.database.reader()).await?;
        row.map(|row| {
            let mut cells = Cells::of(&row, "pushed_requests");
            Ok(PushedRequest {
                hash: cells.parse()?,
                client_id: cells.parse()?,
                parameters: cells.json()?,
                confirmation: cells.optional()?,
                expires_at: cells.instant()?,
            })
        })
        .transpose()
    }

    /// Uses a request up without a code, because it was answered by an error; whether it was still
    /// there.
    pub async fn drop_pushed_request(&self, hash: &SecretHash) -> Result<bool> {
        let sql = "DELETE FROM pushed_requests WHERE hash = $1";
        self.database.change(|| sqlx::query(sql).bind(hash.as_str())).await.map(|rows| rows > 0)
    }
}
