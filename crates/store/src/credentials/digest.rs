//! The keys that HTTP Digest is judged by: of those users only for whom it is on, and always of the
//! password that they have.

use menshen_domain::User;
use menshen_domain::credential::PasswordHash;
use menshen_domain::user::Username;
use menshen_token::UserId;

use crate::database::Tx;
use crate::database::row::Cells;
use crate::{Result, Store, users};

/// A key of HTTP Digest as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedDigestKey {
    /// The realm that it is for.
    pub realm: String,
    /// The key, sealed with the key-encryption key.
    pub sealed: String,
}

/// A new password as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPassword {
    /// Its hash.
    pub hash: PasswordHash,
    /// Its key for HTTP Digest, which takes the place of the one before for those who have that on.
    /// Without one they have it on no longer.
    pub digest_key: Option<SealedDigestKey>,
}

impl From<PasswordHash> for NewPassword {
    fn from(hash: PasswordHash) -> Self {
        Self { hash, digest_key: None }
    }
}

impl Store {
    /// Turns HTTP Digest on for a user who may sign in, unless the password has been changed since
    /// it was `proven`; whether it is on.
    pub async fn keep_digest_key(
        &self,
        id: &UserId,
        proven: &PasswordHash,
        key: &SealedDigestKey,
    ) -> Result<bool> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let sql = "SELECT id FROM users WHERE id = $1 FOR UPDATE";
                    tx.lock(sqlx::query(sql).bind(id.to_string())).await?;
                    let sql = "INSERT INTO digest_keys (user_id, realm, sealed) \
                        SELECT id, CAST($3 AS TEXT), CAST($4 AS TEXT) FROM users \
                        WHERE id = $1 AND password_hash = $2 AND disabled_at_ms IS NULL \
                        ON CONFLICT (user_id) DO UPDATE \
                        SET realm = excluded.realm, sealed = excluded.sealed";
                    let upsert = sqlx::query(sql)
                        .bind(id.as_str())
                        .bind(proven.as_str())
                        .bind(key.realm.as_str())
                        .bind(key.sealed.as_str());
                    Ok(tx.execute(upsert).await? > 0)
                })
            })
            .await
    }

    /// Turns HTTP Digest off for a user; whether it was on.
    pub async fn remove_digest_key(&self, id: &UserId) -> Result<bool> {
        let sql = "DELETE FROM digest_keys WHERE user_id = $1";
        self.database.change(|| sqlx::query(sql).bind(id.as_str())).await.map(|rows| rows > 0)
    }

    /// The user of this name, and their key if they have HTTP Digest on.
    pub async fn find_digest_key(
        &self,
        name: &Username,
    ) -> Result<Option<(User, Option<SealedDigestKey>)>> {
        let sql = concat!(
            "SELECT ",
            users::columns!(),
            ", digest_keys.realm, digest_keys.sealed FROM users \
              LEFT JOIN digest_keys ON digest_keys.user_id = users.id WHERE users.username = $1"
        );
        let query = sqlx::query(sql).bind(name.as_str());
        let Some(row) = query.fetch_optional(self.database.reader()).await? else {
            return Ok(None);
        };
        let mut cells = Cells::of(&row, "users");
        let user = users::read(&mut cells)?;
        let (realm, sealed) = (cells.optional_text()?, cells.optional_text()?);
        let key = realm.zip(sealed).map(|(realm, sealed)| SealedDigestKey { realm, sealed });
        Ok(Some((user, key)))
    }
}

/// Puts the key of a new password in place of the one before, if there is one. The user is locked.
pub(crate) async fn replace(
    tx: &mut Tx<'_>,
    id: &UserId,
    key: Option<&SealedDigestKey>,
) -> Result<()> {
    let Some(key) = key else { return forget(tx, id).await };
    let sql = "UPDATE digest_keys SET realm = $2, sealed = $3 WHERE user_id = $1";
    let update =
        sqlx::query(sql).bind(id.to_string()).bind(key.realm.as_str()).bind(key.sealed.as_str());
    tx.execute(update).await.map(|_| ())
}

/// The user has it no longer.
pub(crate) async fn forget(tx: &mut Tx<'_>, id: &UserId) -> Result<()> {
    let sql = "DELETE FROM digest_keys WHERE user_id = $1";
    tx.execute(sqlx::query(sql).bind(id.to_string())).await.map(|_| ())
}
