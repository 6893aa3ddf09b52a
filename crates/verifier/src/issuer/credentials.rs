//! How a verifier proves to the issuer that it may follow the feed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use menshen_token::Clock;
use reqwest::RequestBuilder;
use serde::Deserialize;
use tokio::sync::Mutex;
use url::form_urlencoded::byte_serialize;

use super::{IssuerError, document, send, success};

/// What a verifier presents to the issuer: a token with the scope `revocations:read`, or the
/// means to get one. Not shown by `Debug`.
#[derive(Clone)]
pub struct Credentials(Kind);

#[derive(Clone)]
enum Kind {
    Token(String),
    Client { id: String, secret: String },
}

impl Credentials {
    /// A token as it is. When it expires, the feed ends and the verifier goes stale: for tests and
    /// short-lived programs.
    pub fn token(token: impl Into<String>) -> Self {
        Self(Kind::Token(token.into()))
    }

    /// A Client that may ask for tokens by the client credentials grant (RFC 6749 section 4.4).
    pub fn client(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self(Kind::Client { id: id.into(), secret: secret.into() })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Token(_) => f.write_str("Credentials::token(..)"),
            Kind::Client { id, .. } => write!(f, "Credentials::client({id:?}, ..)"),
        }
    }
}

/// A bearer token, fetched when there is none, kept until it grows old or is refused.
#[derive(Debug)]
pub(super) struct Bearer {
    credentials: Credentials,
    clock: Arc<dyn Clock>,
    fetched: Mutex<Option<Fetched>>,
}

struct Fetched {
    token: String,
    /// On the monotonic clock.
    renew_at: Duration,
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetched(..)")
    }
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl Bearer {
    pub(super) fn new(credentials: Credentials, clock: Arc<dyn Clock>) -> Self {
        Self { credentials, clock, fetched: Mutex::new(None) }
    }

    pub(super) async fn token(
        &self,
        http: &reqwest::Client,
        issuer_url: &str,
    ) -> Result<String, IssuerError> {
        let (id, secret) = match &self.credentials.0 {
            Kind::Token(token) => return Ok(token.clone()),
            Kind::Client { id, secret } => (id, secret),
        };
        // Held while fetching, so that two tasks do not fetch two.
        let mut fetched = self.fetched.lock().await;
        let asked_at = self.clock.monotonic();
        if let Some(held) = &*fetched
            && asked_at < held.renew_at
        {
            return Ok(held.token.clone());
        }
        let form = [("grant_type", "client_credentials"), ("scope", "revocations:read")];
        let request = http.post(format!("{issuer_url}/token")).form(&form);
        let response: TokenResponse =
            document(success(send(basic_auth(request, id, secret)).await?)?).await?;
        let lifetime = Duration::from_secs(response.expires_in.unwrap_or(60).min(86_400));
        let renew_at = asked_at + lifetime * 4 / 5;
        let token = response.access_token.clone();
        *fetched = Some(Fetched { token: response.access_token, renew_at });
        Ok(token)
    }

    /// The issuer refused this token: the next one is fetched.
    pub(super) async fn forget(&self, token: &str) {
        let mut fetched = self.fetched.lock().await;
        if fetched.as_ref().is_some_and(|held| held.token == token) {
            *fetched = None;
        }
    }

    /// Authenticates a request as the Client itself where there is one.
    pub(super) async fn authenticate(
        &self,
        request: RequestBuilder,
        http: &reqwest::Client,
        issuer_url: &str,
    ) -> Result<RequestBuilder, IssuerError> {
        match &self.credentials.0 {
            Kind::Client { id, secret } => Ok(basic_auth(request, id, secret)),
            Kind::Token(_) => Ok(request.bearer_auth(self.token(http, issuer_url).await?)),
        }
    }
}

/// HTTP Basic with both parts form-encoded first, as RFC 6749 section 2.3.1 asks.
fn basic_auth(request: RequestBuilder, id: &str, secret: &str) -> RequestBuilder {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    request.basic_auth(encoded(id), Some(encoded(secret)))
}
