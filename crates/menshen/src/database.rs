//! The database that the server works on, opened by a verb: the same settings lead to it, and it
//! does not matter whether the server runs.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Args;
use menshen_server::config::Sources;
use menshen_server::keyring::Keyring;
use menshen_server::{Config, Entropy, SystemEntropy};
use menshen_store::{Page, Store, StoreError};
use menshen_token::{Clock as _, SystemClock, Timestamp};

use crate::advice::Advise as _;

/// The settings that lead to a database.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Settings {
    /// Configuration file [default: menshen.toml, if there is one]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Folder with the keys and the embedded database [default: menshen-data]
    #[arg(long, value_name = "FOLDER", global = true)]
    data: Option<String>,
    /// The database, if not the embedded one; with a password in it, better `MENSHEN_STORE_URL`
    #[arg(long, value_name = "URL", global = true)]
    store_url: Option<String>,
}

impl Settings {
    /// The resolved settings, with further flags laid on top.
    pub(crate) fn resolve(&self, mut flags: Vec<(String, String)>) -> Result<Config> {
        flags.extend(flag("data", self.data.as_deref()));
        flags.extend(flag("store.url", self.store_url.as_deref()));
        let sources = Sources::of_this_process(self.config.clone(), flags);
        Config::load(&sources)
            .context("failed to read the configuration")
            .advise("menshen config, which prints every setting")
    }

    /// The flags with which a verb gets to the same database, as they are typed; empty when
    /// none is needed.
    pub(crate) fn as_flags(&self) -> String {
        let file = self.config.as_ref().map(|file| file.display().to_string());
        let mut flags = String::new();
        for (name, value) in
            [("config", &file), ("data", &self.data), ("store-url", &self.store_url)]
        {
            if let Some(value) = value {
                let _ = write!(flags, " --{name} '{value}'");
            }
        }
        flags
    }
}

/// A flag as the configuration takes it: the key as in the file, and the value.
pub(crate) fn flag(key: &str, value: Option<&str>) -> Option<(String, String)> {
    value.map(|value| (key.to_owned(), value.to_owned()))
}

/// An open database, with the settings that led to it.
#[derive(Debug)]
pub(crate) struct Database {
    /// The settings.
    pub(crate) config: Config,
    /// The database.
    pub(crate) store: Store,
    clock: SystemClock,
    entropy: Arc<dyn Entropy>,
}

impl Database {
    /// Opens the database; creates it if this is the first time.
    pub(crate) async fn open(settings: &Settings) -> Result<Self> {
        let config = settings.resolve(Vec::new())?;
        let store = menshen_server::open_store(&config)
            .await
            .context("failed to open the database")
            .advise("check --data and store.url; menshen config check shows what applies")?;
        Ok(Self { config, store, clock: SystemClock::new(), entropy: Arc::new(SystemEntropy) })
    }

    /// The keys that sign and derive, opened with the key-encryption key of the data folder.
    pub(crate) async fn keyring(&self) -> Result<Keyring> {
        let entropy = Arc::clone(&self.entropy);
        menshen_server::open_keyring(&self.config, &self.store, entropy, self.now())
            .await
            .context("failed to open the keys")
            .advise("the data folder that the server has, with --data")
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// So many random bytes.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        self.entropy.bytes()
    }

    /// Waits for what is under way, and closes.
    pub(crate) async fn close(self) {
        self.store.close().await;
    }
}

/// Every page of a list, one after the other.
pub(crate) async fn whole_list<T>(
    list: impl AsyncFn(Page) -> Result<Vec<T>, StoreError>,
    id_of: impl Fn(&T) -> String,
) -> Result<Vec<T>> {
    const LIMIT: u32 = 500;
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page: Vec<T> = list(Page { after, limit: LIMIT }).await.context("failed to list")?;
        let is_last = page.len() < LIMIT as usize;
        after = page.last().map(&id_of);
        items.extend(page);
        if is_last {
            return Ok(items);
        }
    }
}
