//! The rules file is read again when it changes, or when somebody says so.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::{Given, StartError, logins, signer};
use crate::Gateway;
use crate::config::{Config, Provider};
use crate::doors::proxy::Proxy;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where the rules are, and what they said at the start.
#[derive(Clone, Debug)]
pub(super) struct Reloading {
    rules: PathBuf,
    client_secret: Given,
    beside: Option<Provider>,
    door: Arc<Proxy>,
    gateway: Gateway,
    at_start: Config,
    seen: Option<Seen>,
}

/// What a file looks like from outside.
type Seen = (SystemTime, u64);

impl Reloading {
    pub(super) fn new(
        (rules, beside): (PathBuf, Option<Provider>),
        client_secret: Given,
        door: Arc<Proxy>,
        at_start: Config,
    ) -> Self {
        let (gateway, seen) = (door.gateway().clone(), None);
        let mut reloading = Self { rules, client_secret, beside, door, gateway, at_start, seen };
        reloading.seen = reloading.look();
        reloading
    }

    pub(super) fn reload(&self) -> Result<Vec<&'static str>, StartError> {
        let config = Config::read_beside(&self.rules, self.beside.as_ref())?;
        if config.keeps_sessions() && self.gateway.browsers().is_none() {
            return Err(StartError::MissingVault);
        }
        let signer = signer(&config)?;
        let logins = logins(&config, &self.client_secret)?;
        self.door.pools().prepare(&config)?;
        if let (Some(certificates), Some(tls)) = (self.door.certificates(), &config.tls) {
            certificates.reload(tls)?;
        }
        let needs_start = self.needs_start(&config);
        self.gateway.replace_signer(signer);
        self.gateway.replace_rules(config, logins);
        Ok(needs_start)
    }

    /// Looks once a second whether the file has changed. One that does not hold changes nothing,
    /// and is looked at again when it changes again.
    pub(super) async fn watch(mut self, mut stopped: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                // An error means that whoever could stop us is gone.
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
            self.gateway.telemetry().add_up();
            let seen = self.look();
            if seen.is_none() || seen == self.seen {
                continue;
            }
            self.seen = seen;
            match self.reload() {
                Ok(needs_start) => told(&needs_start),
                Err(error) => tracing::error!(error = %error, "the rules stay as they were"),
            }
        }
    }

    fn look(&self) -> Option<Seen> {
        let file = std::fs::metadata(&self.rules).ok()?;
        Some((file.modified().ok()?, file.len()))
    }

    /// What is said otherwise than at the start, and holds from the next start on.
    fn needs_start(&self, config: &Config) -> Vec<&'static str> {
        let before = &self.at_start;
        let differs = [
            ("[provider]", before.provider != config.provider),
            ("[redis]", before.redis != config.redis),
            ("listen", before.listen != config.listen),
            ("decisions", before.decisions != config.decisions),
            ("[tls]", before.tls.is_some() != config.tls.is_some()),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect()
    }
}

fn told(needs_start: &[&'static str]) {
    tracing::info!("the rules were read again");
    for what in needs_start {
        tracing::warn!(setting = what, "this holds from the next start on");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use http::Method;
    use menshen_token::SystemClock;

    use super::*;
    use crate::{Decision, Facts, Scheme, SystemEntropy};

    fn write(path: &Path, rules: &str) {
        std::fs::write(path, rules).expect("written");
    }

    fn public(path: &str) -> String {
        format!(
            "decisions = \"127.0.0.1:0\"\n[[rule]]\nname = \"r\"\nhosts = [\"*\"]\n\
             paths = [\"{path}\"]\naccess = \"public\"\n"
        )
    }

    fn start(path: &Path) -> Reloading {
        let config = Config::read(path).expect("a sound file");
        let clock = Arc::new(SystemClock::new());
        let gateway = Gateway::new(config.clone(), None, clock, Arc::new(SystemEntropy));
        let door = Proxy::new(&gateway, axum::Router::new(), None);
        Reloading::new((path.to_owned(), None), Given(None), door, config)
    }

    async fn is_open(gateway: &Gateway, target: &str) -> bool {
        let facts = Facts {
            method: Method::GET,
            scheme: Scheme::Https,
            host: "api.example".to_owned(),
            target: target.to_owned(),
            headers: http::HeaderMap::new(),
            address: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        };
        matches!(gateway.decide(&facts).await, Decision::Allow(_))
    }

    #[tokio::test]
    async fn a_file_that_does_not_hold_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gateway.toml");
        write(&path, &public("/a"));
        let reloading = start(&path);
        for broken in ["[[rule]]", "", &public("a")] {
            write(&path, broken);
            // An empty file is one that lets nobody in, and holds.
            assert_eq!(reloading.reload().is_err(), !broken.is_empty(), "{broken}");
            assert_eq!(is_open(&reloading.gateway, "/a").await, !broken.is_empty());
            write(&path, &public("/a"));
            assert!(reloading.reload().expect("it holds").is_empty());
        }
    }

    #[tokio::test]
    async fn what_needs_a_new_start_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gateway.toml");
        write(&path, &public("/a"));
        let reloading = start(&path);
        let provider = "[provider]\nissuer = \"https://id.example\"\nclient_id = \"edge\"\n";
        let changed = public("/b").replace(":0\"", ":1\"\nlisten = \"127.0.0.1:2\"") + provider;
        write(&path, &changed);
        let needs_start = reloading.reload().expect("it holds");
        assert_eq!(needs_start, ["[provider]", "listen", "decisions"]);
        assert!(is_open(&reloading.gateway, "/b").await, "the rules hold at once");
    }

    #[tokio::test]
    async fn a_changed_file_is_read_by_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gateway.toml");
        write(&path, &public("/a"));
        let reloading = start(&path);
        let gateway = reloading.gateway.clone();
        let (stop, stopped) = watch::channel(false);
        let watching = tokio::spawn(reloading.watch(stopped));
        write(&path, &public("/bb"));
        let changed = async {
            while !is_open(&gateway, "/bb").await {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), changed).await.expect("read again");
        stop.send_replace(true);
        watching.await.expect("it ends");
    }
}
