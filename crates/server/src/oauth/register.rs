//! `POST /register`: a client registers itself (RFC 7591, OpenID Connect Dynamic Client
//! Registration 1.0), where the operator lets it.

pub(crate) mod management;
mod sector;
mod submission;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use menshen_domain::throttle::Quota;
use menshen_domain::{Client, Secret};
use menshen_store::{Admission, ClientSecret, Quoted};
use menshen_token::ClientId;
use serde_json::Value;

use self::submission::Submission;
use crate::app::App;
use crate::config::RegistrationMode;
use crate::error::{ApiError, OAuthError};
use crate::sender;

/// The path.
pub(crate) const PATH: &str = "/register";

/// The scope of an initial access token (RFC 7591 section 3).
pub(crate) const SCOPE: &str = "register";

/// Registers a client.
pub(crate) async fn post(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, OAuthError> {
    match app.config.registration.mode {
        RegistrationMode::Off => return Ok(nobody_may()),
        RegistrationMode::Token => initial_access(&app, &headers).await?,
        RegistrationMode::Open => within_quota(&app, peer, &headers).await?,
    }
    let submission = Submission::read(request).await?;
    let client = submission.client(&app)?;
    sector::check(&app, &client.metadata).await?;
    let secret = new_secret(&app, &client);
    let registration_token = Secret::from_random(app.random());
    let client = Client {
        secret_hash: secret.as_ref().map(|(_, kept)| kept.hash.clone()),
        sealed_secret: secret.as_ref().and_then(|(_, kept)| kept.sealed.clone()),
        registration_token_hash: Some(registration_token.hash()),
        ..client
    };
    app.store.create_client(&client).await?;
    tracing::info!(
        client.id = %client.id,
        sender.address = %sender::address(&app, peer, &headers),
        "a client has registered itself"
    );
    let secret = secret.map(|(secret, _)| secret);
    let body = describe(&app, &client, secret.as_ref(), registration_token.expose());
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

/// As if there were no such path.
fn nobody_may() -> Response {
    ApiError::NotFound("resource").into_response()
}

/// An operator's client lets others register, for itself: no user may stand behind the token.
async fn initial_access(app: &App, headers: &HeaderMap) -> Result<(), OAuthError> {
    let caller = sender::authenticate(app, &Method::POST, PATH, headers).await?;
    caller.require(SCOPE)?;
    match caller.token.grant_id {
        None => Ok(()),
        Some(_) => Err(OAuthError::InsufficientScope(SCOPE)),
    }
}

async fn within_quota(app: &App, peer: SocketAddr, headers: &HeaderMap) -> Result<(), OAuthError> {
    let most = app.config.registration.per_hour;
    if most == 0 {
        return Ok(());
    }
    let quota = Quota { most, within: Duration::from_hours(1) };
    let quoted = Quoted::Registrations(sender::address(app, peer, headers));
    match app.store.take_from_quota(&quoted, quota, app.now()).await? {
        Admission::Go => Ok(()),
        Admission::Wait(wait) => Err(OAuthError::TooManyAttempts(wait)),
    }
}

/// A secret for a client whose method of authentication takes one, and what is kept of it.
fn new_secret(app: &App, client: &Client) -> Option<(Secret, ClientSecret)> {
    let method = client.metadata.token_endpoint_auth_method?;
    method.needs_secret().then(|| {
        let secret = Secret::from_random(app.random());
        let sealed = app.keyring.keep_secret(&client.id, &client.metadata, &secret);
        let kept = ClientSecret { hash: secret.hash(), sealed };
        (secret, kept)
    })
}

/// A client as it learns about itself (RFC 7591 section 3.2.1, RFC 7592 section 3). The secret is
/// told once, when it is made.
fn describe(
    app: &App,
    client: &Client,
    secret: Option<&Secret>,
    registration_token: &str,
) -> Value {
    let mut members = client.metadata.to_json();
    let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
    set("client_id", client.id.as_str().into());
    set("client_id_issued_at", client.created_at.as_seconds().into());
    set("client_name", client.name.as_str().into());
    set("scope", client.policy.scope.as_str().into());
    set("registration_client_uri", app.config.endpoint(&path_of(&client.id)).into());
    set("registration_access_token", registration_token.into());
    if let Some(secret) = secret {
        set("client_secret", secret.expose().into());
        set("client_secret_expires_at", 0.into());
    }
    Value::Object(members)
}

fn path_of(id: &ClientId) -> String {
    format!("{PATH}/{id}")
}
