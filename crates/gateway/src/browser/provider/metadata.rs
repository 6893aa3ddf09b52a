//! What a provider says about itself (OpenID Connect Discovery 1.0), and its keys, kept for a while.

use std::sync::Arc;
use std::time::Duration;

use menshen_token::ForeignKeys;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use url::{Host, Url};

use super::{LoginProvider, ProviderError, body, send};

/// How long it is believed.
const KEPT: Duration = Duration::from_mins(10);

/// How soon it is asked again because of a key that it did not name, or because it did not answer.
const COOLDOWN: Duration = Duration::from_secs(5);

/// The metadata of a provider, as far as we act on it.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    jwks_uri: Url,
    pub(super) revocation_endpoint: Option<Url>,
    pub(super) end_session_endpoint: Option<Url>,
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

impl Metadata {
    /// Whether it takes HTTP Basic at the token endpoint, which it does when it does not say.
    pub(super) fn takes_basic(&self) -> bool {
        let methods = self.token_endpoint_auth_methods_supported.as_ref();
        methods.is_none_or(|methods| methods.iter().any(|name| name == "client_secret_basic"))
    }
}

/// One reading.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) metadata: Metadata,
    pub(super) keys: ForeignKeys,
    read_at: Duration,
}

/// The last reading, made again when it is due. Whoever needs it meanwhile waits for that one.
#[derive(Debug)]
pub(crate) struct Directory {
    /// Whether plain HTTP is permitted, beyond this machine.
    plain_http: bool,
    last: Mutex<Option<Arc<Known>>>,
}

impl Directory {
    pub(crate) fn new(plain_http: bool) -> Self {
        Self { plain_http, last: Mutex::default() }
    }

    pub(super) async fn known(
        &self,
        provider: &LoginProvider,
        now: Duration,
    ) -> Result<Arc<Known>, ProviderError> {
        self.read_if(provider, now, |known| now.saturating_sub(known.read_at) > KEPT).await
    }

    /// Reads again because of a key that it did not name; not too often.
    pub(super) async fn known_anew(
        &self,
        provider: &LoginProvider,
        now: Duration,
    ) -> Result<Arc<Known>, ProviderError> {
        self.read_if(provider, now, |known| now.saturating_sub(known.read_at) > COOLDOWN).await
    }

    async fn read_if(
        &self,
        provider: &LoginProvider,
        now: Duration,
        is_due: impl Fn(&Known) -> bool,
    ) -> Result<Arc<Known>, ProviderError> {
        let mut last = self.last.lock().await;
        if let Some(known) = last.as_ref().filter(|known| !is_due(known)) {
            return Ok(Arc::clone(known));
        }
        match (self.read(provider, now).await, last.as_ref()) {
            (Ok(known), _) => {
                let known = Arc::new(known);
                *last = Some(Arc::clone(&known));
                Ok(known)
            }
            // What it said before is better than nothing.
            (Err(error), Some(known)) => {
                tracing::warn!(error = %error, issuer = provider.issuer, "could not read metadata");
                Ok(Arc::clone(known))
            }
            (Err(error), None) => Err(error),
        }
    }

    async fn read(&self, provider: &LoginProvider, now: Duration) -> Result<Known, ProviderError> {
        let issuer = provider.issuer.trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let metadata: Metadata = document(provider, &url).await?;
        if metadata.issuer != provider.issuer {
            return Err(ProviderError::Outage("metadata of another issuer".to_owned()));
        }
        let urls = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
        let more = [&metadata.revocation_endpoint, &metadata.end_session_endpoint];
        let urls: Vec<&Url> = urls.into_iter().chain(more.into_iter().flatten()).collect();
        if let Some(url) = urls.iter().find(|url| !is_safe(url, self.plain_http)) {
            return Err(ProviderError::Outage(format!("{url} is not https")));
        }
        let keys = document(provider, metadata.jwks_uri.as_str()).await?;
        let keys = ForeignKeys::from_value(keys)
            .map_err(|_| ProviderError::Outage("no JWK set".to_owned()))?;
        Ok(Known { metadata, keys, read_at: now })
    }
}

/// Whether what is sent there stays between the provider and us.
pub(crate) fn is_safe(url: &Url, plain_http: bool) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && (plain_http || is_here))
}

async fn document<T: DeserializeOwned>(
    provider: &LoginProvider,
    url: &str,
) -> Result<T, ProviderError> {
    let answer = send(provider.http.get(url)).await?;
    if !answer.status().is_success() {
        return Err(ProviderError::Outage(format!("{} for {url}", answer.status())));
    }
    serde_json::from_slice(&body(answer).await?)
        .map_err(|_| ProviderError::Outage(format!("{url} is another document than asked for")))
}
