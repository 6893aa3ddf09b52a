//! Sign-ins that stopped half way, because a code is wanted after the password. Each is for one user
//! and for whom it was begun with, lets a few codes be tried, and is finished once.

use menshen_domain::{SecretHash, User};
use menshen_token::{SessionId, Timestamp, UserId};

use crate::database::row::{Cells, as_column};
use crate::{Result, Store, users};

/// How many codes may be tried before the password is asked for again.
const MOST_TRIES: i64 = 5;

/// A sign-in that stopped half way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HalfSignIn {
    /// Of the secret by which it goes on.
    pub hash: SecretHash,
    /// The browser, or the app with its keys, that goes on with it.
    pub bound_to: SecretHash,
    /// Who gave the password.
    pub user_id: UserId,
    /// The user's [`User::sign_in_epoch`], read together with the password.
    pub sign_in_epoch: u64,
    /// The session in a browser that it raises; without one, it opens one.
    pub session_id: Option<SessionId>,
    /// When the password was given.
    pub auth_time: Timestamp,
    /// The code that was mailed for it, and until when that is good.
    pub mailed_code: Option<(SecretHash, Timestamp)>,
    /// From then on it is worth nothing.
    pub expires_at: Timestamp,
}

macro_rules! columns {
    () => {
        "half_sign_ins.hash, half_sign_ins.bound_to, half_sign_ins.user_id, \
         half_sign_ins.sign_in_epoch, half_sign_ins.session_id, half_sign_ins.auth_time_ms, \
         half_sign_ins.mailed_code_hash, half_sign_ins.mailed_expires_at_ms, \
         half_sign_ins.expires_at_ms"
    };
}

fn read(cells: &mut Cells<'_>) -> Result<HalfSignIn> {
    Ok(HalfSignIn {
        hash: cells.parse()?,
        bound_to: cells.parse()?,
        user_id: cells.parse()?,
        sign_in_epoch: cells.count()?,
        session_id: cells.optional()?,
        auth_time: cells.instant()?,
        mailed_code: cells.optional()?.zip(cells.optional_instant()?),
        expires_at: cells.instant()?,
    })
}

impl Store {
    /// Keeps a sign-in that stops half way.
    pub async fn begin_half_sign_in(&self, half: &HalfSignIn) -> Result<()> {
        let sql = "INSERT INTO half_sign_ins (hash, bound_to, user_id, sign_in_epoch, session_id, \
            auth_time_ms, tries, mailed_code_hash, mailed_expires_at_ms, expires_at_ms) \
            VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9)";
        let (code, code_expires_at) = half.mailed_code.clone().unzip();
        let insert = || {
            sqlx::query(sql)
                .bind(half.hash.as_str().to_owned())
                .bind(half.bound_to.as_str().to_owned())
                .bind(half.user_id.to_string())
                .bind(as_column(half.sign_in_epoch))
                .bind(half.session_id.map(|id| id.to_string()))
                .bind(half.auth_time.as_millis())
                .bind(code.as_ref().map(|code| code.as_str().to_owned()))
                .bind(code_expires_at.map(Timestamp::as_millis))
                .bind(half.expires_at.as_millis())
        };
        self.database.change(insert).await.map(|_| ())
    }

    /// A sign-in to go on with, and whose it is: not one that is bound to somebody else, is too old,
    /// has had its tries, or whose user has been shut out or has ended everything since.
    pub async fn find_half_sign_in(
        &self,
        hash: &SecretHash,
        bound_to: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<(HalfSignIn, User)>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            ", ",
            users::columns!(),
            " FROM half_sign_ins JOIN users ON users.id = half_sign_ins.user_id \
              AND users.sign_in_epoch = half_sign_ins.sign_in_epoch \
              WHERE half_sign_ins.hash = $1 AND half_sign_ins.bound_to = $2 \
              AND half_sign_ins.tries < $3 AND half_sign_ins.expires_at_ms > $4 \
              AND users.disabled_at_ms IS NULL"
        );
        let query = sqlx::query(sql)
            .bind(hash.as_str())
            .bind(bound_to.as_str())
            .bind(MOST_TRIES)
            .bind(now.as_millis());
        let row = query.fetch_optional(self.database.reader()).await?;
        row.map(|row| {
            let mut cells = Cells::of(&row, "half_sign_ins");
            let half = read(&mut cells)?;
            cells.table("users");
            Ok((half, users::read(&mut cells)?))
        })
        .transpose()
    }

    /// Counts a code that is about to be looked at; `false` when there have been enough.
    pub async fn count_half_sign_in_try(&self, hash: &SecretHash) -> Result<bool> {
        let sql = "UPDATE half_sign_ins SET tries = tries + 1 WHERE hash = $1 AND tries < $2";
        let update = || sqlx::query(sql).bind(hash.as_str().to_owned()).bind(MOST_TRIES);
        self.database.change(update).await.map(|rows| rows > 0)
    }

    /// Keeps the code that is about to be mailed for a sign-in, instead of one mailed before.
    pub async fn keep_mailed_code(
        &self,
        hash: &SecretHash,
        code: &SecretHash,
        expires_at: Timestamp,
    ) -> Result<bool> {
        let sql = "UPDATE half_sign_ins SET mailed_code_hash = $2, \
            mailed_expires_at_ms = $3 WHERE hash = $1";
        let update = || {
            sqlx::query(sql)
                .bind(hash.as_str().to_owned())
                .bind(code.as_str().to_owned())
                .bind(expires_at.as_millis())
        };
        self.database.change(update).await.map(|rows| rows > 0)
    }

    /// Finishes a sign-in, exactly once; `false` when somebody has before.
    pub async fn finish_half_sign_in(&self, hash: &SecretHash) -> Result<bool> {
        let sql = "DELETE FROM half_sign_ins WHERE hash = $1";
        let delete = || sqlx::query(sql).bind(hash.as_str().to_owned());
        self.database.change(delete).await.map(|rows| rows > 0)
    }
}
