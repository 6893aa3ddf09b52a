//! Describe a verifier, then start it.

use std::sync::Arc;
use std::time::Duration;

use menshen_token::{Clock, Expectations, MAX_LEEWAY, SystemClock};
use reqwest::Certificate;
use url::{Host, Url};

use crate::follower::{self, Follower};
use crate::freshness::Freshness;
use crate::issuer::Issuer;
use crate::key_cache::KeyCache;
use crate::verifier::Shared;
use crate::{Credentials, Policy, Verifier};

/// What a verifier shall be. Begin with [`Verifier::builder`], end with
/// [`VerifierBuilder::start`].
#[derive(Debug)]
pub struct VerifierBuilder {
    issuer: String,
    audience: Vec<String>,
    any_audience: bool,
    follows_feed: bool,
    credentials: Option<Credentials>,
    name: Option<String>,
    root_certificates: Vec<Vec<u8>>,
    plain_http: bool,
    clock: Arc<dyn Clock>,
    policy: Policy,
    max_staleness: Duration,
    leeway: Duration,
    cache_capacity: usize,
    key_cooldown: Duration,
}

/// Why a verifier cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The issuer is not an absolute `http` or `https` URL without query and fragment.
    #[error("issuer is not a URL")]
    InvalidIssuer,
    /// Plain HTTP to another machine: whoever sits between could keep a logout from us.
    #[error("issuer must use https, or be on this machine, unless plain HTTP is allowed")]
    PlainHttp,
    /// No audience was named: tokens meant for any other API would be accepted here.
    #[error("no audience was named")]
    MissingAudience,
    /// The name is not 1 to 64 letters, digits, dots, dashes and underscores.
    #[error("name is not 1 to 64 letters, digits, dots, dashes and underscores")]
    InvalidName,
    /// No credentials for the feed were named.
    #[error("no credentials for the feed were named")]
    MissingCredentials,
    /// The root certificate is no PEM certificate.
    #[error("root certificate is not PEM")]
    InvalidCertificate,
    /// The HTTP client cannot be built, for example because the system has no root certificates.
    #[error("no HTTPS client can be built")]
    Client(#[source] reqwest::Error),
    /// Called outside of a tokio runtime, where the background tasks have nowhere to run.
    #[error("not called within a tokio runtime")]
    NoRuntime,
}

impl VerifierBuilder {
    pub(crate) fn new(issuer: String) -> Self {
        Self {
            issuer,
            audience: Vec::new(),
            any_audience: false,
            follows_feed: true,
            credentials: None,
            name: None,
            root_certificates: Vec::new(),
            plain_http: false,
            clock: Arc::new(SystemClock::new()),
            policy: Policy::default(),
            max_staleness: Duration::from_secs(5),
            leeway: Duration::from_secs(5),
            cache_capacity: 32_768,
            key_cooldown: Duration::from_secs(10),
        }
    }

