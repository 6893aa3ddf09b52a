//! A gateway with its listeners: started from a rules file, reloaded, stopped.

mod provider;
mod reload;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use menshen_token::Clock;
use menshen_verifier::BuildError;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

use crate::browser::Logins;
use crate::config::{Assertions, Config, Problem, Provider};
use crate::doors::proxy::{self, Certificates, Proxy};
use crate::gateway::Mirror;
use crate::{Entropy, Gateway, KeyError, Signer, Vault, doors};

use reload::Reloading;

/// What a gateway is started with.
#[derive(Debug)]
pub struct Start {
    /// The rules file, read again by [`Running::reload`].
    pub rules: PathBuf,
    /// The provider in the same process, for a file that names none.
    pub beside: Option<Provider>,
    /// The secret of the client that the gateway is at the provider.
    pub client_secret: Option<String>,
    /// Where sessions of browsers are kept; needed when [`Config::keeps_sessions`].
    pub vault: Option<Arc<dyn Vault>>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub entropy: Arc<dyn Entropy>,
}

/// The secret of our client, as it was given at the start.
#[derive(Clone)]
struct Given(Option<String>);

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Given(..)")
    }
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The rules file does not hold.
    #[error(transparent)]
    Rules(#[from] Problem),
    /// The secret of the gateway's client is not there.
    #[error("the secret of client {0} is not given")]
    MissingSecret(String),
    /// A file that the rules file names cannot be read.
    #[error("cannot read {}: {}", .0.display(), .1)]
    File(PathBuf, #[source] std::io::Error),
    /// The provider's tokens cannot be verified.
    #[error("cannot verify tokens of {0}: {1}")]
    Verifier(String, #[source] BuildError),
    /// The key that signs for services behind cannot be used.
    #[error("cannot sign with the key in {}: {}", .0.display(), .1)]
    Key(PathBuf, #[source] KeyError),
    /// The provider cannot be asked for tokens.
    #[error("cannot set up requests to {0}: {1}")]
    Client(String, #[source] reqwest::Error),
    /// Nobody can sign in as the rules file says.
    #[error("[login.{0}] {1}")]
    Login(String, String),
    /// A rule is about sessions of browsers or tickets, and there is no place to keep them.
    #[error("there is no place to keep sessions of browsers or tickets")]
    MissingVault,
    /// The Redis with the revocations cannot be asked for anything.
    #[error("cannot use the Redis with the revocations")]
    Redis(#[source] redis::RedisError),
    /// An address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] std::io::Error),
}

/// A gateway that runs.
#[derive(Debug)]
pub struct Running {
    /// Where decisions are asked for.
    pub decisions: SocketAddr,
    /// Where the reverse proxy listens; `None` without one.
    pub proxy: Option<SocketAddr>,
    gateway: Gateway,
    reloading: Reloading,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    /// Ends streams with their sessions.
    ends: Option<AbortHandle>,
}

/// Starts a gateway. It accepts nothing that needs the provider before keys and a first snapshot
/// of the revocations have arrived.
///
/// # Errors
///
/// [`StartError`]; that the provider cannot be reached is none.
pub async fn run(start: Start) -> Result<Running, StartError> {
    let place = (start.rules.clone(), start.beside.clone());
    let given = Given(start.client_secret.clone());
    let (gateway, at_start) = opened(start)?;
    let certificates = at_start.tls.as_ref().map(Certificates::read).transpose()?;
    let (decisions_at, proxy_at) = (at_start.decisions, at_start.listen);
    let (stop, stopped) = watch::channel(false);
    let door = Proxy::new(&gateway, doors::own(&gateway), certificates);
    door.pools().prepare(&at_start)?;
    let (listener, decisions) = listen(decisions_at).await?;
    let reloading = Reloading::new(place, given, Arc::clone(&door), at_start);
    let mut tasks = vec![
        tokio::spawn(reloading.clone().watch(stopped.clone())),
        tokio::spawn(keep_clean(gateway.clone(), stopped.clone())),
        tokio::spawn(serve(listener, doors::decisions(&gateway), stopped.clone())),
    ];
    if let (Some(mirror), Some(verifier)) = (gateway.mirror(), gateway.verifier()) {
        tasks.push(tokio::spawn(mirror.clone().watch(
            verifier.clone(),
            Arc::clone(gateway.live_streams()),
            stop.subscribe(),
        )));
    }
    let mut proxy = None;
    if let Some(address) = proxy_at {
        let (listener, address) = listen(address).await?;
        proxy = Some(address);
        tasks.push(tokio::spawn(proxy::listen(door, listener, stopped)));
    }
    let ends = gateway.verifier().map(|verifier| {
        let streams = Arc::clone(gateway.live_streams());
        tokio::spawn(proxy::end_with_tokens(streams, verifier.clone())).abort_handle()
    });
    Ok(Running { decisions, proxy, gateway, reloading, stop, tasks, ends })
}

/// A gateway without listeners, for whoever wants to know how it decides.
///
/// # Errors
///
/// [`StartError`]; that the provider cannot be reached is none.
pub fn open(start: Start) -> Result<Gateway, StartError> {
    opened(start).map(|(gateway, _)| gateway)
}

/// The gateway of a rules file, and what the file says.
fn opened(start: Start) -> Result<(Gateway, Config), StartError> {
    let config = Config::read_beside(&start.rules, start.beside.as_ref())?;
    if config.keeps_sessions() && start.vault.is_none() {
        return Err(StartError::MissingVault);
    }
    let signer = signer(&config)?;
    let given = Given(start.client_secret);
    let logins = logins(&config, &given)?;
    let gateway = assemble(config.clone(), given.0, start.clock, start.entropy)?;
    gateway.replace_rules(config.clone(), logins);
    gateway.replace_signer(signer);
    if let Some(vault) = start.vault {
        gateway.welcome_browsers(vault);
    }
    Ok((gateway, config))
}

fn assemble(
    config: Config,
    client_secret: Option<String>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Gateway, StartError> {
    let Some(provider) = config.provider.clone() else {
        return Ok(Gateway::new(config, None, clock, entropy));
    };
    let secret = provider::secret(&provider, client_secret)?;
    let verifier = provider::verifier(&provider, &secret, &clock)?;
    let mirror = Mirror::of(&config).map_err(StartError::Redis)?;
    let gateway = Gateway::new(config, Some(verifier), clock, entropy);
    if let Some(mirror) = mirror {
        gateway.read_from(mirror);
    }
    gateway.convert_by(provider::client(&provider)?, &provider, &secret);
    Ok(gateway)
}

impl Running {
    /// Reads the rules file again, as is also done when it has changed. Requests under way end by
    /// the old rules; listeners and the provider stay as they are until the next start, and the
    /// answer names what else would need one.
    ///
    /// # Errors
    ///
    /// [`StartError`], of the kinds that concern the file and the key that signs; everything in
    /// force then stays.
    pub fn reload(&self) -> Result<Vec<&'static str>, StartError> {
        self.reloading.reload()
    }

    /// The gateway itself.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Stops listening, and waits for requests under way.
    pub async fn shut_down(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            let _ = task.await;
        }
        if let Some(ends) = self.ends {
            ends.abort();
        }
    }
}

/// Where browsers sign in.
fn logins(config: &Config, given: &Given) -> Result<Logins, StartError> {
    let own = config.provider.as_ref().filter(|_| config.keeps_sessions());
    let secret = own.map(|own| provider::secret(own, given.0.clone())).transpose()?;
    Logins::open(config, secret.as_deref())
}

fn signer(config: &Config) -> Result<Option<Signer>, StartError> {
    let open = |says: &Assertions| {
        Signer::open(says).map_err(|error| StartError::Key(says.key.clone(), error))
    };
    config.assertions.as_ref().map(open).transpose()
}

/// Deletes now and then what has expired.
async fn keep_clean(gateway: Gateway, mut stopped: watch::Receiver<bool>) {
    let Some(browsers) = gateway.browsers() else { return };
    let mut due = tokio::time::interval(CLEAN_EVERY);
    loop {
        tokio::select! {
            _ = due.tick() => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        if let Err(error) = browsers.sweep(gateway.now(), gateway.monotonic()).await {
            tracing::warn!(error = %error, "could not clean up, will try again");
        }
    }
}

const CLEAN_EVERY: Duration = Duration::from_secs(30);

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Listen(address, error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

async fn serve(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let until = async move {
        // An error means that whoever could stop us is gone.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until).await {
        tracing::error!(error = %error, "a listener ended");
    }
}
