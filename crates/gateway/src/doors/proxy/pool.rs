//! Connections to the services behind, kept and used again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::aws_lc_rs;

use super::body::Outgoing;
use super::tls;
use crate::config::{Config, Problem, Protocol, Upstream};

/// Connections to every service behind.
#[derive(Default)]
pub(crate) struct Pools(papaya::HashMap<Arc<Upstream>, Arc<Pool>>);

impl Pools {
    /// Opens a pool for each service, and lets go of those that are no longer named: their
    /// connections close with the requests that still use them.
    ///
    /// # Errors
    ///
    /// [`Problem`] when the root certificate of a service cannot be read.
    pub(crate) fn prepare(&self, config: &Config) -> Result<(), Problem> {
        for upstream in config.upstreams.values() {
            self.of(upstream)?;
        }
        let named = |upstream: &Arc<Upstream>| config.upstreams.values().any(|u| u == upstream);
        self.0.pin().retain(|upstream, _| named(upstream));
        Ok(())
    }

    /// The connections to one service.
    ///
    /// # Errors
    ///
    /// [`Problem`] when its root certificate cannot be read.
    pub(super) fn of(&self, upstream: &Arc<Upstream>) -> Result<Arc<Pool>, Problem> {
        let pools = self.0.pin();
        if let Some(pool) = pools.get(upstream) {
            return Ok(Arc::clone(pool));
        }
        let pool = Arc::new(Pool::open(upstream)?);
        Ok(Arc::clone(pools.get_or_insert(Arc::clone(upstream), pool)))
    }
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.pin().keys().map(|upstream| upstream.url.as_str())).finish()
    }
}

pub(super) type HttpClient = Client<HttpsConnector<HttpConnector>, Outgoing>;

/// Connections to one service.
pub(super) struct Pool {
    /// For requests.
    pub(super) requests: HttpClient,
    /// For requests that ask for another protocol. It takes the connection over, so none is kept,
    /// and HTTP/2 has none to give.
    pub(super) upgrades: HttpClient,
}

impl Pool {
    fn open(upstream: &Upstream) -> Result<Self, Problem> {
        let plain = connector(upstream, Protocol::Http1)?;
        let upgrades = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .set_host(false)
            .build(plain);
        let requests = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(KEPT_FOR)
            .pool_max_idle_per_host(KEPT)
            .http2_only(upstream.protocol == Protocol::Http2)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .set_host(false)
            .build(connector(upstream, upstream.protocol)?);
        Ok(Self { requests, upgrades })
    }
}

/// Shorter than services usually keep idle connections, so that few are closed under our hands.
const KEPT_FOR: Duration = Duration::from_secs(30);
const KEPT: usize = 256;
const KEEP_ALIVE: Duration = Duration::from_secs(30);

fn connector(
    upstream: &Upstream,
    protocol: Protocol,
) -> Result<HttpsConnector<HttpConnector>, Problem> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(upstream.connect_within));
    let builder = HttpsConnectorBuilder::new();
    let trusting = match &upstream.ca {
        Some(ca) => builder.with_tls_config(tls::trusting(ca)?),
        None => builder
            .with_provider_and_webpki_roots(aws_lc_rs::default_provider())
            .map_err(|error| Problem::elsewhere(upstream.url.as_str(), error.to_string()))?,
    };
    let trusting = trusting.https_or_http();
    Ok(match protocol {
        Protocol::Http1 => trusting.enable_http1().wrap_connector(http),
        Protocol::Http2 => trusting.enable_http2().wrap_connector(http),
    })
}
