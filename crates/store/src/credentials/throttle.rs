//! Counting password attempts, so that they can be slowed down.

use std::time::Duration;

use menshen_domain::SecretHash;
use menshen_domain::throttle::{Counter, Scale};
use menshen_domain::user::Username;
use menshen_token::{Timestamp, UserId};

use crate::database::Tx;
use crate::database::row::Cells;
use crate::{Result, Store};

/// Somebody wants to try a password.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The address they call from.
    pub address: String,
    /// The account they want, if the name is somebody's.
    pub account: Option<UserId>,
    /// The name they gave.
    pub username: Username,
}

/// Whether an attempt may go ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may, and has been counted.
    Go,
    /// Not before this much time has passed; it has not been counted.
    Wait(Duration),
}

impl Store {
    /// Counts an attempt, before its password is looked at, or says how long it has to wait.
    /// A name that is nobody's is counted like one that is somebody's.
    pub async fn begin_attempt(&self, attempt: &Attempt, now: Timestamp) -> Result<Admission> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let mut counters = Vec::new();
                    for bucket in buckets(tx, attempt).await? {
                        let counter = claim(tx, &bucket).await?;
                        counters.push((bucket, counter));
                    }
                    let wait =
                        counters.iter().filter_map(|(bucket, held)| held.wait(bucket.scale, now));
                    if let Some(longest) = wait.max() {
                        return Ok(Admission::Wait(longest));
                    }
                    for (bucket, counter) in counters {
                        write(tx, &bucket, counter.counted(now)).await?;
                    }
                    Ok(Admission::Go)
                })
            })
            .await
    }

    /// The password was right: takes the count back, and remembers the address as one that
    /// the account signs in from.
    pub async fn forgive_attempt(&self, attempt: &Attempt, now: Timestamp) -> Result<()> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    for bucket in buckets(tx, attempt).await? {
                        let mut counter = claim(tx, &bucket).await?;
                        counter.attempts = (counter.attempts - 1).max(0);
                        write(tx, &bucket, counter).await?;
                    }
                    let Some(account) = &attempt.account else { return Ok(()) };
                    let sql = "INSERT INTO familiar_addresses (user_id, address, last_at_ms) \
                    VALUES ($1, $2, $3) ON CONFLICT (user_id, address) \
                    DO UPDATE SET last_at_ms = excluded.last_at_ms";
                    let upsert = sqlx::query(sql)
                        .bind(account.as_str())
                        .bind(attempt.address.as_str())
                        .bind(now.as_millis());
                    tx.execute(upsert).await?;
                    Ok(())
                })
            })
            .await
    }
}

/// Where attempts are counted.
struct Bucket {
    name: String,
    scale: Scale,
}

/// The counters of an attempt, in the order in which everyone locks them: the names of those
/// for addresses sort before all others.
async fn buckets(tx: &mut Tx<'_>, attempt: &Attempt) -> Result<[Bucket; 2]> {
    let address = &attempt.address;
    let by_account = match &attempt.account {
        Some(account) if is_familiar(tx, account, address).await? => {
            Bucket { name: format!("familiar:{account}:{address}"), scale: Scale::Familiar }
        }
        Some(account) => Bucket { name: format!("strangers:{account}"), scale: Scale::Strangers },
        None => {
            let name = SecretHash::of(attempt.username.as_str().as_bytes());
            let name = format!("unknown:{}", name.as_str());
            Bucket { name, scale: Scale::Strangers }
        }
    };
    Ok([Bucket { name: format!("address:{address}"), scale: Scale::Address }, by_account])
}

async fn is_familiar(tx: &mut Tx<'_>, account: &UserId, address: &str) -> Result<bool> {
    let sql = "SELECT address FROM familiar_addresses WHERE user_id = $1 AND address = $2";
    let query = sqlx::query(sql).bind(account.as_str()).bind(address);
    Ok(query.fetch_optional(tx.db()).await?.is_some())
}

/// Reads a counter, and keeps everyone else from it until the commit.
async fn claim(tx: &mut Tx<'_>, bucket: &Bucket) -> Result<Counter> {
    let sql = "INSERT INTO login_attempts (bucket, attempts, last_at_ms) VALUES ($1, 0, 0) \
        ON CONFLICT (bucket) DO UPDATE SET attempts = login_attempts.attempts \
        RETURNING bucket, attempts, last_at_ms";
    let row = sqlx::query(sql).bind(bucket.name.as_str()).fetch_one(tx.db()).await?;
    let mut cells = Cells::of(&row, "login_attempts");
    cells.text()?;
    Ok(Counter { attempts: cells.integer()?, last_at: cells.instant()? })
}

async fn write(tx: &mut Tx<'_>, bucket: &Bucket, counter: Counter) -> Result<()> {
    let sql = "UPDATE login_attempts SET attempts = $2, last_at_ms = $3 WHERE bucket = $1";
    let update = sqlx::query(sql)
        .bind(bucket.name.as_str())
        .bind(counter.attempts)
        .bind(counter.last_at.as_millis());
    tx.execute(update).await.map(|_| ())
}
