//! Counting password attempts, so that they can be slowed down.

use std::net::IpAddr;
use std::time::Duration;

use menshen_domain::SecretHash;
use menshen_domain::throttle::{self, Counter, Scale};
use menshen_domain::user::Username;
use menshen_token::{Timestamp, UserId};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::database::Tx;
use crate::database::row::Cells;
use crate::{Result, Store};

/// Somebody wants to try a password.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The address they call from.
    pub address: IpAddr,
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
        // Whoever has to wait costs a look, and not a write that is synced to disk.
        if let Some(wait) = self.longest_wait(attempt, now).await? {
            return Ok(Admission::Wait(wait));
        }
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let mut counters = Vec::new();
                    let familiar = is_familiar(tx.db(), attempt).await?;
                    for bucket in buckets(attempt, familiar) {
                        let counter = claim(tx, &bucket).await?;
                        counters.push((bucket, counter));
                    }
                    if let Some(wait) = longest(&counters, now) {
                        return Ok(Admission::Wait(wait));
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
                    take_back(tx, attempt).await?;
                    let Some(account) = &attempt.account else { return Ok(()) };
                    let sql = "INSERT INTO familiar_addresses (user_id, address, last_at_ms) \
                    VALUES ($1, $2, $3) ON CONFLICT (user_id, address) \
                    DO UPDATE SET last_at_ms = excluded.last_at_ms";
                    let upsert = sqlx::query(sql)
                        .bind(account.as_str())
                        .bind(Scale::Familiar.network(attempt.address))
                        .bind(now.as_millis());
                    tx.execute(upsert).await?;
                    Ok(())
                })
            })
            .await
    }

    /// The password was not looked at after all: takes the count back.
    pub async fn withdraw_attempt(&self, attempt: &Attempt) -> Result<()> {
        self.database.write(|tx| Box::pin(take_back(tx, attempt))).await
    }

    async fn longest_wait(&self, attempt: &Attempt, now: Timestamp) -> Result<Option<Duration>> {
        let mut connection = self.database.reader().acquire().await?;
        let familiar = is_familiar(&mut connection, attempt).await?;
        let mut counters = Vec::new();
        for bucket in buckets(attempt, familiar) {
            let sql =
                "SELECT bucket, empty_at_ms, last_at_ms FROM login_attempts WHERE bucket = $1";
            let query = sqlx::query(sql).bind(bucket.name.as_str());
            if let Some(row) = query.fetch_optional(&mut *connection).await? {
                counters.push((bucket, counter(&row)?));
            }
        }
        Ok(longest(&counters, now))
    }
}

async fn take_back(tx: &mut Tx<'_>, attempt: &Attempt) -> Result<()> {
    let familiar = is_familiar(tx.db(), attempt).await?;
    for bucket in buckets(attempt, familiar) {
        let counter = claim(tx, &bucket).await?;
        write(tx, &bucket, counter.forgiven()).await?;
    }
    Ok(())
}

/// Where attempts are counted.
struct Bucket {
    name: String,
    scale: Scale,
}

/// The counters of an attempt, in the order in which everyone locks them: the names of those
/// for addresses sort before all others.
fn buckets(attempt: &Attempt, familiar: bool) -> Vec<Bucket> {
    let account = account_name(attempt);
    let bucket = |scale: Scale| {
        let network = scale.network(attempt.address);
        let name = match scale {
            Scale::Address => format!("address:{network}"),
            Scale::Familiar => format!("familiar:{account}:{network}"),
            Scale::Newcomer => format!("newcomer:{account}:{network}"),
            Scale::Strangers => format!("strangers:{account}"),
        };
        Bucket { name, scale }
    };
    if familiar {
        vec![bucket(Scale::Address), bucket(Scale::Familiar)]
    } else {
        vec![bucket(Scale::Address), bucket(Scale::Newcomer), bucket(Scale::Strangers)]
    }
}

/// How long the attempt has to wait. What all strangers have done together does not count
/// against the first attempts of a new one.
fn longest(counters: &[(Bucket, Counter)], now: Timestamp) -> Option<Duration> {
    let first = counters.iter().all(|(bucket, counter)| {
        bucket.scale != Scale::Newcomer || counter.remaining(now) < throttle::FIRST_ATTEMPTS
    });
    let counts = |bucket: &Bucket| !(first && bucket.scale == Scale::Strangers);
    let counted = counters.iter().filter(|(bucket, _)| counts(bucket));
    counted.filter_map(|(bucket, counter)| counter.wait(bucket.scale, now)).max()
}

/// What the attempt is made at; a name that is nobody's has a stand-in, so that it is treated,
/// and takes as long, as one that is somebody's.
fn account_name(attempt: &Attempt) -> String {
    if let Some(account) = &attempt.account {
        return account.to_string();
    }
    let hash = SecretHash::of(attempt.username.as_str().as_bytes());
    format!("unknown:{}", hash.as_str())
}

async fn is_familiar(db: &mut AnyConnection, attempt: &Attempt) -> Result<bool> {
    let sql = "SELECT address FROM familiar_addresses WHERE user_id = $1 AND address = $2";
    let query = sqlx::query(sql).bind(account_name(attempt));
    let query = query.bind(Scale::Familiar.network(attempt.address));
    Ok(query.fetch_optional(db).await?.is_some())
}

/// Reads a counter, and keeps everyone else from it until the commit.
async fn claim(tx: &mut Tx<'_>, bucket: &Bucket) -> Result<Counter> {
    let sql = "INSERT INTO login_attempts (bucket, empty_at_ms, last_at_ms) VALUES ($1, 0, 0) \
        ON CONFLICT (bucket) DO UPDATE SET empty_at_ms = login_attempts.empty_at_ms \
        RETURNING bucket, empty_at_ms, last_at_ms";
    let row = sqlx::query(sql).bind(bucket.name.as_str()).fetch_one(tx.db()).await?;
    counter(&row)
}

fn counter(row: &AnyRow) -> Result<Counter> {
    let mut cells = Cells::of(row, "login_attempts");
    cells.text()?;
    Ok(Counter { empty_at: cells.instant()?, last_at: cells.instant()? })
}

async fn write(tx: &mut Tx<'_>, bucket: &Bucket, counter: Counter) -> Result<()> {
    let sql = "UPDATE login_attempts SET empty_at_ms = $2, last_at_ms = $3 WHERE bucket = $1";
    let update = sqlx::query(sql)
        .bind(bucket.name.as_str())
        .bind(counter.empty_at.as_millis())
        .bind(counter.last_at.as_millis());
    tx.execute(update).await.map(|_| ())
}
