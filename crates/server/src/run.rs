//! From settings to a running server, and back to silence.

mod bootstrap;
mod data_folder;
mod listen;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use menshen_domain::Secret;
use menshen_domain::sealed::KeyEncryptionKey;
use menshen_store::{Store, StoreError, StoreOptions};
use menshen_token::{ClientId, Clock, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::app::{App, AssemblyError};
use crate::backchannel;
use crate::config::Config;
use crate::housekeeping;
use crate::keyring::{Keyring, KeyringError};
use crate::mirror;
use crate::router::router;
use crate::telemetry;
use menshen_token::Entropy;

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be made or read.
    #[error("cannot use the data folder {}", .0.display())]
    DataFolder(PathBuf, #[source] io::Error),
    /// The file with the key-encryption key can be read by others.
    #[error(
        "{} can be read by others than its owner; make it private with `chmod 600`, and if \
         somebody may have read it, revoke every signing key",
        .0.display()
    )]
    KeyFileIsReadable(PathBuf),
    /// The file with the key-encryption key does not hold one.
    #[error("{} does not hold a key: 32 bytes in base64url", .0.display())]
    KeyFileIsDamaged(PathBuf),
    /// The database cannot be opened.
    #[error("cannot open the database")]
    Store(#[from] StoreError),
    /// The keys cannot be made ready.
    #[error("cannot make the keys ready")]
    Keys(#[from] KeyringError),
    /// The parts cannot be put together.
    #[error(transparent)]
    Parts(#[from] AssemblyError),
    /// The address cannot be listened on.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The certificate or its key cannot be used.
    #[error("cannot use the TLS certificate or its private key")]
    Tls(#[source] io::Error),
}

/// A server that runs until it is told to shut down, or dropped.
#[derive(Debug)]
pub struct Running {
    /// Who it is.
    pub issuer: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// The secret of the client `admin`, on the very first start; to be shown once.
    pub admin_secret: Option<Secret>,
    /// The clients that may use what OAuth 2.1 dropped.
    pub legacy_clients: Vec<ClientId>,
    app: App,
    listener: axum_server::Handle<SocketAddr>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<io::Result<()>>,
    housekeeping: JoinHandle<()>,
    delivering: JoinHandle<()>,
    mirroring: JoinHandle<()>,
}

/// Starts a server.
///
/// # Errors
///
/// [`StartError`] says what is in the way.
pub async fn run(
    mut config: Config,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Running, StartError> {
    telemetry::begin();
    let socket = listen::bind(config.listen)?;
    let address = socket.local_addr().map_err(|error| StartError::Listen(config.listen, error))?;
    if config.listen.port() == 0 && config.issuer.port() == Some(0) {
        // A port of the system's choice: only now is it known who we are.
        let _ = config.issuer.set_port(Some(address.port()));
    }
    config.listen = address;
    let app = open(config, clock, entropy).await?;
    app.keyring.prepare(app.now()).await?;
    let admin_secret = bootstrap::first_client(&app).await?;
    let legacy_clients = warn_of_legacy_clients(&app).await?;
    let listener = axum_server::Handle::new();
    let tls = app.config.tls.as_ref();
    let serving = listen::serve(socket, tls, router(app.clone()), listener.clone())?;
    let stop = watch::Sender::new(false);
    let housekeeping = tokio::spawn(housekeeping::keep_house(app.clone(), stop.subscribe()));
    let delivering = tokio::spawn(backchannel::deliver(app.clone(), stop.subscribe()));
    let mirroring = tokio::spawn(mirror::keep(app.clone(), stop.subscribe()));
    Ok(Running {
        issuer: app.config.issuer().to_owned(),
        address,
        admin_secret,
        legacy_clients,
        app,
        listener,
        stop,
        serving,
        housekeeping,
        delivering,
        mirroring,
    })
}

async fn warn_of_legacy_clients(app: &App) -> Result<Vec<ClientId>, StoreError> {
    let clients = app.store.list_legacy_clients().await?.into_iter().map(|client| client.id);
    let clients: Vec<ClientId> = clients.collect();
    for id in &clients {
        tracing::warn!(
            client.id = %id,
            "this client may use legacy grants: tokens in the address bar, passwords in its hands"
        );
    }
    Ok(clients)
}

/// Everything but the listener: store, keys, feed and hashing threads.
///
/// # Errors
///
/// [`StartError`] says what is in the way.
pub async fn open(
    config: Config,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<App, StartError> {
    let store = open_store(&config).await?;
    let encryption_key = data_folder::key_encryption_key(&config.data, entropy.as_ref())?;
    Ok(App::assemble(config, store, encryption_key, clock, entropy).await?)
}

/// The store, with the data folder made ready for it.
///
/// # Errors
///
/// [`StartError`], of the kinds that concern the data folder and the store.
pub async fn open_store(config: &Config) -> Result<Store, StartError> {
    data_folder::prepare(&config.data)?;
    let options = StoreOptions {
        url: config.store_url.clone(),
        connections: config.store_connections,
        access_token_ceiling: config.access_token_ceiling,
    };
    Ok(Store::open(&options).await?)
}

/// The key-encryption key of a data folder; both are made if they are not there.
///
/// # Errors
///
/// [`StartError`], of the kinds that concern the data folder.
pub fn open_data_folder(
    folder: &Path,
    entropy: &dyn Entropy,
) -> Result<KeyEncryptionKey, StartError> {
    data_folder::prepare(folder)?;
    data_folder::key_encryption_key(folder, entropy)
}

/// The keys, opened with the key-encryption key of the data folder.
///
/// # Errors
///
/// [`StartError`], of the kinds that concern the data folder and the keys.
pub async fn open_keyring(
    config: &Config,
    store: &Store,
    entropy: Arc<dyn Entropy>,
    now: Timestamp,
) -> Result<Keyring, StartError> {
    data_folder::prepare(&config.data)?;
    let encryption_key = data_folder::key_encryption_key(&config.data, entropy.as_ref())?;
    Ok(Keyring::open(store.clone(), encryption_key, entropy, config, now).await?)
}

impl Running {
    /// The client that a gateway in the same process is, made when there is none, and its secret.
    ///
    /// # Errors
    ///
    /// [`StartError`], of the kinds that concern the store and the keys.
    pub async fn gateway_client(&self) -> Result<(ClientId, Secret), StartError> {
        bootstrap::gateway_client(&self.app).await
    }

    /// Stops accepting, ends the feed's streams, finishes what is under way within ten seconds,
    /// waits for the logouts that are just being delivered, and closes the store.
    pub async fn shut_down(mut self) {
        self.app.feed.close();
        self.listener.graceful_shutdown(Some(listen::GRACE));
        if let Ok(Err(error)) = (&mut self.serving).await {
            tracing::error!(error = %error, "the listener failed");
        }
        self.stop.send_replace(true);
        // They only end by themselves or by a panic, which has been logged.
        let _ = tokio::join!(&mut self.housekeeping, &mut self.delivering, &mut self.mirroring);
        self.app.store.clone().close().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.app.feed.close();
        self.listener.shutdown();
    }
}
