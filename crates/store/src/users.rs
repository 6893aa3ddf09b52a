//! Users: people and robots that can sign in.

use menshen_domain::User;
use menshen_domain::credential::PasswordHash;
use menshen_domain::user::Username;
use menshen_token::{Reason, Revocation, Timestamp, UserId};
use serde_json::{Map, Value};

use crate::credentials::digest;
use crate::database::Tx;
use crate::database::row::{Cells, as_column};
use crate::revocations::{self, Covered};
use crate::{Page, Receipt, Result, Store, Which};

/// What [`read`] reads.
macro_rules! columns {
    () => {
        "users.id, users.username, users.roles, users.claims, users.tokens_not_before_ms, \
         users.sign_in_epoch, users.created_at_ms, users.disabled_at_ms"
    };
}
pub(crate) use columns;

pub(crate) fn read(cells: &mut Cells<'_>) -> Result<User> {
    Ok(User {
        id: cells.parse()?,
        username: cells.parse()?,
        roles: cells.json()?,
        claims: cells.json()?,
        tokens_not_before: cells.instant()?,
        sign_in_epoch: cells.count()?,
        created_at: cells.instant()?,
        disabled_at: cells.optional_instant()?,
    })
}

impl Store {
    /// Adds a user. [`Which::UserId`] or [`Which::Username`] may be taken.
    pub async fn create_user(&self, user: &User, password: Option<&PasswordHash>) -> Result<()> {
        self.database.write(|tx| Box::pin(insert(tx, user, password))).await
    }

    /// The user of this id.
    pub async fn find_user(&self, id: &UserId) -> Result<Option<User>> {
        let sql = concat!("SELECT ", columns!(), " FROM users WHERE id = $1");
        let row = sqlx::query(sql).bind(id.as_str()).fetch_optional(self.database.reader()).await?;
        row.map(|row| read(&mut Cells::of(&row, "users"))).transpose()
    }

    /// The user of this name, and the hash of their password if they have one.
    pub async fn find_user_by_username(
        &self,
        name: &Username,
    ) -> Result<Option<(User, Option<PasswordHash>)>> {
        let sql = concat!("SELECT ", columns!(), ", password_hash FROM users WHERE username = $1");
        let row =
            sqlx::query(sql).bind(name.as_str()).fetch_optional(self.database.reader()).await?;
        row.map(|row| {
            let mut cells = Cells::of(&row, "users");
            Ok((read(&mut cells)?, cells.optional_text()?.map(PasswordHash::from_stored)))
        })
        .transpose()
    }

    /// Users in the order of their ids.
    pub async fn list_users(&self, page: &Page) -> Result<Vec<User>> {
        let sql = concat!("SELECT ", columns!(), " FROM users WHERE id > $1 ORDER BY id LIMIT $2");
        let rows = sqlx::query(sql)
            .bind(page.after_text())
            .bind(i64::from(page.limit))
            .fetch_all(self.database.reader())
            .await?;
        rows.iter().map(|row| read(&mut Cells::of(row, "users"))).collect()
    }

    /// Replaces a user's roles, claims or both; what is not given stays as it is at that moment,
    /// whoever changes it meanwhile. Access tokens that say the old ones are dead; sessions live
    /// and are renewed silently. `None` when there is no such user.
    pub async fn change_claims(
        &self,
        id: &UserId,
        roles: Option<&[String]>,
        claims: Option<&Map<String, Value>>,
        now: Timestamp,
    ) -> Result<Option<Receipt>> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let latest = revocations::latest_of_user(tx, id).await?;
                    let before = latest.cut_off(now);
                    let sql = "UPDATE users SET roles = COALESCE($2, roles), \
                        claims = COALESCE($3, claims) WHERE id = $1";
                    let update = sqlx::query(sql)
                        .bind(id.as_str())
                        .bind(roles.map(|roles| as_json(&roles)))
                        .bind(claims.map(as_json));
                    if tx.execute(update).await? == 0 {
                        return Ok(None);
                    }
                    if !latest.lives(now) {
                        return revocations::nothing_left(tx).await.map(Some);
                    }
                    revocations::raise_cut_off(tx, id, before).await?;
                    let (expires_at, reason) = (latest.rule_expires_at(now), Reason::ClaimsChanged);
                    for alias in revocations::aliases_of_user(tx, id).await? {
                        let rule = Revocation::UserBefore(alias, before);
                        revocations::append(tx, rule, reason, now, expires_at).await?;
                    }
                    let rule = Revocation::UserBefore(id.clone(), before);
                    let entry = revocations::append(tx, rule, reason, now, expires_at).await?;
                    Ok(Some(Receipt::of(entry)))
                })
            })
            .await
    }

    /// Bars a user, and ends everything they have. `None` when there is no such user.
    pub async fn disable_user(&self, id: &UserId, now: Timestamp) -> Result<Option<Receipt>> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let sql = "UPDATE users SET disabled_at_ms = COALESCE(disabled_at_ms, $2) \
                    WHERE id = $1";
                    let update = sqlx::query(sql).bind(id.as_str()).bind(now.as_millis());
                    if tx.execute(update).await? == 0 {
                        return Ok(None);
                    }
                    digest::forget(tx, id).await?;
                    let covered = Covered::User(id.clone());
                    revocations::end(tx, &covered, Reason::UserDisabled, now).await.map(Some)
                })
            })
            .await
    }

    /// Lets a user sign in again; whether there is such a user.
    pub async fn enable_user(&self, id: &UserId) -> Result<bool> {
        let sql = "UPDATE users SET disabled_at_ms = NULL WHERE id = $1";
        self.database.change(|| sqlx::query(sql).bind(id.as_str())).await.map(|rows| rows > 0)
    }
}

/// Writes a new user. [`Which::UserId`] or [`Which::Username`] may be taken.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    user: &User,
    password: Option<&PasswordHash>,
) -> Result<()> {
    let sql = "SELECT id FROM users WHERE id = $1";
    let known = sqlx::query(sql).bind(user.id.as_str()).fetch_optional(tx.db()).await?;
    let which = if known.is_some() { Which::UserId } else { Which::Username };
    let sql = "INSERT INTO users (id, username, roles, claims, password_hash,         tokens_not_before_ms, sign_in_epoch, created_at_ms, disabled_at_ms)         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let insert = sqlx::query(sql)
        .bind(user.id.as_str())
        .bind(user.username.as_str())
        .bind(as_json(&user.roles))
        .bind(as_json(&user.claims))
        .bind(password.map(PasswordHash::as_str))
        .bind(user.tokens_not_before.as_millis())
        .bind(as_column(user.sign_in_epoch))
        .bind(user.created_at.as_millis())
        .bind(user.disabled_at.map(Timestamp::as_millis));
    tx.execute(insert).await.map_err(|error| error.or_conflict(which))?;
    Ok(())
}

fn as_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("strings and JSON values always serialize")
}
