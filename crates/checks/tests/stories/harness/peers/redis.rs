//! A Redis as a process of its own, which can be killed and comes back empty, or with what it had
//! saved.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tempfile::TempDir;

use crate::harness::{free_address, until};

/// A running Redis.
#[derive(Debug)]
pub(crate) struct Redis {
    address: SocketAddr,
    folder: TempDir,
    options: Vec<String>,
    process: Option<Child>,
}

impl Redis {
    /// Starts one that keeps everything in memory and evicts nothing.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one with further options.
    pub(crate) async fn start_with(options: &[&str]) -> Self {
        let mut redis = Self {
            address: free_address(),
            folder: TempDir::with_prefix("menshen-redis-").expect("a temporary folder"),
            options: options.iter().map(ToString::to_string).collect(),
            process: None,
        };
        redis.launch().await;
        redis
    }

    /// Where clients find it.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}/0", self.address)
    }

    /// Starts the process, which loads what was saved, and waits until it answers.
    pub(crate) async fn launch(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.args(["--port", &self.address.port().to_string()]).arg("--dir");
        command.arg(self.folder.path()).args(&self.options);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("redis-server is there: `make test` sees to that");
        self.process = Some(process);
        until("Redis answers", Duration::from_mins(1), async || self.is_there().await).await;
    }

    /// Kills the process, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().expect("it is ours");
        process.wait().expect("it is ours");
    }

    /// Kills it, and starts it again with nothing in it.
    pub(crate) async fn lose_everything(&mut self) {
        self.kill();
        self.come_back_empty().await;
    }

    /// After [`Redis::kill`]: starts it with nothing in it.
    pub(crate) async fn come_back_empty(&mut self) {
        let _ = std::fs::remove_file(self.folder.path().join("dump.rdb"));
        self.launch().await;
    }

    /// Writes what it holds to its disk.
    pub(crate) fn save(&self) {
        assert_eq!(self.cli(&["SAVE"]), "OK");
    }

    /// What the usual client at the command line prints.
    #[track_caller]
    pub(crate) fn cli(&self, words: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        command.args(["-p", &self.address.port().to_string()]).args(words);
        let output = command.output().expect("redis-cli is there: `make test` sees to that");
        String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
    }

    /// A connection of one's own.
    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("a URL of Redis");
        client.get_multiplexed_async_connection().await.expect("it answers")
    }

    async fn is_there(&self) -> bool {
        let client = redis::Client::open(self.url()).expect("a URL of Redis");
        let Ok(mut connection) = client.get_multiplexed_async_connection().await else {
            return false;
        };
        redis::cmd("PING").exec_async(&mut connection).await.is_ok()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
    }
}
