//! The real program as a process of its own, which can be killed and started again.

use std::fs::{File, OpenOptions};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use menshen_verifier::{Credentials, Policy, Verifier, VerifierBuilder};
use serde_json::Value;
use tempfile::TempDir;

use super::{Database, Operator, Site, Wire, until};

/// How a server is set up.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// Its database.
    pub(crate) database: Database,
    /// Its issuer, when it is not its own address.
    pub(crate) issuer: Option<String>,
    /// Further settings, by the name of their environment variable without `MENSHEN_`.
    pub(crate) settings: Vec<(&'static str, String)>,
}

impl Setup {
    /// The defaults, but for passwords, which are quick to hash.
    pub(crate) fn on(database: Database) -> Self {
        let settings = vec![
            ("PASSWORD_MEMORY", "64".to_owned()),
            ("PASSWORD_PASSES", "1".to_owned()),
            ("LOG_FORMAT", "json".to_owned()),
        ];
        Self { database, issuer: None, settings }
    }

    /// With one more setting.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.settings.push((name, value.to_owned()));
        self
    }

    /// With another issuer.
    pub(crate) fn issued_by(mut self, issuer: String) -> Self {
        self.issuer = Some(issuer);
        self
    }

    /// Starts it.
    pub(crate) async fn start(self) -> Server {
        self.start_with_keys_of(None).await
    }

    /// Starts it as another node beside `first`, with the same keys.
    pub(crate) async fn start_beside(self, first: &Server) -> Server {
        self.start_with_keys_of(Some(first)).await
    }

    async fn start_with_keys_of(self, first: Option<&Server>) -> Server {
        let folder = TempDir::with_prefix("menshen-story-").expect("a temporary folder");
        let mut admin_secret = None;
        if let Some(first) = first {
            let key = "key-encryption.key";
            std::fs::create_dir(folder.path().join("data")).expect("the folder is ours");
            std::fs::copy(first.data().join(key), folder.path().join("data").join(key))
                .expect("the first node has its key");
            admin_secret.clone_from(&first.admin_secret);
        }
        let address = free_address();
        let issuer = self.issuer.clone().unwrap_or_else(|| format!("http://{address}"));
        let mut server = Server {
            setup: self,
            folder: Arc::new(folder),
            address,
            issuer,
            admin_secret,
            process: None,
        };
        server.launch().await;
        server
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Who it says it is.
    pub(crate) issuer: String,
    setup: Setup,
    folder: Arc<TempDir>,
    admin_secret: Option<String>,
    process: Option<Child>,
}

impl Server {
    /// Starts the process and waits until it is ready.
    pub(crate) async fn launch(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let mut command = Command::new(program());
        command.args(["serve", "--json", "--with-parent"]).current_dir(self.folder.path());
        // It stops when this test is gone and the other end closed.
        command.stdin(Stdio::piped());
        // Settings meant for the tests are none of its own.
        command.env_clear();
        command.env("MENSHEN_LISTEN", self.address.to_string());
        command.env("MENSHEN_ISSUER", &self.issuer);
        command.env("MENSHEN_DATA", self.data());
        if let Database::Postgres(url) = &self.setup.database {
            command.env("MENSHEN_STORE_URL", url);
        }
        for (name, value) in &self.setup.settings {
            command.env(format!("MENSHEN_{name}"), value);
        }
        command.stdout(File::create(self.announcement()).expect("the folder is ours"));
        command.stderr(appended(&self.log()));
        self.process = Some(command.spawn().expect("the program starts"));
        self.become_ready().await;
    }

