//! The sealed server keys behind refresh tokens and logout handles.

use menshen_domain::mac_key::MacKeyId;
use menshen_token::Timestamp;

use crate::database::row::Cells;
use crate::{Result, Store, revocations};

/// A MAC key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedMacKey {
    /// Its name.
    pub id: MacKeyId,
    /// Its bytes, sealed under its name.
    pub sealed: String,
    /// When it was made; the newest is the current one.
    pub created_at: Timestamp,
}

/// When to add a MAC key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddMacKey {
    /// In any case.
    Always,
    /// Only if there is none yet: of several nodes that start at once, one wins.
    IfNone,
}

impl Store {
    /// The keys, the current one first.
    pub async fn list_mac_keys(&self) -> Result<Vec<SealedMacKey>> {
        let sql = "SELECT id, sealed, created_at_ms FROM mac_keys \
            ORDER BY created_at_ms DESC, id";
        let rows = sqlx::query(sql).fetch_all(self.database.reader()).await?;
        rows.iter()
            .map(|row| {
                let mut cells = Cells::of(row, "mac_keys");
                let (id, sealed) = (cells.parse()?, cells.text()?);
                Ok(SealedMacKey { id, sealed, created_at: cells.instant()? })
            })
            .collect()
    }

    /// Adds a key; whether it was added.
    pub async fn add_mac_key(&self, key: &SealedMacKey, when: AddMacKey) -> Result<bool> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    // Nodes that start at once pass here one by one.
                    revocations::lock_head(tx).await?;
                    let sql = match when {
                        AddMacKey::Always => {
                            "INSERT INTO mac_keys (id, sealed, created_at_ms) VALUES ($1, $2, $3) \
                         ON CONFLICT (id) DO NOTHING"
                        }
                        AddMacKey::IfNone => {
                            "INSERT INTO mac_keys (id, sealed, created_at_ms) \
                         SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS BIGINT) \
                         WHERE NOT EXISTS (SELECT 1 FROM mac_keys)"
                        }
                    };
                    let insert = sqlx::query(sql)
                        .bind(key.id.as_str())
                        .bind(key.sealed.as_str())
                        .bind(key.created_at.as_millis());
                    Ok(tx.execute(insert).await? > 0)
                })
            })
            .await
    }
}
