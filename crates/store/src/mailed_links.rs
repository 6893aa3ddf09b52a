//! Links that were mailed: to go on with signing up, or to choose a new password. Looking at one is
//! no use of it, because programs look at mail before people do; it is used up by what it is for.

use menshen_domain::credential::PasswordHash;
use menshen_domain::{SecretHash, User};
use menshen_token::{Reason, Timestamp, UserId};

use crate::credentials::digest::{self, NewPassword};
use crate::database::Tx;
use crate::database::row::{Cells, as_column};
use crate::revocations::{self, Covered};
use crate::{Receipt, Result, Store, StoreError, Which, users};

/// How many links for one address are good at a time: who asks for more gets no further mail.
const MOST_PER_ADDRESS: i64 = 5;

/// A link that was mailed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailedLink {
    /// Of the secret in it.
    pub hash: SecretHash,
    /// Where it went.
    pub address: String,
    /// What it is for.
    pub purpose: LinkPurpose,
    /// Where to go on afterwards: a path of ours.
    pub next: Option<String>,
    /// From then on it is worth nothing.
    pub expires_at: Timestamp,
}

/// What a link is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    /// Somebody new.
    SignUp,
    /// A password that was forgotten.
    ResetPassword {
        /// Whose; `None` when the name that was asked for is nobody's. Such a link is kept for the
        /// look of it, and opens nothing.
        user_id: Option<UserId>,
        /// The user's [`User::sign_in_epoch`] when it was asked for.
        sign_in_epoch: u64,
    },
}

impl LinkPurpose {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::SignUp => "sign_up",
            Self::ResetPassword { .. } => "reset_password",
        }
    }
}

/// A password was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordReset {
    /// Whose.
    pub user_id: UserId,
    /// Where they wanted to go.
    pub next: Option<String>,
    /// What ended with the old one.
    pub ended: Receipt,
}

impl Store {
    /// Keeps a link that is about to be mailed; `false`, when so many are good for its address that
    /// this one is not kept and should not be mailed.
    pub async fn keep_mailed_link(&self, link: &MailedLink, now: Timestamp) -> Result<bool> {
        let sql = "INSERT INTO mailed_links \
            (hash, purpose, address, user_id, sign_in_epoch, next, expires_at_ms) \
            SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), \
            CAST($5 AS BIGINT), CAST($6 AS TEXT), CAST($7 AS BIGINT) \
            WHERE (SELECT count(*) FROM mailed_links \
            WHERE address = $3 AND purpose = $2 AND expires_at_ms > $8) < $9";
        let (user_id, epoch) = match &link.purpose {
            LinkPurpose::SignUp => (None, None),
            LinkPurpose::ResetPassword { user_id, sign_in_epoch } => {
                (user_id.as_ref(), Some(as_column(*sign_in_epoch)))
            }
        };
        let insert = || {
            sqlx::query(sql)
                .bind(link.hash.as_str())
                .bind(link.purpose.as_str())
                .bind(link.address.clone())
                .bind(user_id.map(UserId::to_string))
                .bind(epoch)
                .bind(link.next.clone())
                .bind(link.expires_at.as_millis())
                .bind(now.as_millis())
                .bind(MOST_PER_ADDRESS)
        };
        self.database.change(insert).await.map(|rows| rows == 1)
    }

