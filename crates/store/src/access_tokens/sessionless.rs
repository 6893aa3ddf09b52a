//! Access tokens that a user has without a session: for a password or a digest that comes along with
//! every request. They live for a minute and are on no list; kept is only when the last one was made
//! and when it expires, so that whatever ends all that a user has reaches them.

use std::time::Duration;

use menshen_domain::User;
use menshen_token::{Timestamp, UserId};

use crate::database::Tx;
use crate::database::row::{Cells, as_column};
use crate::{Result, Store, users};

/// What such a token is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Sessionless {
    /// Whose it is, as they are by now.
    pub user: User,
    /// When it is made.
    pub issued_at: Timestamp,
    /// When it expires, a whole second.
    pub expires_at: Timestamp,
}

impl Store {
    /// Lets a user who has just proved who they are have a token without a session. `None` when they
    /// have been barred, or all that they have was ended, since they were `proven`.
    pub async fn issue_sessionless(
        &self,
        proven: &User,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<Option<Sessionless>> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let Some(user) = lock(tx, proven).await? else { return Ok(None) };
                    // A token must not be born under a cut-off that another node's clock has set.
                    let issued_at = now.max(user.tokens_not_before);
                    let expires_at = (issued_at + lifetime).as_seconds();
                    let expires_at = Timestamp::from_seconds(expires_at);
                    let sql = "INSERT INTO sessionless_tokens \
                        (user_id, issued_at_ms, expires_at_ms) VALUES ($1, $2, $3) \
                        ON CONFLICT (user_id) DO UPDATE SET \
                        issued_at_ms = CASE WHEN sessionless_tokens.issued_at_ms \
                        < excluded.issued_at_ms THEN excluded.issued_at_ms \
                        ELSE sessionless_tokens.issued_at_ms END, \
                        expires_at_ms = CASE WHEN sessionless_tokens.expires_at_ms \
                        < excluded.expires_at_ms THEN excluded.expires_at_ms \
                        ELSE sessionless_tokens.expires_at_ms END";
                    let upsert = sqlx::query(sql)
                        .bind(user.id.as_str())
                        .bind(issued_at.as_millis())
                        .bind(expires_at.as_millis());
                    tx.execute(upsert).await?;
                    Ok(Some(Sessionless { user, issued_at, expires_at }))
                })
            })
            .await
    }
}

/// The user as they are by now, kept from change until the commit.
async fn lock(tx: &mut Tx<'_>, proven: &User) -> Result<Option<User>> {
    let sql = "SELECT id FROM users WHERE id = $1 FOR UPDATE";
    tx.lock(sqlx::query(sql).bind(proven.id.to_string())).await?;
    let sql = concat!(
        "SELECT ",
        users::columns!(),
        " FROM users WHERE id = $1 AND sign_in_epoch = $2 AND disabled_at_ms IS NULL"
    );
    let query = sqlx::query(sql).bind(proven.id.as_str()).bind(as_column(proven.sign_in_epoch));
    let row = query.fetch_optional(tx.db()).await?;
    row.map(|row| users::read(&mut Cells::of(&row, "users"))).transpose()
}

/// When the last one of a user was made, and when the last one expires. The user is locked.
pub(crate) async fn latest(tx: &mut Tx<'_>, id: &UserId) -> Result<Option<(Timestamp, Timestamp)>> {
    let sql = "SELECT user_id, issued_at_ms, expires_at_ms FROM sessionless_tokens \
        WHERE user_id = $1";
    let row = sqlx::query(sql).bind(id.as_str()).fetch_optional(tx.db()).await?;
    row.map(|row| {
        let mut cells = Cells::of(&row, "sessionless_tokens");
        cells.text()?;
        Ok((cells.instant()?, cells.instant()?))
    })
    .transpose()
}

/// All of them are dead by a rule.
pub(crate) async fn forget(tx: &mut Tx<'_>, id: &UserId) -> Result<()> {
    let sql = "DELETE FROM sessionless_tokens WHERE user_id = $1";
    tx.execute(sqlx::query(sql).bind(id.to_string())).await.map(|_| ())
}
