//! `menshen gateway explain`: which rule decides about a request, and why.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context as _, Result, bail};
use menshen_gateway::config::Miss;
use menshen_gateway::{Decision, Facts, Scheme};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{Rules, start};
use crate::output::{self, BAD, FAINT, GOOD, paint};

/// What `menshen gateway explain` takes.
#[derive(Debug, clap::Args)]
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

/// Judges a request and tells how.
pub(super) async fn run(args: Args) -> Result<()> {
    let facts = facts(&args)?;
    let running = start(args.rules).await?;
    let gateway = running.gateway();
    for (rule, miss) in gateway.fits(&facts) {
        let (mark, why) = match miss {
            None => (paint(GOOD, "→"), "is about this request"),
            Some(Miss::Host) => (paint(FAINT, "·"), "is about another host"),
            Some(Miss::Path) => (paint(FAINT, "·"), "is about another path"),
            Some(Miss::Method) => (paint(FAINT, "·"), "is about another method"),
        };
        anstream::println!("{mark} {rule} {why}");
    }
    match gateway.decide(&facts).await {
        Decision::Allow(allowed) => {
            output::done(&format!("let through by {}, as:", allowed.rule));
            for (name, value) in &allowed.headers {
                anstream::println!("  {name}: {}", String::from_utf8_lossy(value.as_bytes()));
            }
        }
        Decision::Redirect(address) => anstream::println!("sent to {address} to sign in"),
        Decision::Preflight(headers) => {
            output::done("answered in place of the service, for the browser that asks:");
            for (name, value) in &headers {
                anstream::println!("  {name}: {}", String::from_utf8_lossy(value.as_bytes()));
            }
        }
        Decision::Refuse(refused) => {
            anstream::println!("{} {}", paint(BAD, refused.status().as_str()), refused.refusal);
            for (name, value) in &refused.headers() {
                anstream::println!("  {name}: {}", String::from_utf8_lossy(value.as_bytes()));
            }
        }
    }
    running.shut_down().await;
    Ok(())
}

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
