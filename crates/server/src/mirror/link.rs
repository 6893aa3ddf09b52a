//! The connection to Redis: what it is asked, and whether it may be trusted to keep what it is told.

use std::time::Duration;

use menshen_store::StoreError;
use menshen_token::{Seq, Timestamp};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, Script, cmd};

use super::batch::Batch;
use super::keys::Keys;
use crate::config::RedisSettings;

/// How long Redis may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The first version that can keep the later of two expiries.
const OLDEST: u32 = 7;

/// Why the mirror is not what it should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("failed to talk to Redis")]
    Redis(#[from] RedisError),
    #[error("failed to read what is to be mirrored")]
    Store(#[from] StoreError),
    #[error("Redis is of version {0}, and 7.0 is the oldest that will do")]
    TooOld(String),
    #[error("Redis may evict keys (maxmemory-policy is {0}); set it to noeviction")]
    Evicts(String),
    #[error("the clock of Redis is {0} ms away from ours")]
    Clock(u64),
}

/// What Redis says of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    /// Its clock.
    pub(super) now: Timestamp,
    /// Every rule up to this position is there.
    pub(super) head: Option<Seq>,
    /// Every session up to this instant is accounted for.
    pub(super) cursor: Option<Timestamp>,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    connection: MultiplexedConnection,
    keys: Keys,
    script: Script,
    /// Its clock, when it last answered.
    heard_at: Timestamp,
}

impl Link {
    /// Connects, and looks whether this Redis will do.
    pub(super) async fn open(settings: &RedisSettings) -> Result<Self, Trouble> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let client = Client::open(settings.url.expose())?;
        let mut link = Self {
            connection: client.get_multiplexed_async_connection_with_config(&config).await?,
            keys: Keys::new(&settings.prefix),
            script: Script::new(include_str!("write.lua")),
            heard_at: Timestamp::from_millis(0),
        };
        link.inspect().await?;
        Ok(link)
    }

    /// Refuses a Redis that would forget rules, or does not know what is asked of it.
    pub(super) async fn inspect(&mut self) -> Result<(), Trouble> {
        let info: String = cmd("INFO").query_async(&mut self.connection).await?;
        let value = |name| field(&info, name).unwrap_or_default();
        let version = value("redis_version");
        let major = version.split('.').next().and_then(|major| major.parse().ok());
        if major.is_none_or(|major: u32| major < OLDEST) {
            return Err(Trouble::TooOld(version.to_owned()));
        }
        let policy = value("maxmemory_policy");
        if value("maxmemory") != "0" && policy != "noeviction" {
            return Err(Trouble::Evicts(policy.to_owned()));
        }
        Ok(())
    }

    /// What stands there now.
    pub(super) async fn state(&mut self) -> Result<State, Trouble> {
        let mut look = redis::pipe();
        look.atomic().cmd("TIME").get(self.keys.head()).get(self.keys.cursor());
        let (time, head, cursor): ((i64, i64), Option<u64>, Option<i64>) =
            look.query_async(&mut self.connection).await?;
        let now = Timestamp::from_millis(time.0.saturating_mul(1_000) + time.1 / 1_000);
        self.heard_at = now;
        Ok(State { now, head: head.map(Seq), cursor: cursor.map(Timestamp::from_millis) })
    }

    /// Writes; what stands there then, or `None` when nothing was written since what it was to
    /// follow was not there any more.
    pub(super) async fn write(&mut self, batch: &Batch) -> Result<Option<State>, Trouble> {
        let call = batch.call(&self.script, &self.keys, self.heard_at);
        let (accepted, now, head, cursor): (u8, i64, Option<u64>, Option<i64>) =
            call.invoke_async(&mut self.connection).await?;
        let now = Timestamp::from_millis(now);
        self.heard_at = now;
        let (head, cursor) = (head.map(Seq), cursor.map(Timestamp::from_millis));
        Ok((accepted == 1).then_some(State { now, head, cursor }))
    }

    /// Whether we are the one to write everything anew, under this name.
    pub(super) async fn begin_rebuild(&mut self, name: &str) -> Result<bool, Trouble> {
        let taken: Option<String> = cmd("SET")
            .arg(self.keys.rebuild())
            .arg(name)
            .arg("NX")
            .arg("PX")
            .arg(30_000)
            .query_async(&mut self.connection)
            .await?;
        Ok(taken.is_some())
    }

    /// Removes every session, of which nobody knows any more whether it lives.
    pub(super) async fn forget_sessions(&mut self) -> Result<(), Trouble> {
        let mut at = 0_u64;
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(at).arg("MATCH").arg(self.keys.sessions()).arg("COUNT").arg(1_000);
            let (next, keys): (u64, Vec<String>) = scan.query_async(&mut self.connection).await?;
            if !keys.is_empty() {
                cmd("DEL").arg(keys).exec_async(&mut self.connection).await?;
            }
            if next == 0 {
                return Ok(());
            }
            at = next;
        }
    }
}

fn field<'i>(info: &'i str, name: &str) -> Option<&'i str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