    async fn become_ready(&mut self) {
        let (site, log, announcement) = (self.site(), self.log(), self.announcement());
        let process = self.process.as_mut().expect("just started");
        let mut announced = Value::Null;
        until("the server is ready", Duration::from_mins(1), async || {
            if let Ok(Some(status)) = process.try_wait() {
                panic!("it ended: {status}\n{}", std::fs::read_to_string(&log).unwrap_or_default());
            }
            let line = std::fs::read(&announcement).unwrap_or_default();
            announced = serde_json::from_slice(&line).unwrap_or_default();
            announced.is_object()
                && site.get("/readyz", &[]).await.is_ok_and(|answer| answer.status == 200)
        })
        .await;
        if let Some(secret) = announced["admin"]["client_secret"].as_str() {
            self.admin_secret = Some(secret.to_owned());
        }
    }

    /// Kills the process, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().expect("it is ours");
        process.wait().expect("it is ours");
    }

    /// Its clients' view of it, over connections of their own.
    pub(crate) fn site(&self) -> Site {
        self.reached_by(Wire::Connections)
    }

    /// Its clients' view of it.
    pub(crate) fn reached_by(&self, wire: Wire) -> Site {
        Site::new(&format!("http://{}", self.address), wire)
    }

    /// Its operator, with a token that is good for ten minutes.
    pub(crate) async fn operator(&self) -> Operator {
        let secret = self.admin_secret.as_deref().expect("read when it started");
        Operator::enter(self.site(), secret).await
    }

    /// A verifier in this process that may follow its feed.
    pub(crate) fn verifier(&self, policy: Policy) -> VerifierBuilder {
        Verifier::builder(&self.issuer)
            .audience(&self.issuer)
            .credentials(self.feed_credentials())
            .policy(policy)
    }

    /// What lets a verifier follow its feed.
    pub(crate) fn feed_credentials(&self) -> Credentials {
        Credentials::client("admin", self.admin_secret.clone().expect("read when it started"))
    }

    /// The secret of the client `admin`.
    pub(crate) fn admin_secret(&self) -> &str {
        self.admin_secret.as_deref().expect("read when it started")
    }

    /// The value of a metric, summed over all label sets that contain `labels`.
    pub(crate) async fn metric(&self, name: &str, labels: &str) -> u64 {
        let text = self.site().get("/metrics", &[]).await.expect("it answers").ok().text;
        let lines = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && line.contains(labels)
        });
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    fn announcement(&self) -> PathBuf {
        self.folder.path().join("announcement")
    }

    /// Where its files are.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What it logged and printed.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The mebibytes it holds in memory.
    pub(crate) fn memory_mib(&self) -> f64 {
        memory_mib(self.process.as_ref().expect("it runs"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        if std::thread::panicking() {
            let tail: Vec<&str> = log.lines().rev().take(15).collect();
            for line in tail.into_iter().rev() {
                eprintln!("server: {line}");
            }
        } else {
            let defects = log.lines().filter(|line| line.contains("panicked at"));
            let defects: Vec<&str> = defects.collect();
            assert!(defects.is_empty(), "the server panicked:\n{}", defects.join("\n"));
        }
    }
}

pub(super) fn appended(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).expect("the folder is ours")
}

/// An address that stays ours across restarts: below the ports that outgoing connections take.
pub(crate) fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 8_000).expect("below 8,000");
    loop {
        let port = 10_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// Builds the program once, beside this test and in the same profile.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = std::env::current_exe().expect("this test is a file");
        let profile = test.ancestors().nth(2).expect("<target>/<profile>/deps/<test>");
        let target = profile.parent().expect("<target>/<profile>");
        let mut cargo = Command::new(env!("CARGO"));
        // The same selection of features as `cargo test --workspace`, so that nothing is built
        // a second time.
        cargo.args(["build", "--quiet", "--workspace", "--bin", "menshen"]);
        cargo.arg("--target-dir").arg(target).current_dir(env!("CARGO_MANIFEST_DIR"));
        cargo.arg(if profile.ends_with("release") { "--release" } else { "--test=stories" });
        assert!(cargo.status().is_ok_and(|status| status.success()), "the program builds");
        profile.join("menshen")
    })
}

/// The mebibytes that a process holds in memory.
pub(super) fn memory_mib(process: &Child) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()));
    let status = status.expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.expect("a number of KiB") / 1_024.0
}
