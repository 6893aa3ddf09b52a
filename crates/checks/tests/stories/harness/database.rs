//! The database of one story: a SQLite file, or a PostgreSQL database of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

/// Which database, and whose.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    /// The server's default: a file in its data folder.
    Sqlite,
    /// A database at this URL.
    Postgres(String),
}

impl Database {
    /// A fresh database on the PostgreSQL server that the tests were given.
    pub(crate) fn postgres() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let server = server();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("story_{}_{number}", std::process::id());
        let status = Command::new(psql())
            .args(["--quiet", "--no-psqlrc", "--command", &format!("CREATE DATABASE {name}")])
            .arg(&server)
            .status();
        assert!(status.is_ok_and(|status| status.success()), "cannot create a database");
        let (base, _) = server.rsplit_once('/').expect("a URL with a database");
        Self::Postgres(format!("{base}/{name}"))
    }

    /// Does something to it behind the server's back.
    pub(crate) fn run(&self, command: &str) {
        let Self::Postgres(url) = self else { panic!("a file is the server's own") };
        let status = Command::new(psql())
            .args(["--quiet", "--no-psqlrc", "--command", command])
            .arg(url)
            .status();
        assert!(status.is_ok_and(|status| status.success()), "{command}");
    }

    /// The same database, reached through another address.
    pub(crate) fn through(&self, address: std::net::SocketAddr) -> Self {
        let Self::Postgres(url) = self else { panic!("a file is reached directly") };
        let (before, _) = url.rsplit_once('@').expect("a URL with a user");
        let (_, name) = url.rsplit_once('/').expect("a URL with a database");
        Self::Postgres(format!("{before}@{address}/{name}"))
    }

    /// Where the PostgreSQL server listens.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        let Self::Postgres(url) = self else { panic!("a file has no address") };
        let (_, after) = url.rsplit_once('@').expect("a URL with a user");
        let (address, _) = after.split_once('/').expect("a URL with a database");
        address.parse().expect("scripts/with-postgres names address and port")
    }
}

#[expect(clippy::disallowed_methods, reason = "how `make test` tells where its PostgreSQL is")]
fn server() -> String {
    std::env::var("MENSHEN_TEST_POSTGRES").expect(
        "MENSHEN_TEST_POSTGRES is not set: run `make test`, or `scripts/with-postgres cargo test`",
    )
}

/// Debian keeps some of PostgreSQL's programs off the PATH.
fn psql() -> PathBuf {
    let versions = Path::new("/usr/lib/postgresql").read_dir().into_iter().flatten().flatten();
    let candidates = versions.map(|version| version.path().join("bin/psql"));
    candidates.into_iter().find(|path| path.exists()).unwrap_or_else(|| PathBuf::from("psql"))
}