    /// A link for signing up that is still good.
    pub async fn find_sign_up_link(
        &self,
        hash: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<MailedLink>> {
        let sql = "SELECT hash, address, next, expires_at_ms FROM mailed_links \
            WHERE hash = $1 AND purpose = 'sign_up' AND expires_at_ms > $2";
        let query = sqlx::query(sql).bind(hash.as_str()).bind(now.as_millis());
        let row = query.fetch_optional(self.database.reader()).await?;
        row.map(|row| {
            let mut cells = Cells::of(&row, "mailed_links");
            Ok(MailedLink {
                hash: cells.parse()?,
                address: cells.text()?,
                purpose: LinkPurpose::SignUp,
                next: cells.optional_text()?,
                expires_at: cells.instant()?,
            })
        })
        .transpose()
    }

    /// Whose password a link may replace, while it is good: not after it was used, nor after
    /// everything of the user was ended.
    pub async fn find_password_reset(
        &self,
        hash: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<User>> {
        let sql = concat!(
            "SELECT ",
            users::columns!(),
            " FROM users JOIN mailed_links ON mailed_links.user_id = users.id \
              AND mailed_links.sign_in_epoch = users.sign_in_epoch \
              WHERE mailed_links.hash = $1 AND mailed_links.purpose = 'reset_password' \
              AND mailed_links.expires_at_ms > $2 AND users.disabled_at_ms IS NULL"
        );
        let query = sqlx::query(sql).bind(hash.as_str()).bind(now.as_millis());
        let row = query.fetch_optional(self.database.reader()).await?;
        row.map(|row| users::read(&mut Cells::of(&row, "users"))).transpose()
    }

    /// Sets a new password by a link, and ends everything that the user has: exactly once, whoever
    /// else tries at the same moment. `None` when the link is no longer good.
    pub async fn reset_password(
        &self,
        hash: &SecretHash,
        new: &NewPassword,
        now: Timestamp,
    ) -> Result<Option<PasswordReset>> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let owner = "SELECT id FROM users \
                        WHERE id = (SELECT user_id FROM mailed_links WHERE hash = $1) FOR UPDATE";
                    tx.lock(sqlx::query(owner).bind(hash.as_str())).await?;
                    let Some((user_id, next)) = use_up_reset(tx, hash, now).await? else {
                        return Ok(None);
                    };
                    let sql = "UPDATE users SET password_hash = $2 WHERE id = $1";
                    let update = sqlx::query(sql).bind(user_id.to_string()).bind(new.hash.as_str());
                    tx.execute(update).await?;
                    digest::replace(tx, &user_id, new.digest_key.as_ref()).await?;
                    let (covered, reason) =
                        (Covered::User(user_id.clone()), Reason::PasswordChanged);
                    let ended = revocations::end(tx, &covered, reason, now).await?;
                    Ok(Some(PasswordReset { user_id, next, ended }))
                })
            })
            .await
    }

    /// Adds the user that a link for signing up is about, exactly once; `false` when the link is no
    /// longer good, is about another address than the user's name, or somebody has that name by now.
    pub async fn finish_sign_up(
        &self,
        hash: &SecretHash,
        user: &User,
        password: &PasswordHash,
        now: Timestamp,
    ) -> Result<bool> {
        let done = self
            .database
            .write(|tx| {
                Box::pin(async move {
                    let sql = "DELETE FROM mailed_links WHERE hash = $1 AND address = $2 \
                        AND purpose = 'sign_up' AND expires_at_ms > $3";
                    let delete = sqlx::query(sql)
                        .bind(hash.as_str())
                        .bind(user.username.as_str())
                        .bind(now.as_millis());
                    if tx.execute(delete).await? == 0 {
                        return Ok(false);
                    }
                    let sql = "DELETE FROM mailed_links WHERE address = $1 AND purpose = 'sign_up'";
                    tx.execute(sqlx::query(sql).bind(user.username.as_str())).await?;
                    users::insert(tx, user, Some(password)).await?;
                    Ok(true)
                })
            })
            .await;
        match done {
            Err(StoreError::Conflict(Which::Username)) => Ok(false),
            done => done,
        }
    }
}

async fn use_up_reset(
    tx: &mut Tx<'_>,
    hash: &SecretHash,
    now: Timestamp,
) -> Result<Option<(UserId, Option<String>)>> {
    let sql = "DELETE FROM mailed_links \
        WHERE hash = $1 AND purpose = 'reset_password' AND expires_at_ms > $2 \
        AND EXISTS (SELECT 1 FROM users WHERE users.id = mailed_links.user_id \
        AND users.sign_in_epoch = mailed_links.sign_in_epoch AND users.disabled_at_ms IS NULL) \
        RETURNING user_id, next";
    let query = sqlx::query(sql).bind(hash.as_str()).bind(now.as_millis());
    let Some(row) = query.fetch_optional(tx.db()).await? else { return Ok(None) };
    let mut cells = Cells::of(&row, "mailed_links");
    Ok(Some((cells.parse()?, cells.optional_text()?)))
}
