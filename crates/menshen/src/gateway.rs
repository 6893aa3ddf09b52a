//! `menshen gateway`: the check in front of services, as a process of its own.

mod check;
mod explain;
mod vault;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use menshen_gateway::config::Config;
use menshen_gateway::config::Provider;
use menshen_gateway::{Gateway, Running, Start, StartError, SystemEntropy, Vault};
use menshen_token::SystemClock;
use tokio::signal::unix::{SignalKind, signal};

use self::vault::StoredVault;
use crate::advice::Advise as _;
use crate::output::{self, STRONG, paint};
use crate::serve;

/// What `menshen gateway` takes.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Default is deny: what no rule lets in stays out. SIGHUP reads the rules again.

Examples:
  menshen gateway --rules gateway.toml
  menshen gateway check --rules gateway.toml
  menshen gateway explain GET https://api.example.com/orders -H 'Authorization: Bearer ..'"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    rules: Rules,
    /// What a line of the log looks like
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// What is logged: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: String,
    /// Print one line of JSON when ready, instead of the welcome
    #[arg(long)]
    json: bool,
    /// Stop when standard input is closed, as it is when the process that started us is gone
    #[arg(long, hide = true)]
    with_parent: bool,
}

/// Which rules.
#[derive(Clone, Debug, clap::Args)]
struct Rules {
    /// The rules file
    #[arg(
        long,
        value_name = "FILE",
        default_value = "gateway.toml",
        env = "MENSHEN_GATEWAY_RULES"
    )]
    rules: PathBuf,
    /// The secret of the client that the gateway is at the provider
    #[arg(long, hide = true, env = "MENSHEN_GATEWAY_SECRET", hide_env_values = true)]
    client_secret: Option<String>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl From<LogFormat> for menshen_server::config::LogFormat {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Read a rules file and say what is wrong with it, or what it says
    Check {
        #[command(flatten)]
        rules: Rules,
    },
    /// Say which rule decides about a request, and why
    Explain(explain::Args),
}

/// Does what `menshen gateway` was asked.
pub(crate) async fn run(args: Args) -> Result<()> {
    match args.verb {
        None => serve(args).await,
        Some(Verb::Check { rules }) => check::run(&rules.rules),
        Some(Verb::Explain(args)) => explain::run(args).await,
    }
}

async fn serve(args: Args) -> Result<()> {
    let stop = serve::stop_signal(args.with_parent)?;
    let hangup = signal(SignalKind::hangup()).context("failed to listen for SIGHUP")?;
    menshen_server::install_telemetry(&args.log_level, args.log_format.into());
    let running = start(args.rules).await?;
    if args.json {
        anstream::println!("{}", addresses(&running));
    } else {
        welcome(&running);
    }
    tokio::select! {
        () = stop => {}
        () = reload(&running, hangup) => {}
    }
    running.shut_down().await;
    Ok(())
}

async fn start(from: Rules) -> Result<Running> {
    advised(menshen_gateway::run(given(from).await?).await)
}

/// A gateway that listens nowhere.
async fn open(from: Rules) -> Result<Gateway> {
    advised(menshen_gateway::open(given(from).await?))
}

async fn given(from: Rules) -> Result<Start> {
    let Rules { rules, client_secret } = from;
    let clock = Arc::new(SystemClock::new());
    let entropy = Arc::new(SystemEntropy);
    let vault = vault(&rules, None, &entropy).await?;
    Ok(Start { rules, beside: None, client_secret, vault, clock, entropy })
}

/// Starts a gateway in the process of a server, as a client that needs no set-up.
pub(crate) async fn beside(server: &menshen_server::Running, rules: PathBuf) -> Result<Running> {
    let (id, secret) =
        server.gateway_client().await.context("failed to make the gateway a client")?;
    let provider = Provider::beside(server.issuer.clone(), id.to_string());
    let entropy = Arc::new(SystemEntropy);
    let vault = vault(&rules, Some(&provider), &entropy).await?;
    let start = Start {
        rules,
        beside: Some(provider),
        client_secret: Some(secret.expose().to_owned()),
        vault,
        clock: Arc::new(SystemClock::new()),
        entropy,
    };
    advised(menshen_gateway::run(start).await)
}

fn advised<T>(started: Result<T, StartError>) -> Result<T> {
    let advice = match &started {
        Err(StartError::MissingSecret(_)) => {
            "client_secret_file in [provider], or MENSHEN_GATEWAY_SECRET"
        }
        Err(StartError::Listen(..)) => {
            "another address for `listen` or `decisions` in the rules file, which nobody else has"
        }
        Err(StartError::Rules(_)) => "menshen gateway check --rules FILE, until it is content",
        _ => return started.context("failed to start the gateway"),
    };
    started.context("failed to start the gateway").advise(advice)
}

/// Where sessions of browsers are kept, if a rule has some. Rules that cannot be read are complained
/// about later.
async fn vault(
    rules: &Path,
    beside: Option<&Provider>,
    entropy: &Arc<SystemEntropy>,
) -> Result<Option<Arc<dyn Vault>>> {
    let config = Config::read_beside(rules, beside).ok().filter(Config::keeps_sessions);
    let Some(config) = config else { return Ok(None) };
    let vault = StoredVault::open(&config.store, Arc::<SystemEntropy>::clone(entropy)).await;
    let vault = vault.advise("[store] with `url` or `data`, in the rules file")?;
    Ok(Some(Arc::new(vault)))
}

/// Reads the rules again at each SIGHUP; rules that do not hold change nothing.
pub(crate) async fn reload(running: &Running, mut hangup: tokio::signal::unix::Signal) {
    while hangup.recv().await.is_some() {
        match running.reload() {
            Ok(needs_start) => {
                output::done("the rules were read again");
                for what in needs_start {
                    anstream::eprintln!("{what} holds from the next start on");
                }
            }
            Err(error) => anstream::eprintln!("the rules stay as they were: {error}"),
        }
    }
}

/// For scripts: where it listens.
pub(crate) fn addresses(running: &Running) -> serde_json::Value {
    serde_json::json!({
        "decisions": running.decisions.to_string(),
        "proxy": running.proxy.map(|address| address.to_string()),
    })
}

pub(crate) fn welcome(running: &Running) {
    anstream::println!("\n{} is ready.\n", paint(STRONG, "Menshen gateway"));
    output::facts(&[("decisions", &format!("http://{}", running.decisions))]);
    if let Some(proxy) = running.proxy {
        output::facts(&[("proxy", &proxy.to_string())]);
    }
    anstream::println!();
}
