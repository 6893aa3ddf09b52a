//! Passwords: only ever their hashes, and what is made of them for HTTP Digest.

use menshen_domain::credential::PasswordHash;
use menshen_token::{Reason, Timestamp, UserId};

use self::digest::NewPassword;
use crate::database::row::Cells;
use crate::revocations::{self, Covered};
use crate::{Receipt, Result, Store};

pub(crate) mod digest;
pub(crate) mod half_sign_ins;
pub(crate) mod one_time_passwords;
pub(crate) mod throttle;

impl Store {
    /// The hash of a user's password.
    pub async fn find_password(&self, id: &UserId) -> Result<Option<PasswordHash>> {
        let sql = "SELECT password_hash, id FROM users WHERE id = $1";
        let row = sqlx::query(sql).bind(id.as_str()).fetch_optional(self.database.reader()).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Cells::of(&row, "users").optional_text()?.map(PasswordHash::from_stored))
    }

    /// Sets a new password, and ends everything that the user has. When `proven` is given,
    /// only if that is still the one stored: of two changes that both begin with the old
    /// password, the first one counts. `None` when there is no such user, or no longer such a
    /// password.
    pub async fn change_password(
        &self,
        id: &UserId,
        proven: Option<&PasswordHash>,
        new: &NewPassword,
        now: Timestamp,
    ) -> Result<Option<Receipt>> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let sql = "UPDATE users SET password_hash = $2 \
                        WHERE id = $1 AND ($3 IS NULL \
                        OR (password_hash = $3 AND disabled_at_ms IS NULL))";
                    let update = sqlx::query(sql)
                        .bind(id.as_str())
                        .bind(new.hash.as_str())
                        .bind(proven.map(PasswordHash::as_str));
                    if tx.execute(update).await? == 0 {
                        return Ok(None);
                    }
                    digest::replace(tx, id, new.digest_key.as_ref()).await?;
                    let covered = Covered::User(id.clone());
                    revocations::end(tx, &covered, Reason::PasswordChanged, now).await.map(Some)
                })
            })
            .await
    }

    /// Keeps the same password under a dearer hash, unless it has been changed meanwhile;
    /// whether it was still `old`.
    pub async fn upgrade_password(
        &self,
        id: &UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool> {
        let sql = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
        let update = || sqlx::query(sql).bind(id.as_str()).bind(old.as_str()).bind(new.as_str());
        self.database.change(update).await.map(|rows| rows > 0)
    }
}
