//! What may be done so often and no more, counted for all nodes.

use std::net::IpAddr;

use menshen_domain::throttle::{Quota, Scale};
use menshen_token::{Timestamp, UserId};

use crate::database::Tx;
use crate::database::row::Cells;
use crate::{Admission, Result, Store};

/// Whose quota of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quoted {
    /// Clients that register themselves from one address.
    Registrations(IpAddr),
    /// Codes on devices that are guessed from one address.
    UserCodes(IpAddr),
    /// The same by one account.
    UserCodesOf(UserId),
}

impl Quoted {
    fn bucket(&self) -> String {
        match self {
            Self::Registrations(address) => {
                format!("register:{}", Scale::Address.network(*address))
            }
            Self::UserCodes(address) => format!("user_code:{}", Scale::Address.network(*address)),
            Self::UserCodesOf(account) => format!("user_code_of:{account}"),
        }
    }
}

impl Store {
    /// Counts one, or says how long to wait until the next will be counted.
    pub async fn take_from_quota(
        &self,
        quoted: &Quoted,
        quota: Quota,
        now: Timestamp,
    ) -> Result<Admission> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let bucket = quoted.bucket();
                    match quota.take(claim(tx, &bucket).await?, now) {
                        Err(wait) => Ok(Admission::Wait(wait)),
                        Ok(empty_at) => {
                            write(tx, &bucket, empty_at).await?;
                            Ok(Admission::Go)
                        }
                    }
                })
            })
            .await
    }

    /// Takes a count back.
    pub async fn give_back_to_quota(&self, quoted: &Quoted, quota: Quota) -> Result<()> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let bucket = quoted.bucket();
                    let empty_at = quota.give_back(claim(tx, &bucket).await?);
                    write(tx, &bucket, empty_at).await
                })
            })
            .await
    }
}

/// When the bucket is empty; nobody else looks at it until the commit.
async fn claim(tx: &mut Tx<'_>, bucket: &str) -> Result<Timestamp> {
    let sql = "INSERT INTO quotas (bucket, empty_at_ms) VALUES ($1, 0) \
        ON CONFLICT (bucket) DO UPDATE SET empty_at_ms = quotas.empty_at_ms \
        RETURNING bucket, empty_at_ms";
    let row = sqlx::query(sql).bind(bucket).fetch_one(tx.db()).await?;
    let mut cells = Cells::of(&row, "quotas");
    cells.text()?;
    cells.instant()
}

async fn write(tx: &mut Tx<'_>, bucket: &str, empty_at: Timestamp) -> Result<()> {
    let sql = "UPDATE quotas SET empty_at_ms = $2 WHERE bucket = $1";
    tx.execute(sqlx::query(sql).bind(bucket).bind(empty_at.as_millis())).await.map(|_| ())
}
