//! A database of its own for each test, gone afterwards.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use menshen_domain::Secret;
use menshen_store::{Store, StoreOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};
use tempfile::TempDir;

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// The longest lifetime of an access token in all tests.
pub(crate) const CEILING: Duration = Duration::from_hours(12);

/// A database that is deleted when dropped.
pub(crate) struct Database {
    pub(crate) url: String,
    home: Home,
}

enum Home {
    Folder {
        _deleted_when_dropped: TempDir,
    },
    /// Something on a server, and the statement that deletes it.
    Server {
        url: String,
        delete: String,
    },
}

impl Database {
    pub(crate) async fn create(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let url = format!("sqlite://{}/menshen.db", folder.path().display());
                Self { url, home: Home::Folder { _deleted_when_dropped: folder } }
            }
            // A schema is as good as a database, and PostgreSQL is far quicker to drop one.
            Kind::Postgres => {
                let (server, name) = (server(), name());
                run(&server, format!("CREATE SCHEMA {name}")).await;
                let url = format!("{server}?options=-csearch_path%3D{name}");
                let delete = format!("DROP SCHEMA IF EXISTS {name} CASCADE");
                Self { url, home: Home::Server { url: server, delete } }
            }
        }
    }

    /// One that can be taken away, or whose connections can be cut, without harm to others.
    pub(crate) async fn create_apart(kind: Kind) -> Self {
        if kind == Kind::Sqlite {
            return Self::create(kind).await;
        }
        let (server, name) = (server(), name());
        run(&server, format!("CREATE DATABASE {name}")).await;
        let (address, _) = server.rsplit_once('/').expect("the URL names a database");
        let url = format!("{address}/{name}");
        let delete = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        Self { url, home: Home::Server { url: server, delete } }
    }

    /// A store on it, as one node of many would open it.
    pub(crate) async fn open(&self) -> Store {
        let url = Secret::new(self.url.clone());
        let options = StoreOptions { url, connections: 8, access_token_ceiling: CEILING };
        Store::open(&options).await.expect("opens")
    }

    /// Runs a statement behind the store's back.
    pub(crate) async fn tamper(&self, sql: &str) {
        sqlx::any::install_default_drivers();
        let url: sqlx::any::AnyConnectOptions = self.url.parse().expect("valid");
        let mut connection = url.connect().await.expect("connects");
        connection.execute(AssertSqlSafe(sql)).await.expect("runs");
        connection.close().await.expect("closes");
    }

    /// How often two transactions have waited for each other, once nobody is connected any more;
    /// never, where there is one writer.
    pub(crate) async fn deadlocks(&self) -> i64 {
        if matches!(self.home, Home::Folder { .. }) {
            return 0;
        }
        let mut connection = PgConnection::connect(&self.url).await.expect("PostgreSQL answers");
        let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
            AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
        let everyone_leaves = async {
            // What a connection has counted is known when it ends.
            while count(&mut connection, others).await > 0 {
                tokio::task::yield_now().await;
            }
        };
        let leaving = tokio::time::timeout(Duration::from_secs(20), everyone_leaves).await;
        leaving.expect("everyone leaves");
        let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        count(&mut connection, deadlocks).await
    }

    /// Takes the database away under everyone who uses it.
    pub(crate) async fn take_away(&self, store: &Store) {
        match &self.home {
            Home::Folder { .. } => store.clone().close().await,
            Home::Server { url, delete } => run(url, delete.clone()).await,
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Home::Server { url, delete } = &self.home else { return };
        let (url, delete) = (url.clone(), delete.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(run(&url, delete));
        });
        // A failure to clean up must not hide why the test failed.
        let _ = dropping.join();
    }
}

async fn count(connection: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(connection).await.expect("counts")
}

async fn run(url: &str, sql: String) {
    let mut connection = PgConnection::connect(url).await.expect("PostgreSQL answers");
    connection.execute(AssertSqlSafe(sql)).await.expect("runs");
    connection.close().await.expect("closes");
}

#[expect(clippy::disallowed_methods, reason = "how `make test` tells where its server is")]
fn server() -> String {
    std::env::var("MENSHEN_TEST_POSTGRES").expect(
        "MENSHEN_TEST_POSTGRES names no PostgreSQL server; `make test` starts one and sets it",
    )
}

fn name() -> String {
    format!("menshen_{}_{}", std::process::id(), next())
}

/// A number that no other test of this process has.
pub(crate) fn next() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
