//! What users have allowed apps, until they take it back.

use menshen_token::{ClientId, GrantId, Reason, Scope, Timestamp, UserId};

use crate::codes::issuing;
use crate::database::Tx;
use crate::database::row::Cells;
use crate::revocations::{self, Covered};
use crate::{Receipt, Result, Store, device_authorizations};

/// What a user has allowed an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The app.
    pub client_id: ClientId,
    /// What people call it.
    pub client_name: String,
    /// All that was ever allowed.
    pub scope: Scope,
    /// When it was last added to.
    pub given_at: Timestamp,
}

impl Store {
    /// What a user has allowed a client; nothing when they were never asked.
    pub async fn find_consent(&self, user: &UserId, client: &ClientId) -> Result<Scope> {
        let sql = "SELECT user_id, scope FROM consents WHERE user_id = $1 AND client_id = $2";
        let query = sqlx::query(sql).bind(user.as_str()).bind(client.as_str());
        let row = query.fetch_optional(self.database.reader()).await?;
        let Some(row) = row else { return Ok(Scope::default()) };
        let mut cells = Cells::of(&row, "consents");
        cells.text()?;
        cells.parse()
    }

    /// Adds to what a user has allowed a client.
    pub async fn give_consent(
        &self,
        user: &UserId,
        client: &ClientId,
        scope: &Scope,
        now: Timestamp,
    ) -> Result<()> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let sql = "INSERT INTO consents (user_id, client_id, scope, given_at_ms) \
                        VALUES ($1, $2, '', $3) ON CONFLICT (user_id, client_id) \
                        DO UPDATE SET given_at_ms = $3 RETURNING user_id, scope";
                    let row = sqlx::query(sql)
                        .bind(user.as_str())
                        .bind(client.as_str())
                        .bind(now.as_millis())
                        .fetch_one(tx.db())
                        .await?;
                    let mut cells = Cells::of(&row, "consents");
                    cells.text()?;
                    let before: Scope = cells.parse()?;
                    let both = format!("{} {}", before.as_str(), scope.as_str());
                    let both: Scope = both.parse().unwrap_or_else(|_| scope.clone());
                    let sql = "UPDATE consents SET scope = $3 \
                        WHERE user_id = $1 AND client_id = $2";
                    let update = sqlx::query(sql)
                        .bind(user.as_str())
                        .bind(client.as_str())
                        .bind(both.as_str());
                    tx.execute(update).await.map(|_| ())
                })
            })
            .await
    }

    /// Everything that a user has allowed, by the name of the app.
    pub async fn list_consents(&self, user: &UserId) -> Result<Vec<Consent>> {
        let sql = "SELECT consents.client_id, clients.name, consents.scope, consents.given_at_ms \
            FROM consents JOIN clients ON clients.id = consents.client_id \
            WHERE consents.user_id = $1 ORDER BY clients.name, consents.client_id";
        let rows = sqlx::query(sql).bind(user.as_str()).fetch_all(self.database.reader()).await?;
        rows.iter()
            .map(|row| {
                let mut cells = Cells::of(row, "consents");
                let (client_id, client_name) = (cells.parse()?, cells.text()?);
                let (scope, given_at) = (cells.parse()?, cells.instant()?);
                Ok(Consent { client_id, client_name, scope, given_at })
            })
            .collect()
    }

    /// Takes back what a user has allowed a client, and ends every grant that it has of theirs,
    /// those for offline use included, and every code that might become one. The session stays:
    /// other apps may live in it.
    pub async fn withdraw_consent(
        &self,
        user: &UserId,
        client: &ClientId,
        now: Timestamp,
    ) -> Result<Vec<Receipt>> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    // Keeps codes from being redeemed until the commit.
                    let lock = "SELECT id FROM users WHERE id = $1 FOR UPDATE";
                    tx.lock(sqlx::query(lock).bind(user.as_str())).await?;
                    let sql = "DELETE FROM consents WHERE user_id = $1 AND client_id = $2";
                    tx.execute(sqlx::query(sql).bind(user.as_str()).bind(client.as_str())).await?;
                    issuing::take_back(tx, client, Some(user)).await?;
                    device_authorizations::take_back(tx, client, Some(user)).await?;
                    revocations::lock_sessions_with(tx, user, client).await?;
                    let grants = live_grants(tx, user, client).await?;
                    let mut receipts = Vec::new();
                    for id in grants {
                        let (covered, reason) = (Covered::Grant(id), Reason::ConsentWithdrawn);
                        receipts.push(revocations::end(tx, &covered, reason, now).await?);
                    }
                    Ok(receipts)
                })
            })
            .await
    }
}

async fn live_grants(tx: &mut Tx<'_>, user: &UserId, client: &ClientId) -> Result<Vec<GrantId>> {
    let sql = "SELECT id FROM grants \
        WHERE user_id = $1 AND client_id = $2 AND ended_at_ms IS NULL ORDER BY session_id, id";
    let rows =
        sqlx::query(sql).bind(user.as_str()).bind(client.as_str()).fetch_all(tx.db()).await?;
    rows.iter().map(|row| Cells::of(row, "grants").parse()).collect()
}
