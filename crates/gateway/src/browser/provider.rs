//! An OpenID Connect provider that browsers sign in at, seen as its client: ours or anybody's.

mod id_token;
mod metadata;

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use menshen_token::Timestamp;
use reqwest::{RequestBuilder, Response};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use self::metadata::Known;
use crate::gateway::Gateway;
use crate::vault::{Login, Tokens};

use self::id_token::Expected;
pub(crate) use self::id_token::{LOGOUT_TOKEN_LIFETIME, Person};
pub(crate) use self::metadata::{Directory, is_safe};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(8);

const ANSWER_LIMIT_BYTES: usize = 1024 * 1024;

/// Tokens are exchanged so long before they expire, or in the last quarter of their life.
const EARLY: Duration = Duration::from_secs(30);

/// What a client is told who asks a provider, and does not get it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    /// It cannot be reached, does not answer as it should, or is too busy. Says nothing about
    /// whoever signed in.
    #[error("the provider does not answer: {0}")]
    Outage(String),
    /// The code or refresh token is worth nothing any more.
    #[error("the provider says: {0}")]
    Gone(String),
    /// What it sent does not hold.
    #[error("what the provider sent does not hold: {0}")]
    Untrue(&'static str),
}

/// A provider, and the client that we are there.
pub(crate) struct LoginProvider {
    /// What logs call it.
    pub(crate) name: String,
    /// The name that rules choose it by; `None` for what they get without one.
    pub(crate) login: Option<String>,
    /// Its `iss`, letter by letter.
    pub(crate) issuer: String,
    /// Who we are.
    pub(crate) client_id: String,
    /// Whether the verifier follows it, so that access tokens have the last word.
    pub(crate) is_ours: bool,
    /// Where browsers go after a logout.
    pub(crate) after_logout: Option<Url>,
    pub(super) secret: Option<String>,
    pub(super) scope: String,
    pub(super) http: reqwest::Client,
    pub(super) directory: Directory,
}

impl fmt::Debug for LoginProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginProvider").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// The answer of a token endpoint (RFC 6749 section 5.1).
#[derive(Deserialize)]
struct Granted {
    access_token: Option<String>,
    refresh_token: Option<String>,
    id_token: Option<String>,
    expires_in: Option<u64>,
    scope: Option<String>,
}

/// An error of an endpoint (RFC 6749 section 5.2).
#[derive(Default, Deserialize)]
struct Refused {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: Option<String>,
}

/// What a login came to.
#[derive(Debug)]
pub(crate) struct SignedIn {
    /// Who it is.
    pub(crate) person: Person,
    /// Their tokens.
    pub(crate) tokens: Tokens,
    /// What was granted.
    pub(crate) scope: String,
}

