//! Signing keys: announced, active, retired, removed; all nodes agree through these rows.

use menshen_domain::signing_key::SigningKey;
use menshen_token::{Algorithm, KeyId, Reason, Revocation, Timestamp};

use crate::database::Tx;
use crate::database::row::Cells;
use crate::revocations;
use crate::{Receipt, Result, Store, Which};

// Whoever changes a key locks the head of the log first: keys change rarely, and so nobody
// decides by keys that another node is just changing.

impl Store {
    /// Every key, also those removed within the last 30 days, oldest first.
    pub async fn list_signing_keys(&self) -> Result<Vec<SigningKey>> {
        let sql = "SELECT id, algorithm, public_jwk, sealed_private, announced_at_ms, \
            activated_at_ms, retired_at_ms, removed_at_ms FROM signing_keys \
            ORDER BY announced_at_ms, id";
        let rows = sqlx::query(sql).fetch_all(self.database.reader()).await?;
        rows.iter().map(|row| read(&mut Cells::of(row, "signing_keys"))).collect()
    }

    /// Adds a key; with an algorithm, only if no key of that algorithm is active. Whether it
    /// was added. [`Which::SigningKey`] may be taken.
    pub async fn add_signing_key(
        &self,
        key: &SigningKey,
        unless_active: Option<Algorithm>,
    ) -> Result<bool> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    revocations::lock_head(tx).await?;
                    if let Some(algorithm) = unless_active {
                        let sql = "SELECT id FROM signing_keys WHERE algorithm = $1 \
                        AND activated_at_ms IS NOT NULL AND retired_at_ms IS NULL \
                        AND removed_at_ms IS NULL LIMIT 1";
                        let active = sqlx::query(sql).bind(algorithm.as_str());
                        if active.fetch_optional(tx.db()).await?.is_some() {
                            return Ok(false);
                        }
                    }
                    insert(tx, key).await.map(|()| true)
                })
            })
            .await
    }

    /// Lets an announced key sign, and retires the others of its algorithm; whether this call
    /// did so.
    pub async fn activate_signing_key(&self, id: &KeyId, now: Timestamp) -> Result<bool> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    revocations::lock_head(tx).await?;
                    let sql = "UPDATE signing_keys SET activated_at_ms = $2 WHERE id = $1 \
                    AND activated_at_ms IS NULL AND retired_at_ms IS NULL \
                    AND removed_at_ms IS NULL";
                    let activate = sqlx::query(sql).bind(id.as_str()).bind(now.as_millis());
                    if tx.execute(activate).await? == 0 {
                        return Ok(false);
                    }
                    retire_others(tx, id, now).await.map(|()| true)
                })
            })
            .await
    }

    /// Takes a key out of the JWK set at the end of its life; whether this call did so.
    pub async fn remove_signing_key(&self, id: &KeyId, now: Timestamp) -> Result<bool> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    revocations::lock_head(tx).await?;
                    remove(tx, id, now).await
                })
            })
            .await
    }

    /// Withdraws a key at once, kills every token it signed, and lets another sign in its
    /// place. `None` when there is no such key. Revoking it again changes nothing.
    pub async fn revoke_signing_key(
        &self,
        id: &KeyId,
        replacement: &SigningKey,
        now: Timestamp,
    ) -> Result<Option<Receipt>> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    revocations::lock_head(tx).await?;
                    let sql = "SELECT id FROM signing_keys WHERE id = $1";
                    let known = sqlx::query(sql).bind(id.as_str()).fetch_optional(tx.db()).await?;
                    if known.is_none() {
                        return Ok(None);
                    }
                    if !remove(tx, id, now).await? {
                        return revocations::nothing_left(tx).await.map(Some);
                    }
                    let mut replacement = replacement.clone();
                    replacement.activated_at = Some(now);
                    insert(tx, &replacement).await?;
                    retire_others(tx, &replacement.id, now).await?;
                    let expires_at = now + revocations::longest(tx);
                    let rule = Revocation::Key(id.clone());
                    let reason = Reason::KeyRevoked;
                    let entry = revocations::append(tx, rule, reason, now, expires_at).await?;
                    Ok(Some(Receipt::of(entry)))
                })
            })
            .await
    }
}

fn read(cells: &mut Cells<'_>) -> Result<SigningKey> {
    Ok(SigningKey {
        id: cells.parse()?,
        algorithm: cells.parse()?,
        public: cells.json()?,
        sealed_private: cells.text()?,
        announced_at: cells.instant()?,
        activated_at: cells.optional_instant()?,
        retired_at: cells.optional_instant()?,
        removed_at: cells.optional_instant()?,
    })
}

async fn insert(tx: &mut Tx<'_>, key: &SigningKey) -> Result<()> {
    let public = serde_json::to_string(&key.public).expect("a JWK is strings");
    let sql = "INSERT INTO signing_keys (id, algorithm, public_jwk, sealed_private, \
        announced_at_ms, activated_at_ms, retired_at_ms, removed_at_ms) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let insert = sqlx::query(sql)
        .bind(key.id.as_str())
        .bind(key.algorithm.as_str())
        .bind(public)
        .bind(key.sealed_private.as_str())
        .bind(key.announced_at.as_millis())
        .bind(key.activated_at.map(Timestamp::as_millis))
        .bind(key.retired_at.map(Timestamp::as_millis))
        .bind(key.removed_at.map(Timestamp::as_millis));
    let inserted = tx.execute(insert).await;
    inserted.map(|_| ()).map_err(|error| error.or_conflict(Which::SigningKey))
}

/// Leaves a key as the only active one of its algorithm.
async fn retire_others(tx: &mut Tx<'_>, id: &KeyId, now: Timestamp) -> Result<()> {
    let sql = "UPDATE signing_keys SET retired_at_ms = $2 WHERE id <> $1 \
        AND algorithm = (SELECT algorithm FROM signing_keys WHERE id = $1) \
        AND activated_at_ms IS NOT NULL AND retired_at_ms IS NULL AND removed_at_ms IS NULL";
    let retire = sqlx::query(sql).bind(id.as_str()).bind(now.as_millis());
    tx.execute(retire).await.map(|_| ())
}

async fn remove(tx: &mut Tx<'_>, id: &KeyId, now: Timestamp) -> Result<bool> {
    let sql = "UPDATE signing_keys SET removed_at_ms = $2 \
        WHERE id = $1 AND removed_at_ms IS NULL";
    let remove = sqlx::query(sql).bind(id.as_str()).bind(now.as_millis());
    Ok(tx.execute(remove).await? > 0)
}
