//! One-time passwords of users who have them on, and their recovery codes: each is accepted once,
//! whoever else brings it at the same moment.

use menshen_domain::SecretHash;
use menshen_domain::one_time_password::TotpStep;
use menshen_token::{Timestamp, UserId};

use crate::database::Tx;
use crate::database::row::{Cells, as_column};
use crate::{Page, Result, Store};

/// The one-time passwords of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneTimePasswords {
    /// Whose.
    pub user_id: UserId,
    /// The secret that the user's app has, sealed.
    pub sealed_secret: String,
    /// The step whose code was accepted last.
    pub last_step: TotpStep,
    /// Since when.
    pub turned_on_at: Timestamp,
    /// How many recovery codes have not been used.
    pub recovery_codes: u64,
}

impl Store {
    /// Turns one-time passwords on for a user, with fresh recovery codes; `false` when they are on
    /// already. [`OneTimePasswords::recovery_codes`] is not looked at.
    pub async fn turn_on_one_time_passwords(
        &self,
        new: &OneTimePasswords,
        recovery_codes: &[SecretHash],
    ) -> Result<bool> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let sql = "INSERT INTO one_time_passwords \
                        (user_id, sealed_secret, last_step, turned_on_at_ms) \
                        VALUES ($1, $2, $3, $4) ON CONFLICT (user_id) DO NOTHING";
                    let insert = sqlx::query(sql)
                        .bind(new.user_id.as_str())
                        .bind(new.sealed_secret.as_str())
                        .bind(as_column(new.last_step.0))
                        .bind(new.turned_on_at.as_millis());
                    if tx.execute(insert).await? == 0 {
                        return Ok(false);
                    }
                    add_recovery_codes(tx, &new.user_id, recovery_codes).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// The one-time passwords of a user; `None` when they are off.
    pub async fn find_one_time_passwords(&self, id: &UserId) -> Result<Option<OneTimePasswords>> {
        let sql = "SELECT user_id, sealed_secret, last_step, turned_on_at_ms, \
            (SELECT count(*) FROM recovery_codes \
            WHERE recovery_codes.user_id = one_time_passwords.user_id) \
            FROM one_time_passwords WHERE user_id = $1";
        let row = sqlx::query(sql).bind(id.as_str()).fetch_optional(self.database.reader()).await?;
        row.map(|row| {
            let mut cells = Cells::of(&row, "one_time_passwords");
            Ok(OneTimePasswords {
                user_id: cells.parse()?,
                sealed_secret: cells.text()?,
                last_step: TotpStep(cells.count()?),
                turned_on_at: cells.instant()?,
                recovery_codes: cells.count()?,
            })
        })
        .transpose()
    }

    /// Who has one-time passwords on, in the order of their ids.
    pub async fn list_one_time_passwords(&self, page: &Page) -> Result<Vec<UserId>> {
        let sql = "SELECT user_id FROM one_time_passwords WHERE user_id > $1 \
            ORDER BY user_id LIMIT $2";
        let query = sqlx::query(sql).bind(page.after_text()).bind(i64::from(page.limit));
        let rows = query.fetch_all(self.database.reader()).await?;
        rows.iter().map(|row| Cells::of(row, "one_time_passwords").parse()).collect()
    }

    /// Accepts the code of a step; `false` when one as late was accepted before, or one-time
    /// passwords are off.
    pub async fn accept_one_time_password(&self, id: &UserId, step: TotpStep) -> Result<bool> {
        let sql = "UPDATE one_time_passwords SET last_step = $2 \
            WHERE user_id = $1 AND last_step < $2";
        let update = || sqlx::query(sql).bind(id.to_string()).bind(as_column(step.0));
        self.database.change(update).await.map(|rows| rows > 0)
    }

    /// Uses a recovery code up; `false` when it is none, or was used before.
    pub async fn use_recovery_code(&self, id: &UserId, code: &SecretHash) -> Result<bool> {
        let sql = "DELETE FROM recovery_codes WHERE user_id = $1 AND code_hash = $2";
        let delete = || sqlx::query(sql).bind(id.to_string()).bind(code.as_str().to_owned());
        self.database.change(delete).await.map(|rows| rows > 0)
    }

    /// Gives a user fresh recovery codes instead of the old ones; `false` when one-time passwords
    /// are off.
    pub async fn replace_recovery_codes(&self, id: &UserId, new: &[SecretHash]) -> Result<bool> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    // Of two who do this at once, the codes of one are good and not of both.
                    let sql = "UPDATE one_time_passwords SET last_step = last_step \
                        WHERE user_id = $1";
                    if tx.execute(sqlx::query(sql).bind(id.as_str())).await? == 0 {
                        return Ok(false);
                    }
                    let sql = "DELETE FROM recovery_codes WHERE user_id = $1";
                    tx.execute(sqlx::query(sql).bind(id.as_str())).await?;
                    add_recovery_codes(tx, id, new).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Turns one-time passwords off for a user; whether they were on. Sessions stay what they are.
    pub async fn turn_off_one_time_passwords(&self, id: &UserId) -> Result<bool> {
        let sql = "DELETE FROM one_time_passwords WHERE user_id = $1";
        self.database.change(|| sqlx::query(sql).bind(id.to_string())).await.map(|rows| rows > 0)
    }
}

async fn add_recovery_codes(tx: &mut Tx<'_>, id: &UserId, codes: &[SecretHash]) -> Result<()> {
    for code in codes {
        let sql = "INSERT INTO recovery_codes (user_id, code_hash) VALUES ($1, $2) \
            ON CONFLICT (user_id, code_hash) DO NOTHING";
        tx.execute(sqlx::query(sql).bind(id.to_string()).bind(code.as_str().to_owned())).await?;
    }
    Ok(())
}
