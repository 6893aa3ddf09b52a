//! Pairwise subjects: who a user is to clients that must not compare notes (OpenID Connect Core
//! 1.0 section 8.1). Drawn at random and remembered, so that no key has to last for ever.

use menshen_token::UserId;

use crate::database::row::Cells;
use crate::{Result, Store};

impl Store {
    /// The subject of a user in a sector: the one known, or `fresh` from now on.
    pub async fn pairwise_subject(
        &self,
        sector: &str,
        user: &UserId,
        fresh: &UserId,
    ) -> Result<UserId> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let sql = "INSERT INTO pairwise_subjects (sector, user_id, subject) \
                        VALUES ($1, $2, $3) ON CONFLICT (sector, user_id) \
                        DO UPDATE SET sector = pairwise_subjects.sector RETURNING subject";
                    let row = sqlx::query(sql)
                        .bind(sector)
                        .bind(user.as_str())
                        .bind(fresh.as_str())
                        .fetch_one(tx.db())
                        .await?;
                    Cells::of(&row, "pairwise_subjects").parse()
                })
            })
            .await
    }
}
