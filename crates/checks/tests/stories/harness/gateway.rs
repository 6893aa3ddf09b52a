//! The real `menshen gateway` as a process of its own, with a rules file that a story writes.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::server::appended;
use super::{Server, Site, Wire, program, until};

/// A running gateway.
#[derive(Debug)]
pub(crate) struct Gateway {
    /// Where decisions are asked for.
    pub(crate) decisions: SocketAddr,
    /// Where the reverse proxy listens.
    pub(crate) proxy: SocketAddr,
    folder: TempDir,
    provider: String,
    secret: String,
    process: Child,
}

impl Gateway {
    /// Starts one in front of `server`, as a client of its own there. `rules` is the rules file
    /// without `listen`, `decisions` and `[provider]`; keys of no table come first in it.
    pub(crate) async fn start(server: &Server, rules: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let client = format!("gateway-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let policy = json!({ "first_party": true, "scope": "gateway revocations:read" });
        let secret = server.operator().await.add_confidential(&client, &policy).await;
        let provider = format!(
            "[provider]\nissuer = \"{}\"\nclient_id = \"{client}\"\nplain_http = true\n",
            server.issuer
        );
        let gateway = Self::launch(provider, &secret, rules).await;
        gateway.ready().await;
        gateway
    }

    /// Waits until it can decide.
    pub(crate) async fn ready(&self) {
        let site = self.site();
        until("the gateway can decide", Duration::from_mins(1), async || {
            site.get("/readyz", &[]).await.is_ok_and(|answer| answer.status == 200)
        })
        .await;
    }

    /// Starts one without a provider, for rules that need none.
    pub(crate) async fn alone(rules: &str) -> Self {
        Self::launch(String::new(), "", rules).await
    }

    /// Starts one with this section `[provider]`.
    pub(crate) async fn launch(provider: String, secret: &str, rules: &str) -> Self {
        let folder = TempDir::with_prefix("menshen-gateway-").expect("a temporary folder");
        write(folder.path(), rules, &provider);
        let (process, [decisions, proxy]) = begin(folder.path(), secret).await;
        Self { decisions, proxy, folder, provider, secret: secret.to_owned(), process }
    }

    /// Kills it, starts it again in the same folder, and waits until it can decide.
    pub(crate) async fn restart(&mut self) {
        self.start_over().await;
        self.ready().await;
    }

    /// Kills it, and starts it again in the same folder, whether it can decide or not.
    pub(crate) async fn start_over(&mut self) {
        self.process.kill().expect("it is ours");
        self.process.wait().expect("it is ours");
        let (process, [decisions, proxy]) = begin(self.folder.path(), &self.secret).await;
        (self.process, self.decisions, self.proxy) = (process, decisions, proxy);
    }

    /// Exchanges the rules, as an operator does, and waits until they are read: whether they hold.
    pub(crate) async fn reload(&self, rules: &str) -> bool {
        write(self.folder.path(), rules, &self.provider);
        let (read, refused) = ("the rules were read again", "the rules stay as they were");
        let count = || {
            let printed = ["announcement", "log"].map(|name| {
                std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
            });
            [read, refused].map(|line| printed.iter().map(|text| text.matches(line).count()).sum())
        };
        let before: [usize; 2] = count();
        self.signal("HUP");
        until("the rules are read", Duration::from_secs(20), async || count() != before).await;
        count()[0] > before[0]
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.process.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &process]).status();
        assert!(sent.is_ok_and(|status| status.success()), "it runs");
    }

    /// How it ended, once it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().expect("it is ours")
    }

    /// Where decisions are asked for, over connections of its own.
    pub(crate) fn site(&self) -> Site {
        Site::new(&format!("http://{}", self.decisions), Wire::Connections)
    }

    /// What is behind the reverse proxy, as its clients see it.
    pub(crate) fn proxied(&self, wire: Wire) -> Site {
        Site::new(&format!("http://{}", self.proxy), wire)
    }

    /// Where its files are.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("menshen-gateway-data")
    }

    /// What it logged.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The mebibytes it holds in memory.
    pub(crate) fn memory_mib(&self) -> f64 {
        super::server::memory_mib(&self.process)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // An error means that it has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        if std::thread::panicking() {
            let lines: Vec<&str> = log.lines().collect();
            for line in &lines[lines.len().saturating_sub(15)..] {
                eprintln!("gateway: {line}");
            }
        } else {
            assert!(!log.contains("panicked at"), "the gateway panicked:\n{log}");
        }
    }
}

/// Starts the program in its folder; where it listens.
async fn begin(folder: &Path, secret: &str) -> (Child, [SocketAddr; 2]) {
    let mut command = Command::new(program());
    command.args(["gateway", "--rules", "gateway.toml", "--json", "--with-parent"]);
    command.args(["--log-format", "json"]);
    // It stops when this test is gone and the other end closed.
    command.current_dir(folder).stdin(Stdio::piped());
    command.env_clear().env("MENSHEN_GATEWAY_SECRET", secret);
    let announcement = folder.join("announcement");
    command.stdout(File::create(&announcement).expect("the folder is ours"));
    command.stderr(appended(&folder.join("log")));
    let mut process = command.spawn().expect("the program starts");
    let mut announced = Value::Null;
    until("the gateway runs", Duration::from_mins(1), async || {
        if let Ok(Some(status)) = process.try_wait() {
            let log = std::fs::read_to_string(folder.join("log"));
            panic!("it ended: {status}\n{}", log.unwrap_or_default());
        }
        let line = std::fs::read(&announcement).unwrap_or_default();
        announced = serde_json::from_slice(&line).unwrap_or_default();
        announced.is_object()
    })
    .await;
    let address = |name: &str| {
        announced[name].as_str().and_then(|text| text.parse().ok()).expect("an address")
    };
    (process, [address("decisions"), address("proxy")])
}

fn write(folder: &Path, rules: &str, provider: &str) {
    let listeners = "listen = \"127.0.0.1:0\"\ndecisions = \"127.0.0.1:0\"\n";
    let text = format!("{listeners}{rules}\n{provider}");
    std::fs::write(folder.join("gateway.toml"), text).expect("the folder is ours");
}
