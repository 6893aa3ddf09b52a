//! `menshen serve`: the server, and what its operator is told when it opens.

pub(crate) mod parent;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use menshen_domain::Secret;
use menshen_gateway::Running as Gateway;
use menshen_server::{Config, Running, StartError, SystemEntropy, install_telemetry};
use menshen_token::SystemClock;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::advice::Advise as _;
use crate::database::{Settings, flag};
use crate::gateway;
use crate::output::{self, ACCENT, BAD, FAINT, STRONG, paint};

/// What `menshen serve` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nothing has to be configured: the first start makes keys and a database in ./menshen-data.
Settings come from menshen.toml, from MENSHEN_* and from flags; later ones win.

Examples:
  menshen serve
  menshen serve --listen 127.0.0.1:9000 --data /var/lib/menshen
  menshen serve --gateway gateway.toml
  menshen serve --listen 0.0.0.0:443 --issuer https://id.example.com \\
      --tls-certificate chain.pem --tls-key key.pem")]
pub(crate) struct Args {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Who we are, as clients reach us [default: the address we listen on]
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// PEM file with the certificate chain; turns TLS on
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<String>,
    /// PEM file with the private key of the certificate
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<String>,
    /// A proxy in front of us speaks TLS, so plain HTTP may leave this machine
    #[arg(long)]
    behind_proxy: bool,
    /// Networks of the proxies whose X-Forwarded-For is believed, separated by commas
    #[arg(long, value_name = "NETWORKS")]
    trusted_proxies: Option<String>,
    /// What a line of the log looks like: text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// What is logged: error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// Run the gateway in this process too, by this rules file, which needs no [provider]
    #[arg(long, value_name = "FILE")]
    gateway: Option<PathBuf>,
    /// Print one line of JSON when ready, instead of the welcome
    #[arg(long)]
    json: bool,
    /// Stop when standard input is closed, as it is when the process that started us is gone
    #[arg(long, hide = true)]
    with_parent: bool,
    #[command(flatten)]
    settings: Settings,
}

impl Args {
    fn flags(&self) -> Vec<(String, String)> {
        let flags = [
            flag("listen", self.listen.as_deref()),
            flag("issuer", self.issuer.as_deref()),
            flag("tls.certificate", self.tls_certificate.as_deref()),
            flag("tls.private_key", self.tls_key.as_deref()),
            flag("behind_proxy", self.behind_proxy.then_some("true")),
            flag("trusted_proxies", self.trusted_proxies.as_deref()),
            flag("log.format", self.log_format.as_deref()),
            flag("log.level", self.log_level.as_deref()),
        ];
        flags.into_iter().flatten().collect()
    }
}

/// Serves until told to stop, then finishes what is under way.
pub(crate) async fn run(args: Args) -> Result<()> {
    let config = args.settings.resolve(args.flags())?;
    let stop = stop_signal(args.with_parent)?;
    install_telemetry(&config.log_level, config.log_format);
    let data = config.data.display().to_string();
    let hangup = signal(SignalKind::hangup()).context("failed to listen for SIGHUP")?;
    let running = start(config).await?;
    let gateway = match args.gateway {
        Some(rules) => match gateway::beside(&running, rules).await {
            Ok(gateway) => Some(gateway),
            Err(error) => {
                running.shut_down().await;
                return Err(error);
            }
        },
        None => None,
    };
    if args.json {
        announce(&running, gateway.as_ref(), &data);
    } else {
        welcome(&running, &data, &args.settings.as_flags());
        if let Some(gateway) = &gateway {
            gateway::welcome(gateway);
        }
    }
    until_stopped(stop, gateway.as_ref(), hangup).await;
    // What stands in front stops first: it asks the server until then.
    if let Some(gateway) = gateway {
        gateway.shut_down().await;
    }
    running.shut_down().await;
    Ok(())
}

async fn until_stopped(stop: impl Future<Output = ()>, gateway: Option<&Gateway>, hangup: Signal) {
    let Some(gateway) = gateway else { return stop.await };
    tokio::select! {
        () = stop => {}
        () = gateway::reload(gateway, hangup) => {}
    }
}

async fn start(config: Config) -> Result<Running> {
    let address = config.listen;
    let started =
        menshen_server::run(config, Arc::new(SystemClock::new()), Arc::new(SystemEntropy)).await;
    let advice = match &started {
        Err(StartError::Listen(..)) => format!("another address than {address}, with --listen"),
        Err(StartError::Store(_)) => "check store.url, or --data for another folder".to_owned(),
        Err(StartError::Keys(_)) => {
            "the key-encryption.key that this database was made with".to_owned()
        }
        _ => return started.context("failed to start the server"),
    };
    started.context("failed to start the server").advise(advice)
}

/// Waits for SIGINT, SIGTERM or, if so told, the end of the parent.
pub(crate) fn stop_signal(with_parent: bool) -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = parent::gone(), if with_parent => {}
        }
    })
}

/// For scripts: everything they need, on one line.
fn announce(running: &Running, gateway: Option<&Gateway>, data: &str) {
    let gateway = gateway.map(gateway::addresses);
    let secret = running.admin_secret.as_ref().map(Secret::expose);
    let line = json!({
        "issuer": running.issuer,
        "address": running.address.to_string(),
        "data": data,
        "gateway": gateway,
        "admin": secret.map(|secret| json!({ "client_id": "admin", "client_secret": secret })),
    });
    anstream::println!("{line}");
}

fn welcome(running: &Running, data: &str, flags: &str) {
    let issuer = running.issuer.as_str();
    let version = env!("CARGO_PKG_VERSION");
    anstream::println!("\n{} {version} is ready.\n", paint(STRONG, "Menshen"));
    output::facts(&[("issuer", &paint(ACCENT, issuer)), ("data", data)]);
    if let Some(secret) = &running.admin_secret {
        bootstrap(issuer, secret, flags);
    }
    warn_of_legacy_clients(running, flags);
    anstream::println!("\n{}", paint(STRONG, "What next"));
    let app = format!("menshen client add shop-app --public --first-party --scope openid{flags}");
    output::facts(&[
        ("add somebody", &format!("menshen user add ada{flags}")),
        ("add an app", &app),
        ("add an API", &format!("menshen client add orders --scope revocations:read{flags}")),
        ("see it work", "menshen demo"),
        ("every setting", "menshen config"),
        ("stop", "Ctrl-C"),
    ]);
    anstream::println!();
}

/// Switches that weaken a server are not forgotten.
fn warn_of_legacy_clients(running: &Running, flags: &str) {
    for id in &running.legacy_clients {
        anstream::println!("\n{} {id} may use legacy grants.", paint(BAD, "Warning:"));
        anstream::println!(
            "  Tokens in the address bar and passwords in an app's hands are easily stolen.\n  \
             Take it back: menshen client change {id} --legacy-grants=false{flags}"
        );
    }
}

/// Shown on the first start, and never again.
fn bootstrap(issuer: &str, secret: &Secret, flags: &str) {
    let secret = secret.expose();
    let once = "(shown this once: keep it now)";
    anstream::println!("\n{} {}", paint(STRONG, "For the admin API"), paint(FAINT, once));
    output::facts(&[("client id", "admin"), ("client secret", &paint(ACCENT, secret))]);
    anstream::println!("\n  A token for it:\n");
    anstream::println!(
        "    curl -s {issuer}/token -u admin:{secret} \\\n      \
         -d grant_type=client_credentials -d scope=admin"
    );
    anstream::println!(
        "\n  Another secret, if this one is lost: menshen client secret admin{flags}"
    );
}