impl LoginProvider {
    /// Where to send a browser that signs in (OpenID Connect Core 1.0 section 3.1.2.1).
    pub(crate) async fn authorization_url(
        &self,
        gateway: &Gateway,
        login: &Login,
        (state, acr): (&str, &[String]),
    ) -> Result<Url, ProviderError> {
        let known = self.known(gateway).await?;
        let mut url = known.metadata.authorization_endpoint.clone();
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &login.redirect_uri)
            .append_pair("scope", &self.scope)
            .append_pair("state", state)
            .append_pair("nonce", &login.nonce)
            .append_pair("code_challenge", crate::vault::Fingerprint::of(&login.verifier).as_str())
            .append_pair("code_challenge_method", "S256");
        if !acr.is_empty() {
            query.append_pair("acr_values", &acr.join(" "));
        }
        if let Some(max_age) = login.max_age {
            query.append_pair("max_age", &max_age.as_secs().to_string());
        }
        drop(query);
        Ok(url)
    }

    /// Whether an answer comes from this provider (RFC 9207).
    pub(crate) async fn sent(
        &self,
        gateway: &Gateway,
        issuer: Option<&str>,
    ) -> Result<bool, ProviderError> {
        let known = self.known(gateway).await?;
        Ok(match issuer {
            Some(issuer) => issuer == self.issuer,
            None => !known.metadata.authorization_response_iss_parameter_supported,
        })
    }

    /// Exchanges a code for tokens, and reads who signed in.
    pub(crate) async fn redeem(
        &self,
        gateway: &Gateway,
        code: &str,
        login: &Login,
    ) -> Result<SignedIn, ProviderError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &login.redirect_uri),
            ("code_verifier", &login.verifier),
        ];
        let granted = self.ask_for_tokens(gateway, &form).await?;
        let id_token = granted.id_token.as_deref().ok_or(ProviderError::Untrue("no ID token"))?;
        let expected = Expected { nonce: Some(&login.nonce), max_age: login.max_age };
        let person = self.read_id_token(gateway, id_token, &expected).await?;
        let scope = granted.scope.clone().unwrap_or_else(|| self.scope.clone());
        Ok(SignedIn { person, tokens: granted.into_tokens(gateway.now(), None), scope })
    }

    /// Exchanges the refresh token of a session.
    pub(crate) async fn refresh(
        &self,
        gateway: &Gateway,
        held: &Tokens,
    ) -> Result<Tokens, ProviderError> {
        let Some(refresh_token) = &held.refresh else {
            return Err(ProviderError::Gone("there is no refresh token".to_owned()));
        };
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        let granted = self.ask_for_tokens(gateway, &form).await?;
        Ok(granted.into_tokens(gateway.now(), Some(held)))
    }

    /// Tells the provider that a session is over; as well as it can be done from here.
    pub(crate) async fn end(&self, gateway: &Gateway, held: &Tokens) -> Result<(), ProviderError> {
        let token = held.refresh.as_deref().or(held.access.as_deref());
        let Some(token) = token else { return Ok(()) };
        let known = self.known(gateway).await?;
        if self.is_ours {
            // Ends the session whole, not what one client holds of it.
            let url = format!("{}/account/logout", self.issuer.trim_end_matches('/'));
            return success(&send(self.http.post(url).form(&[("token", token)])).await?);
        }
        let Some(url) = known.metadata.revocation_endpoint.clone() else { return Ok(()) };
        let request = self.http.post(url);
        success(&send(self.authenticated(request, &known, &[("token", token)])).await?)
    }

    /// Where to send a browser so that the provider forgets it too (OpenID Connect RP-Initiated
    /// Logout 1.0).
    pub(crate) async fn end_session_url(&self, gateway: &Gateway, held: &Tokens) -> Option<Url> {
        let known = self.known(gateway).await.ok()?;
        let mut url = known.metadata.end_session_endpoint.clone()?;
        let mut query = url.query_pairs_mut();
        query.append_pair("client_id", &self.client_id);
        if let Some(hint) = &held.id {
            query.append_pair("id_token_hint", hint);
        }
        if let Some(after) = &self.after_logout {
            query.append_pair("post_logout_redirect_uri", after.as_str());
        }
        drop(query);
        Some(url)
    }

    async fn known(&self, gateway: &Gateway) -> Result<std::sync::Arc<Known>, ProviderError> {
        self.directory.known(self, gateway.monotonic()).await
    }

    async fn ask_for_tokens(
        &self,
        gateway: &Gateway,
        form: &[(&str, &str)],
    ) -> Result<Granted, ProviderError> {
        let known = self.known(gateway).await?;
        let request = self.http.post(known.metadata.token_endpoint.clone());
        let answer = send(self.authenticated(request, &known, form)).await?;
        let status = answer.status();
        let body = body(answer).await?;
        if status.is_success() {
            return serde_json::from_slice(&body)
                .map_err(|_| ProviderError::Outage("the answer holds no tokens".to_owned()));
        }
        let refused: Refused = serde_json::from_slice(&body).unwrap_or_default();
        let said = refused.error_description.unwrap_or_else(|| refused.error.clone());
        if status == StatusCode::BAD_REQUEST && refused.error == GONE {
            return Err(ProviderError::Gone(said));
        }
        Err(ProviderError::Outage(format!("{status} {said}")))
    }

    /// Proves who we are in the way that the provider takes (RFC 6749 section 2.3.1).
    fn authenticated(
        &self,
        request: RequestBuilder,
        known: &Known,
        form: &[(&str, &str)],
    ) -> RequestBuilder {
        let mut form = form.to_vec();
        let Some(secret) = &self.secret else {
            form.push(("client_id", &self.client_id));
            return request.form(&form);
        };
        if known.metadata.takes_basic() {
            let encoded = |text: &str| -> String {
                form_urlencoded::byte_serialize(text.as_bytes()).collect()
            };
            let pair = format!("{}:{}", encoded(&self.client_id), encoded(secret));
            let line = format!("Basic {}", STANDARD.encode(pair));
            return request.header(http::header::AUTHORIZATION, line).form(&form);
        }
        form.extend([("client_id", self.client_id.as_str()), ("client_secret", secret)]);
        request.form(&form)
    }
}

/// The code that says that nothing stands behind a code or refresh token (RFC 6749 section 5.2).
const GONE: &str = "invalid_grant";

impl Granted {
    /// `before` has what the answer leaves out.
    fn into_tokens(self, now: Timestamp, before: Option<&Tokens>) -> Tokens {
        // A provider that does not say how long is asked again after a while.
        let lifetime = Duration::from_secs(self.expires_in.unwrap_or(300));
        Tokens {
            access: self.access_token,
            refresh: self
                .refresh_token
                .or_else(|| before.and_then(|before| before.refresh.clone())),
            id: before.map_or(self.id_token, |before| before.id.clone()),
            expires_at: now + lifetime,
            refresh_at: now + lifetime.saturating_sub(EARLY.min(lifetime / 4)),
        }
    }
}

async fn send(request: RequestBuilder) -> Result<Response, ProviderError> {
    let sent = request.timeout(REQUEST_TIMEOUT).header(http::header::ACCEPT, "application/json");
    sent.send().await.map_err(|error| ProviderError::Outage(error.without_url().to_string()))
}

fn success(answer: &Response) -> Result<(), ProviderError> {
    let status = answer.status();
    if status.is_success() { Ok(()) } else { Err(ProviderError::Outage(status.to_string())) }
}

async fn body(mut answer: Response) -> Result<Vec<u8>, ProviderError> {
    let mut body = Vec::new();
    let outage = |error: reqwest::Error| ProviderError::Outage(error.without_url().to_string());
    while let Some(chunk) = answer.chunk().await.map_err(outage)? {
        if body.len() + chunk.len() > ANSWER_LIMIT_BYTES {
            return Err(ProviderError::Outage("more than a mebibyte".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
