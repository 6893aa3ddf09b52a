//! The issuer as seen over HTTP: metadata, keys, feed, acknowledgments, introspection.
//!
//! Nothing here is on the path of a request, except introspection while the feed is silent.

mod credentials;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use menshen_token::{Clock, KeySet, Seq};
use reqwest::{RequestBuilder, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

pub use credentials::Credentials;

const DOCUMENT_LIMIT_BYTES: usize = 1024 * 1024;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long keys may be kept before they are fetched again, whatever the issuer says.
const KEYS_KEPT: std::ops::RangeInclusive<Duration> =
    Duration::from_mins(1)..=Duration::from_hours(1);

/// Why the issuer did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssuerError {
    #[error("issuer is unreachable")]
    Unreachable(#[from] reqwest::Error),
    #[error("issuer did not answer in time")]
    Late,
    #[error("issuer answered {0}")]
    Status(StatusCode),
    #[error("issuer answered with {0}")]
    Document(&'static str),
}

#[derive(Debug)]
pub(crate) struct Issuer {
    http: reqwest::Client,
    /// Without a slash at its end.
    url: String,
    credentials: credentials::Bearer,
    name: Option<String>,
}

impl Issuer {
    pub(crate) fn new(
        http: reqwest::Client,
        url: &str,
        credentials: Credentials,
        name: Option<String>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let url = url.trim_end_matches('/').to_owned();
        Self { http, url, credentials: credentials::Bearer::new(credentials, clock), name }
    }

    /// The keys, found through the metadata (RFC 8414), and how long they may be kept.
    pub(crate) async fn keys(
        &self,
        expected_issuer: &str,
    ) -> Result<(KeySet, Duration), IssuerError> {
        #[derive(Deserialize)]
        struct Metadata {
            issuer: String,
            jwks_uri: String,
        }
        let url = format!("{}/.well-known/oauth-authorization-server", self.url);
        let metadata: Metadata = document(success(send(self.http.get(url)).await?)?).await?;
        if metadata.issuer != expected_issuer {
            return Err(IssuerError::Document("metadata of another issuer"));
        }
        let response = success(send(self.http.get(metadata.jwks_uri)).await?)?;
        let kept = max_age(&response).clamp(*KEYS_KEPT.start(), *KEYS_KEPT.end());
        let keys = KeySet::from_json(&body(response).await?)
            .map_err(|_| IssuerError::Document("no JWK set"))?;
        if keys.is_empty() {
            return Err(IssuerError::Document("no key that we can use"));
        }
        Ok((keys, kept))
    }

    /// Opens the feed, to go on after a position or to begin with a snapshot.
    pub(crate) async fn open_feed(&self, after: Option<Seq>) -> Result<Response, IssuerError> {
        let token = self.credentials.token(&self.http, &self.url).await?;
        let mut request = self
            .http
            .get(format!("{}/feed", self.url))
            .header(ACCEPT, "text/event-stream")
            .bearer_auth(&token);
        if let Some(name) = &self.name {
            request = request.query(&[("verifier", name)]);
        }
        if let Some(after) = after {
            request = request.header("last-event-id", after.to_string());
        }
        // The answer goes on forever: only its beginning has a time limit.
        let response = tokio::time::timeout(REQUEST_TIMEOUT, request.send())
            .await
            .map_err(|_| IssuerError::Late)??;
        if response.status() == StatusCode::UNAUTHORIZED {
            self.credentials.forget(&token).await;
        }
        let response = success(response)?;
        let content_type = response.headers().get(CONTENT_TYPE);
        if content_type.is_some_and(|found| found.as_bytes().starts_with(b"text/event-stream")) {
            Ok(response)
        } else {
            Err(IssuerError::Document("something else than an event stream"))
        }
    }

    /// Tells how far this verifier has applied a stream.
    pub(crate) async fn acknowledge(&self, stream: &str, seq: Seq) -> Result<(), IssuerError> {
        let token = self.credentials.token(&self.http, &self.url).await?;
        let request = self
            .http
            .post(format!("{}/feed/ack", self.url))
            .bearer_auth(&token)
            .json(&json!({ "stream": stream, "seq": seq }));
        let response = send(request).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            self.credentials.forget(&token).await;
        }
        success(response).map(drop)
    }

    /// Whether a token is alive (RFC 7662).
    pub(crate) async fn introspect(&self, token: &str) -> Result<bool, IssuerError> {
        #[derive(Deserialize)]
        struct Answer {
            active: bool,
        }
        let request = self
            .http
            .post(format!("{}/introspect", self.url))
            .header(ACCEPT, "application/json")
            .form(&[("token", token), ("token_type_hint", "access_token")]);
        let request = self.credentials.authenticate(request, &self.http, &self.url).await?;
        let answer: Answer = document(success(send(request).await?)?).await?;
        Ok(answer.active)
    }
}

async fn send(request: RequestBuilder) -> Result<Response, IssuerError> {
    Ok(request.timeout(REQUEST_TIMEOUT).send().await?)
}

fn success(response: Response) -> Result<Response, IssuerError> {
    if response.status().is_success() {
        Ok(response)
    } else {
        Err(IssuerError::Status(response.status()))
    }
}

async fn document<T: DeserializeOwned>(response: Response) -> Result<T, IssuerError> {
    serde_json::from_slice(&body(response).await?)
        .map_err(|_| IssuerError::Document("another document than asked for"))
}

async fn body(mut response: Response) -> Result<Bytes, IssuerError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > DOCUMENT_LIMIT_BYTES {
            return Err(IssuerError::Document("more than a mebibyte"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// `max-age` of RFC 9111 section 5.2.2.1; zero when the answer names none.
fn max_age(response: &Response) -> Duration {
    let values = response.headers().get_all(CACHE_CONTROL).iter();
    let directives = values.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    let mut ages = directives.filter_map(|directive| {
        let (name, seconds) = directive.trim().split_once('=')?;
        name.eq_ignore_ascii_case("max-age").then(|| seconds.trim_matches('"').parse().ok())?
    });
    ages.next().map(Duration::from_secs).unwrap_or_default()
}
