//! What stands behind opaque access tokens. Whether it is still worth something is not said here:
//! rules and ended grants count for it as for a JWT.

use menshen_domain::SecretHash;
use menshen_token::AccessToken;

use crate::database::row::Cells;
use crate::{Result, Store};

impl Store {
    /// Keeps what an opaque access token stands for.
    pub async fn keep_opaque_token(&self, hash: &SecretHash, token: &AccessToken) -> Result<()> {
        let claims = String::from_utf8(token.to_payload()).expect("JSON is UTF-8");
        let sql = "INSERT INTO opaque_tokens (hash, claims, expires_at_ms) VALUES ($1, $2, $3)";
        let insert = || {
            sqlx::query(sql)
                .bind(hash.as_str())
                .bind(claims.clone())
                .bind(token.expires_at.as_millis())
        };
        self.database.change(insert).await.map(|_| ())
    }

    /// What an opaque access token stands for, expired or not.
    pub async fn find_opaque_token(&self, hash: &SecretHash) -> Result<Option<AccessToken>> {
        let sql = "SELECT hash, claims FROM opaque_tokens WHERE hash = $1";
        let query = sqlx::query(sql).bind(hash.as_str());
        let Some(row) = query.fetch_optional(self.database.reader()).await? else {
            return Ok(None);
        };
        let mut cells = Cells::of(&row, "opaque_tokens");
        cells.text()?;
        let claims = cells.text()?;
        let signed_by_nobody = "opaque".parse().expect("visible ASCII is a key id");
        let token = AccessToken::from_payload(signed_by_nobody, claims.as_bytes());
        token.map(Some).map_err(|_| cells.corrupt())
    }
}