    /// Who we are in `aud`. Required; call it again to go by several names.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience.push(audience.into());
        self
    }

    /// Takes tokens whoever they are meant for. Only for a gateway, which judges the audience
    /// itself, route by route.
    #[must_use]
    pub fn any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// Follows no feed: only [`Verifier::admit_by`] accepts anything, by rules that are kept
    /// elsewhere.
    #[must_use]
    pub fn without_feed(mut self) -> Self {
        self.follows_feed = false;
        self
    }

    /// What lets us follow the feed. Required.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// What the issuer calls us in its metrics: 1 to 64 letters, digits, dots, dashes and
    /// underscores. Our client id by default.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Trusts a certificate (PEM) besides those that the system trusts. May be called again.
    #[must_use]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }

    /// Allows plain HTTP to another machine, where something else protects the connection.
    #[must_use]
    pub fn allow_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Where the time comes from. The machine's clock by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// What to do while the rules are too old. [`Policy::Introspect`] by default; a layer may
    /// have its own.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// How old the rules may be. 5 seconds by default. The issuer gives a sign of life once a
    /// second: less than two of them makes the verifier doubt without need.
    #[must_use]
    pub fn max_staleness(mut self, max_staleness: Duration) -> Self {
        self.max_staleness = max_staleness;
        self
    }

    /// How far the issuer's clock may run ahead of ours. 5 seconds by default, at most 60.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway.min(MAX_LEEWAY);
        self
    }

    /// How many verified tokens are remembered, at about 2 KiB each. 32,768 by default; 0
    /// remembers none.
    #[must_use]
    pub fn cache_capacity(mut self, tokens: usize) -> Self {
        self.cache_capacity = tokens;
        self
    }

    /// How long after a token under an unknown key the keys are not fetched for another one.
    /// 10 seconds by default.
    #[must_use]
    pub fn key_cooldown(mut self, cooldown: Duration) -> Self {
        self.key_cooldown = cooldown;
        self
    }

    /// Starts to follow the issuer, in the background, and returns at once. Nothing is accepted
    /// before keys and a first snapshot have arrived: see [`Verifier::ready`].
    ///
    /// # Errors
    ///
    /// [`BuildError`]; that the issuer cannot be reached is none, it will be tried again.
    pub fn start(self) -> Result<Verifier, BuildError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let http = self.http_client()?;
        if self.audience.is_empty() && !self.any_audience {
            return Err(BuildError::MissingAudience);
        }
        if self.name.as_deref().is_some_and(|name| !is_name(name)) {
            return Err(BuildError::InvalidName);
        }
        let credentials = self.credentials.clone().ok_or(BuildError::MissingCredentials)?;
        let issuer_name = self.issuer.clone();
        let (name, clock) = (self.name.clone(), Arc::clone(&self.clock));
        let issuer = Arc::new(Issuer::new(http, &self.issuer, credentials, name, clock));
        let follows_feed = self.follows_feed;
        let shared = Arc::new(self.into_shared());
        let (keys_shared, keys_issuer) = (Arc::clone(&shared), Arc::clone(&issuer));
        let fetching = async move {
            let arrived = || keys_shared.tell();
            keys_shared.keys.run(&keys_issuer, &issuer_name, arrived).await;
        };
        let mut tasks = vec![runtime.spawn(fetching).abort_handle()];
        if follows_feed {
            let follower = Follower::new(Arc::clone(&shared), Arc::clone(&issuer));
            let acknowledging =
                follower::acknowledge(Arc::clone(&issuer), follower.acknowledgments());
            tasks.push(runtime.spawn(acknowledging).abort_handle());
            tasks.push(runtime.spawn(follower.run()).abort_handle());
        }
        Ok(Verifier::new(shared, Some(issuer), tasks))
    }

    pub(crate) fn into_shared(self) -> Shared {
        let expected = Expectations {
            issuer: self.issuer,
            audience: (!self.any_audience).then_some(self.audience),
            leeway: self.leeway,
        };
        let keys = KeyCache::new(self.cache_capacity, self.key_cooldown);
        let freshness = Freshness::new(self.max_staleness);
        let mut shared = Shared::new(self.clock, expected, self.policy, freshness, keys);
        shared.holds_rules = self.follows_feed;
        shared
    }

    fn http_client(&self) -> Result<reqwest::Client, BuildError> {
        let url = Url::parse(&self.issuer).map_err(|_| BuildError::InvalidIssuer)?;
        let encrypted = match url.scheme() {
            "https" => true,
            "http" if self.plain_http || is_loopback(&url) => false,
            "http" => return Err(BuildError::PlainHttp),
            _ => return Err(BuildError::InvalidIssuer),
        };
        if url.query().is_some() || url.fragment().is_some() || !url.has_host() {
            return Err(BuildError::InvalidIssuer);
        }
        let mut certificates = Vec::new();
        for pem in &self.root_certificates {
            let found = Certificate::from_pem_bundle(pem).unwrap_or_default();
            if found.is_empty() {
                return Err(BuildError::InvalidCertificate);
            }
            certificates.extend(found);
        }
        let client = reqwest::Client::builder()
            .user_agent(concat!("menshen-verifier/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            // Over HTTP/2 a feed that is opened anew would share the dead or clogged connection
            // that it was opened anew to escape.
            .http1_only()
            .pool_idle_timeout(Duration::from_secs(20))
            .connect_timeout(Duration::from_secs(3));
        let client = if encrypted {
            client.tls_certs_merge(certificates)
        } else {
            // No certificate will be looked at, and a system without any shall do.
            client.tls_certs_only(certificates)
        };
        client.build().map_err(BuildError::Client)
    }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost" || domain.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
