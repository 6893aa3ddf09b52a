//! The provider's token endpoint, where what people show becomes access tokens. That it does not
//! answer, or answers that it cannot tell, is an outage and never a refusal.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use http::StatusCode;
use http::header::RETRY_AFTER;
use menshen_token::digest::DigestKey;
use reqwest::Response;
use serde::Deserialize;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::config::Provider;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer may be.
const LIMIT_BYTES: usize = 256 * 1024;

/// How many questions may be under way: the others wait, and a flood does not become the provider's.
const MOST_UNDER_WAY: usize = 64;

/// How long before it expires a token is no longer handed out.
const MARGIN: Duration = Duration::from_secs(5);

/// Why nothing was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// What was shown is worth nothing.
    Refused,
    /// It is right, and not enough.
    NotEnough,
    /// Too many attempts from this address or at this account.
    TooMany(Duration),
    /// It cannot be told.
    Outage,
}

/// What was given.
#[derive(Debug)]
pub(super) struct Given {
    /// A JWT.
    pub(super) access_token: Zeroizing<String>,
    /// What further digests of the same user are judged by.
    pub(super) digest_key: Option<DigestKey>,
    /// How long it may be handed out.
    pub(super) good_for: Duration,
}

/// The token endpoint, and who we are there.
pub(super) struct TokenEndpoint {
    http: reqwest::Client,
    url: String,
    client_id: String,
    client_secret: Zeroizing<String>,
    under_way: Arc<Semaphore>,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    expires_in: u64,
    #[serde(default)]
    digest_key: Option<String>,
}

#[derive(Deserialize)]
struct ErrorResponse {
    error: String,
}

impl TokenEndpoint {
    pub(super) fn new(http: reqwest::Client, provider: &Provider, client_secret: &str) -> Self {
        Self {
            http,
            url: format!("{}/token", provider.issuer.trim_end_matches('/')),
            client_id: provider.client_id.clone(),
            client_secret: Zeroizing::new(client_secret.to_owned()),
            under_way: Arc::new(Semaphore::new(MOST_UNDER_WAY)),
        }
    }

    /// Asks for a token.
    pub(super) async fn ask(&self, form: &[(&str, &str)]) -> Result<Given, Denied> {
        let asked = tokio::time::timeout(TIMEOUT, self.send(form)).await;
        asked.unwrap_or_else(|_| {
            tracing::warn!("the provider did not answer in time");
            Err(Denied::Outage)
        })
    }

    async fn send(&self, form: &[(&str, &str)]) -> Result<Given, Denied> {
        let _permit = self.under_way.acquire().await.map_err(|_| Denied::Outage)?;
        // Both parts are form-encoded first, as RFC 6749 section 2.3.1 asks.
        let encoded =
            |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let request = self
            .http
            .post(&self.url)
            .basic_auth(encoded(&self.client_id), Some(encoded(&self.client_secret)))
            .form(form);
        let response = request.send().await.map_err(|error| outage(&error))?;
        match response.status() {
            StatusCode::OK => given(response).await,
            StatusCode::TOO_MANY_REQUESTS => Err(Denied::TooMany(retry_after(&response))),
            StatusCode::BAD_REQUEST => Err(denied(response).await),
            status => {
                tracing::error!(status = %status, "the provider does not take our questions");
                Err(Denied::Outage)
            }
        }
    }
}

async fn given(response: Response) -> Result<Given, Denied> {
    let body = body(response).await?;
    let answer: TokenResponse = serde_json::from_slice(&body).map_err(|error| outage(&error))?;
    let digest_key = answer.digest_key.as_deref().map(str::parse).transpose();
    let lifetime = Duration::from_secs(answer.expires_in.min(3600));
    Ok(Given {
        access_token: Zeroizing::new(answer.access_token),
        digest_key: digest_key.map_err(|_| Denied::Outage)?,
        good_for: lifetime.saturating_sub(MARGIN).max(lifetime / 2),
    })
}

/// What people show may be wrong; what we ask for ourselves must not be.
async fn denied(response: Response) -> Denied {
    let Ok(body) = body(response).await else { return Denied::Outage };
    let Ok(ErrorResponse { error }) = serde_json::from_slice(&body) else { return Denied::Outage };
    match error.as_str() {
        "invalid_grant" | "invalid_request" => Denied::Refused,
        "insufficient_authorization" => Denied::NotEnough,
        _ => {
            tracing::error!(error.code = error, "the provider does not know us as a gateway");
            Denied::Outage
        }
    }
}

async fn body(mut response: Response) -> Result<BytesMut, Denied> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| outage(&error))? {
        if body.len() + chunk.len() > LIMIT_BYTES {
            return Err(Denied::Outage);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn retry_after(response: &Response) -> Duration {
    let value = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    Duration::from_secs(value.and_then(|text| text.parse().ok()).unwrap_or(1))
}

fn outage(error: &dyn std::error::Error) -> Denied {
    tracing::warn!(error = %error, "the provider could not be asked");
    Denied::Outage
}

impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenEndpoint").field("url", &self.url).finish_non_exhaustive()
    }
}
