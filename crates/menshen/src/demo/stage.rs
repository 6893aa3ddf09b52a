//! The two processes of the demo, and the folder they live in. Both end with us, however we end.

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use super::api::{Address, Setup};

const PATIENCE: Duration = Duration::from_secs(30);

/// The two processes of the demo.
pub(super) struct Stage {
    folder: TempDir,
    children: Vec<Child>,
    /// What the server said when it was ready.
    pub(super) server: Ready,
}

/// What `menshen serve --json` says.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Ready {
    /// Its issuer URL.
    pub(super) issuer: String,
    /// The client for the admin API.
    pub(super) admin: Admin,
}

/// The client for the admin API.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Admin {
    /// Its id.
    pub(super) client_id: String,
    /// Its secret.
    pub(super) client_secret: String,
}

impl Stage {
    /// Starts the server on an empty database.
    pub(super) async fn open() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("menshen-demo-").tempdir();
        let folder = folder.context("failed to make a temporary folder")?;
        let mut command = this_program(&folder, "server.log")?;
        command.args(["serve", "--json", "--with-parent", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(folder.path().join("data"));
        let mut child = command.spawn().context("failed to start the server")?;
        match first_line(&mut child).await {
            Ok(server) => Ok(Self { folder, children: vec![child], server }),
            Err(error) => {
                let log = tail(&folder, "server.log");
                Err(error.context(format!("failed to start the server\n{log}")))
            }
        }
    }

    /// Starts the protected API, and answers with its URL.
    pub(super) async fn start_api(&mut self, setup: &Setup) -> Result<String> {
        let mut command = this_program(&self.folder, "api.log")?;
        let mut child = command.arg("demo-api").spawn().context("failed to start the API")?;
        let setup = format!("{}\n", serde_json::to_string(setup)?);
        let stdin = child.stdin.as_mut().context("failed to reach the API")?;
        stdin.write_all(setup.as_bytes()).await.context("failed to reach the API")?;
        let address: Address = first_line(&mut child).await.context("failed to start the API")?;
        self.children.push(child);
        Ok(address.url)
    }

    /// The process ids of the server and the API.
    pub(super) fn process_ids(&self) -> Vec<u32> {
        self.children.iter().filter_map(Child::id).collect()
    }

    /// The end of the logs, for when something went wrong.
    pub(super) fn last_words(&self) -> String {
        ["server.log", "api.log"].map(|log| tail(&self.folder, log)).concat()
    }

    /// Ends both processes and removes the folder.
    pub(super) async fn close(mut self) {
        for child in &mut self.children {
            drop(child.stdin.take());
        }
        for child in &mut self.children {
            if tokio::time::timeout(Duration::from_secs(15), child.wait()).await.is_err() {
                let _ = child.kill().await;
            }
        }
    }
}

/// This very program, out of reach of the settings and proxies of whoever started the demo. Its
/// standard input stays open for as long as we live, and in its own process group it does not
/// hear the Ctrl-C that is meant for us.
fn this_program(folder: &TempDir, log: &str) -> Result<Command> {
    let program = std::env::current_exe().context("failed to find this program")?;
    let log = File::create(path(folder, log)).context("failed to make a log file")?;
    let mut command = Command::new(program);
    command.env_clear().current_dir(folder.path()).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
    Ok(command)
}

async fn first_line<T: DeserializeOwned>(child: &mut Child) -> Result<T> {
    let stdout = child.stdout.as_mut().context("it has no output")?;
    let mut line = String::new();
    tokio::time::timeout(PATIENCE, BufReader::new(stdout).read_line(&mut line))
        .await
        .context("it did not get ready in time")?
        .context("failed to read its output")?;
    if line.is_empty() {
        return Err(anyhow!("it ended before it was ready"));
    }
    serde_json::from_str(&line).with_context(|| format!("it said: {}", line.trim()))
}

fn path(folder: &TempDir, log: &str) -> PathBuf {
    folder.path().join(log)
}

fn tail(folder: &TempDir, log: &str) -> String {
    let text = std::fs::read_to_string(path(folder, log)).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(10)..].join("\n  ");
    if last.is_empty() { String::new() } else { format!("{log}:\n  {last}\n") }
}
