//! The connections, and what a transaction is. Knows no table but the head of the log.

use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use menshen_token::Seq;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions, Executor, SqlStr, Transaction};
use tokio::sync::watch;

use self::dialect::{Dialect, Role};
use crate::{Result, StoreError, StoreOptions};

pub(crate) mod dialect;
pub(crate) mod listener;
pub(crate) mod row;

/// A statement with its parameters.
pub(crate) type Statement = Query<'static, Any, <Any as sqlx::Database>::Arguments>;

/// How often a transaction is tried before contention is reported as an outage.
const TRIES: u32 = 4;

/// How long a connection is waited for before the database counts as unavailable.
const PATIENCE: Duration = Duration::from_secs(5);

/// The connections to one database.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) dialect: Dialect,
    pub(crate) access_token_ceiling: Duration,
    writer: AnyPool,
    reader: AnyPool,
    head: watch::Sender<Seq>,
    session_openings: watch::Sender<()>,
}

impl Database {
    pub(crate) async fn open(options: &StoreOptions) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let dialect = Dialect::of(options.url.expose())?;
        dialect.create(options.url.expose())?;
        let writer = connect(options, dialect, Role::Writer).await?;
        migrate(&writer).await?;
        let reader = if dialect.one_writer() {
            connect(options, dialect, Role::Reader).await?
        } else {
            writer.clone()
        };
        let (head, session_openings) = (watch::Sender::new(Seq(0)), watch::Sender::new(()));
        let access_token_ceiling = options.access_token_ceiling;
        Ok(Self { dialect, access_token_ceiling, writer, reader, head, session_openings })
    }

    /// Where single statements read.
    pub(crate) fn reader(&self) -> &AnyPool {
        &self.reader
    }

    /// Runs `work` in a write transaction and commits it. When another transaction was in the
    /// way, everything is done again from the beginning.
    pub(crate) async fn write<'a, T>(&self, work: impl Work<'a, T>) -> Result<T> {
        let mut tried = 0;
        loop {
            let result = self.try_write(&work).await;
            tried += 1;
            match result {
                Err(error) if tried < TRIES && dialect::is_contention(&error) => {
                    tracing::debug!(error = %error, tried, "transaction is tried again");
                    tokio::time::sleep(Duration::from_millis(5) * tried).await;
                }
                result => return result,
            }
        }
    }

    async fn try_write<'a, T>(&self, work: &impl Work<'a, T>) -> Result<T> {
        let inner = self.writer.begin_with(self.dialect.begin()).await?;
        let mut tx = Tx {
            inner,
            dialect: self.dialect,
            access_token_ceiling: self.access_token_ceiling,
            appended: None,
            opened_session: false,
            borrowed: PhantomData,
        };
        let answer = work(&mut tx).await?;
        if let Some(notify) = tx.appended.and_then(|seq| self.dialect.notify(seq)) {
            notify.execute(tx.db()).await?;
        }
        tx.inner.commit().await?;
        if let Some(seq) = tx.appended {
            self.publish(seq);
        }
        if tx.opened_session {
            self.session_openings.send_replace(());
        }
        Ok(answer)
    }

    /// Runs one writing statement as a transaction of its own; how many rows it changed.
    pub(crate) async fn change(
        &self,
        statement: impl Fn() -> Statement + Send + Sync,
    ) -> Result<u64> {
        let statement = &statement;
        self.write(|tx| Box::pin(async move { tx.execute(statement()).await })).await
    }

    /// Tells everyone here that the log has come this far.
    pub(crate) fn publish(&self, seq: Seq) {
        self.head.send_if_modified(|head| {
            let moved = seq > *head;
            *head = seq.max(*head);
            moved
        });
    }

    pub(crate) fn head_changes(&self) -> watch::Receiver<Seq> {
        self.head.subscribe()
    }

    pub(crate) fn session_openings(&self) -> watch::Receiver<()> {
        self.session_openings.subscribe()
    }

    pub(crate) async fn close(&self) {
        self.writer.close().await;
        self.reader.close().await;
    }
}

/// What is done in a transaction, perhaps more than once.
pub(crate) trait Work<'a, T>:
    for<'t> Fn(&'t mut Tx<'a>) -> BoxFuture<'t, Result<T>> + Send + Sync
{
}

impl<'a, T, F> Work<'a, T> for F where
    F: for<'t> Fn(&'t mut Tx<'a>) -> BoxFuture<'t, Result<T>> + Send + Sync
{
}

type BoxFuture<'t, T> = Pin<Box<dyn Future<Output = T> + Send + 't>>;

/// A write transaction. Rolled back when dropped.
pub(crate) struct Tx<'a> {
    inner: Transaction<'static, Any>,
    dialect: Dialect,
    /// The longest lifetime that any access token may have.
    pub(crate) access_token_ceiling: Duration,
    /// The last position that it has appended to the log.
    pub(crate) appended: Option<Seq>,
    /// Whether it has opened a session.
    pub(crate) opened_session: bool,
    /// What the work on it may borrow.
    borrowed: PhantomData<&'a ()>,
}

impl Tx<'_> {
    /// The connection, to run statements on.
    pub(crate) fn db(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }

    /// Takes row locks, with a statement that does nothing else. What is to be judged under
    /// them is read by a later statement, which sees what was committed while this one waited.
    /// Skipped where the transaction holds the only write lock anyway.
    pub(crate) async fn lock(&mut self, statement: Statement) -> Result<()> {
        if self.dialect.locks_rows() {
            statement.fetch_all(self.db()).await?;
        }
        Ok(())
    }

    /// Changes rows; how many.
    pub(crate) async fn execute(&mut self, statement: Statement) -> Result<u64> {
        Ok(statement.execute(self.db()).await?.rows_affected())
    }
}

async fn connect(options: &StoreOptions, dialect: Dialect, role: Role) -> Result<AnyPool> {
    let url: AnyConnectOptions = options.url.expose().parse()?;
    let connections =
        if dialect.one_writer() && role == Role::Writer { 1 } else { options.connections.max(1) };
    let pool = AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .after_connect(move |connection, _| {
            Box::pin(async move { connection.execute(dialect.setup(role)).await.map(|_| ()) })
        })
        .connect_with(url.disable_statement_logging())
        .await?;
    Ok(pool)
}

/// Brings the schema up to date. Of several processes that open a new SQLite file at once, all
/// but one fail the first time and find it done the second time.
async fn migrate(writer: &AnyPool) -> Result<()> {
    let migration = |version, name: &'static str, sql| {
        let sql = SqlStr::from_static(sql);
        Migration::new(version, name.into(), MigrationType::Simple, sql, false)
    };
    let migrator = Migrator::with_migrations(vec![
        migration(1, "core", include_str!("../migrations/0001_core.sql")),
        migration(2, "openid", include_str!("../migrations/0002_openid.sql")),
        migration(3, "gateway", include_str!("../migrations/0003_gateway.sql")),
    ]);
    let mut tried = 0;
    loop {
        tried += 1;
        match migrator.run(writer).await {
            Ok(()) => return Ok(()),
            Err(_) if tried < TRIES => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => return Err(StoreError::unavailable(error)),
        }
    }
}
