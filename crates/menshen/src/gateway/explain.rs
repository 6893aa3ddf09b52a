//! `menshen gateway explain`: which rule decides about a request, and why.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use menshen_gateway::config::{Access, Config, Miss};
use menshen_gateway::{Decision, Facts, Fit, Gateway, Scheme, SystemEntropy};
use menshen_token::SystemClock;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::Rules;
use crate::output::{self, BAD, FAINT, GOOD, paint};

/// What `menshen gateway explain` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The request is really judged: a ticket in it is used up, a wrong password in it is counted.

Examples:
  menshen gateway explain GET https://api.example.com/orders/7
  menshen gateway explain POST https://api.example.com/orders -H 'Authorization: Bearer ..'")]
pub(super) struct Args {
    /// The method, such as GET
    method: Method,
    /// The whole URL, letter by letter as a client would send it
    url: String,
    /// A header of the request, as in curl; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The client's address
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
    #[command(flatten)]
    rules: Rules,
}

/// Judges a request and tells how, beside a gateway that runs or without one.
pub(super) async fn run(args: Args) -> Result<()> {
    let facts = facts(&args)?;
    let config = Config::read(&args.rules.rules)?;
    let (clock, entropy) = (Arc::new(SystemClock::new()), Arc::new(SystemEntropy));
    let alone = Gateway::new(config.clone(), None, clock, entropy);
    let fits = alone.fits(&facts);
    for fit in &fits {
        tell_fit(fit);
    }
    let decides = fits.last().filter(|fit| fit.miss.is_none());
    let needs_provider = config.rules.iter().any(|rule| {
        decides.is_some_and(|fit| fit.rule == rule.name)
            && matches!(rule.access, Access::Authenticated(_))
    });
    let gateway = if needs_provider { open(args.rules).await? } else { alone };
    tell(gateway.decide(&facts).await);
    Ok(())
}

/// How long to wait for the provider.
const PATIENCE: Duration = Duration::from_secs(10);

async fn open(rules: Rules) -> Result<Gateway> {
    let gateway = super::open(rules).await?;
    if tokio::time::timeout(PATIENCE, gateway.ready()).await.is_err() {
        anstream::eprintln!("the provider does not answer: {}", gateway.readiness());
    }
    Ok(gateway)
}

fn tell_fit(fit: &Fit) {
    let (mark, why) = match fit.miss {
        None => (paint(GOOD, "→"), "is about this request"),
        Some(Miss::Host) => (paint(FAINT, "·"), "is about another host"),
        Some(Miss::Path) => (paint(FAINT, "·"), "is about another path"),
        Some(Miss::Method) => (paint(FAINT, "·"), "is about another method"),
    };
    anstream::println!("{mark} {} (line {}) {why}", fit.rule, fit.line);
}

fn tell(decision: Decision) {
    let headers = match decision {
        Decision::Allow(allowed) => {
            output::done(&format!("let through by {}, as:", allowed.rule));
            allowed.headers
        }
        Decision::Redirect(address) => {
            anstream::println!("sent to {address} to sign in");
            return;
        }
        Decision::Preflight(headers) => {
            output::done("answered in place of the service, for the browser that asks:");
            headers
        }
        Decision::Refuse(refused) => {
            let status = refused.status();
            anstream::println!("{} {}", paint(BAD, status.as_str()), refused.refusal);
            refused.headers()
        }
    };
    for (name, value) in &headers {
        let tells = !SECRET.contains(&name.as_str());
        let value = if tells { String::from_utf8_lossy(value.as_bytes()) } else { "..".into() };
        anstream::println!("  {name}: {value}");
    }
}

/// Headers that give access, and so are not shown.
const SECRET: [&str; 3] = ["authorization", "x-auth-jwt", "cookie"];

fn facts(args: &Args) -> Result<Facts> {
    let (scheme, rest) = args.url.split_once("://").context("the URL has no scheme")?;
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => bail!("the URL must begin with http:// or https://"),
    };
    let at = rest.find('/').unwrap_or(rest.len());
    let (host, target) = rest.split_at(at);
    let target = if target.is_empty() { "/" } else { target };
    let mut headers = HeaderMap::new();
    for line in &args.headers {
        let (name, value) = line.split_once(':').with_context(|| format!("{line}: no colon"))?;
        let name: HeaderName = name.trim().parse().with_context(|| format!("header {name}"))?;
        let value: HeaderValue = value.trim().parse().with_context(|| format!("header {name}"))?;
        headers.append(name, value);
    }
    Ok(Facts {
        method: args.method.clone(),
        scheme,
        host: host.to_owned(),
        target: target.to_owned(),
        headers,
        address: args.address,
    })
}
