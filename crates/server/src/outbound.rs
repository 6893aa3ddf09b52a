//! The one door for requests that we send to addresses somebody else chose: a client's
//! `jwks_uri`, `request_uri`, `sector_identifier_uri` or `backchannel_logout_uri`.
//!
//! Nobody may have us knock at what only we can reach. Where a request really goes is judged
//! when the connection is made, so that a name which answers differently the second time gains
//! nothing; redirects are not followed, proxies not asked, and no answer is read past its limit.

mod addresses;
mod resolver;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{self, HeaderMap};
use ipnet::IpNet;
use reqwest::{Certificate, RequestBuilder, redirect};
use url::{Host, Url};

use self::addresses::Reach;
use self::resolver::{Forbidden, Lookup, Resolver};

/// How long a request may take in all, up to the last byte of its answer.
const WITHIN: Duration = Duration::from_secs(5);

/// The longest answer that is read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What the operator says about requests that we send.
#[derive(Clone, Debug, Default)]
pub struct OutboundSettings {
    /// Networks that may be reached although they are not public.
    pub allowed_networks: Vec<IpNet>,
    /// PEM file with roots that are trusted beside those of the system.
    pub ca: Option<PathBuf>,
}

/// Requests cannot be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The file with further roots cannot be read.
    #[error("cannot read the certificates in {}", .0.display())]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// The file holds no certificate, or a damaged one.
    #[error("there is no usable certificate in {}", .0.display())]
    NoCertificate(PathBuf),
    /// The parts of the client do not fit together.
    #[error("cannot prepare outgoing requests")]
    Client(#[source] reqwest::Error),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// Not a URL that we send anything to. The sentence says why.
    #[error("{0}")]
    Address(&'static str),
    /// Nobody answered in time, or not so that we could trust or read it.
    #[error("no usable answer")]
    Unreachable(#[source] reqwest::Error),
    /// The answer is longer than what is read.
    #[error("the answer is too long")]
    TooLong,
}

/// What was answered: any status and any type, for the caller to judge.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    /// The status; a redirect is one as well, and was not followed.
    pub(crate) status: StatusCode,
    #[cfg_attr(not(test), expect(dead_code, reason = "for documents that are not tokens"))]
    /// The media type without parameters, in lower case; empty when there is none.
    pub(crate) media_type: String,
    /// The body, 64 KiB at most.
    pub(crate) body: Bytes,
}

/// The door. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outbound {
    http: reqwest::Client,
    reach: Arc<Reach>,
}

impl Outbound {
    /// Makes the door.
    ///
    /// # Errors
    ///
    /// [`OutboundError`].
    pub fn open(settings: &OutboundSettings) -> Result<Self, OutboundError> {
        Self::with_lookup(settings, &resolver::system())
    }

    fn with_lookup(settings: &OutboundSettings, lookup: &Lookup) -> Result<Self, OutboundError> {
        let roots = settings.ca.as_deref().map(roots).transpose()?.unwrap_or_default();
        let reach = Arc::new(Reach::new(settings.allowed_networks.clone()));
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("menshen/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .no_proxy()
                .dns_resolver(Resolver { reach: reach.clone(), lookup: lookup.clone() })
                .timeout(WITHIN)
        };
        let http = builder().tls_certs_merge(roots.clone()).build().or_else(|error| {
            // A system without any roots shall do: not every server sends requests.
            tracing::info!(cause = ?error, "the system has no root certificates to trust");
            builder().tls_certs_only(roots).build()
        });
        Ok(Self { http: http.map_err(OutboundError::Client)?, reach })
    }

    /// Fetches a document.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub(crate) async fn get(&self, url: &Url, accept: &str) -> Result<Fetched, Refused> {
        self.judge(url)?;
        self.send(self.http.get(url.clone()).header(header::ACCEPT, accept)).await
    }

    /// Posts a form; with which status it was answered. What else the answer says is not read.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub(crate) async fn post_form(
        &self,
        url: &Url,
        form: &[(&str, &str)],
    ) -> Result<StatusCode, Refused> {
        self.judge(url)?;
        let response = self.http.post(url.clone()).form(form).send().await.map_err(refused)?;
        Ok(response.status())
    }

    /// Whether we would send anything there, as far as the URL tells; names are judged by what
    /// they resolve to, when that is known.
    ///
    /// # Errors
    ///
    /// [`Refused::Address`].
    pub(crate) fn judge(&self, url: &Url) -> Result<(), Refused> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Address("a URL here carries no credentials"));
        }
        let loopback = match url.host() {
            Some(Host::Domain(name)) => resolver::is_local(name),
            Some(Host::Ipv4(address)) => self.judge_address(address.into())?,
            Some(Host::Ipv6(address)) => self.judge_address(address.into())?,
            None => return Err(Refused::Address("a URL here names a host")),
        };
        match url.scheme() {
            "https" => Ok(()),
            "http" if loopback => Ok(()),
            _ => Err(Refused::Address("a URL here is https")),
        }
    }

    /// Whether it is a loopback address, if it may be reached at all. The resolver never sees
    /// these.
    fn judge_address(&self, address: std::net::IpAddr) -> Result<bool, Refused> {
        if self.reach.holds(address) {
            Ok(address.to_canonical().is_loopback())
        } else {
            Err(Refused::Address("the address is not public"))
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Fetched, Refused> {
        let mut response = request.send().await.map_err(refused)?;
        if response.content_length().is_some_and(|length| length > MAX_ANSWER_BYTES as u64) {
            return Err(Refused::TooLong);
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(refused)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(Refused::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        let media_type = media_type(response.headers());
        Ok(Fetched { status: response.status(), media_type, body: body.freeze() })
    }
}

fn roots(path: &Path) -> Result<Vec<Certificate>, OutboundError> {
    let pem =
        std::fs::read(path).map_err(|error| OutboundError::Unreadable(path.to_owned(), error))?;
    let found = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if found.is_empty() { Err(OutboundError::NoCertificate(path.to_owned())) } else { Ok(found) }
}

fn media_type(headers: &HeaderMap) -> String {
    let found = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = found.unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// A name that led where nobody may go is told apart from one that led nowhere.
fn refused(error: reqwest::Error) -> Refused {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if error.is::<Forbidden>() {
            return Refused::Address("the host has no public address");
        }
        cause = error.source();
    }
    // Where it was sent is the caller's to say.
    Refused::Unreachable(error.without_url())
}

#[cfg(test)]
mod tests;
