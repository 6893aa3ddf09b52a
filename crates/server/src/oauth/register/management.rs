//! `/register/{id}`: a client that has registered itself looks at its registration, changes it, or
//! goes (RFC 7592).

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use menshen_domain::client::AuthMethod;
use menshen_domain::{Client, Secret, SecretHash};
use menshen_store::ClientChange;
use menshen_token::ClientId;
use serde_json::Value;

use super::submission::Submission;
use super::{describe, new_secret, nobody_may, sector};
use crate::app::App;
use crate::config::RegistrationMode;
use crate::error::OAuthError;
use crate::json::Path;
use crate::revoke::count;

/// Shows the registration.
pub(crate) async fn get(
    State(app): State<App>,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Response, OAuthError> {
    if app.config.registration.mode == RegistrationMode::Off {
        return Ok(nobody_may());
    }
    let owned = authenticate(&app, &id, &headers).await?;
    Ok(shown(&app, &owned.client, None, &owned.token))
}

/// Puts another registration in the place of the one before.
pub(crate) async fn put(
    State(app): State<App>,
    Path(id): Path,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, OAuthError> {
    if app.config.registration.mode == RegistrationMode::Off {
        return Ok(nobody_may());
    }
    let Owned { client: before, token } = authenticate(&app, &id, &headers).await?;
    let submission = Submission::read(request).await?;
    check_own(&submission, &before)?;
    let client = submission.applied_to(&app, before.clone())?;
    sector::check(&app, &client.metadata).await?;
    // Only a secret that is not there yet, or not as it is needed from now on, is made.
    let signs = client.metadata.token_endpoint_auth_method == Some(AuthMethod::ClientSecretJwt);
    let has = before.secret_hash.is_some() && (before.sealed_secret.is_some() || !signs);
    let secret = if has { None } else { new_secret(&app, &client) };
    let change = ClientChange {
        name: Some(client.name.clone()),
        metadata: Some(client.metadata.clone()),
        policy: Some(client.policy.clone()),
        secret: secret.as_ref().map(|(_, kept)| kept.clone()),
    };
    if !app.store.change_client(&client.id, &change).await? {
        return Err(OAuthError::InvalidToken);
    }
    app.clients.forget(&client.id);
    let secret = secret.map(|(secret, _)| secret);
    Ok(shown(&app, &client, secret.as_ref(), &token))
}

/// Ends everything that the client has; it can do nothing from then on.
pub(crate) async fn delete(
    State(app): State<App>,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Response, OAuthError> {
    if app.config.registration.mode == RegistrationMode::Off {
        return Ok(nobody_may());
    }
    let client = authenticate(&app, &id, &headers).await?.client;
    if let Some(receipt) = app.store.disable_client(&client.id, app.now()).await? {
        count(&receipt);
    }
    app.clients.forget(&client.id);
    tracing::info!(client.id = %client.id, "a client has ended its registration");
    Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response())
}

fn shown(app: &App, client: &Client, secret: Option<&Secret>, token: &Secret) -> Response {
    let body = describe(app, client, secret, token.expose());
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// A client, and the registration access token that shows it to be the caller's own.
struct Owned {
    client: Client,
    token: Secret,
}

/// One answer for a wrong token, another client's, and a client that is not there or that nobody
/// may manage.
async fn authenticate(app: &App, id: &str, headers: &HeaderMap) -> Result<Owned, OAuthError> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let line = lines.next().ok_or(OAuthError::MissingToken)?;
    if lines.next().is_some() {
        return Err(OAuthError::InvalidRequest("there must be one Authorization header"));
    }
    let (scheme, token) =
        line.to_str().ok().and_then(|line| line.split_once(' ')).ok_or(OAuthError::InvalidToken)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(OAuthError::InvalidToken);
    }
    let token = Secret::new(token.trim_start_matches(' ').to_owned());
    let client = match id.parse::<ClientId>() {
        Ok(id) => app.store.find_client(&id).await?,
        Err(_) => None,
    };
    let hash = client.as_ref().and_then(|client| client.registration_token_hash.clone());
    let decoy = SecretHash::of(b"");
    let is_own = hash.as_ref().unwrap_or(&decoy).matches(&token) && hash.is_some();
    let client = client.filter(|client| is_own && client.disabled_at.is_none());
    client.map(|client| Owned { client, token }).ok_or(OAuthError::InvalidToken)
}

/// What a client may say of what is not its own to change (RFC 7592 section 2.2).
fn check_own(submission: &Submission, client: &Client) -> Result<(), OAuthError> {
    let refused = |sentence: &str| OAuthError::InvalidClientMetadata(sentence.to_owned());
    let text = |name: &str| submission.members.get(name).and_then(Value::as_str);
    if text("client_id") != Some(client.id.as_str()) {
        return Err(refused("`client_id` is that of the client"));
    }
    let own = [
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
    ];
    if own.iter().any(|name| submission.members.contains_key(*name)) {
        return Err(refused("the server alone says when and where a client is registered"));
    }
    let secret = submission.members.get("client_secret");
    let known = secret.is_none_or(|secret| {
        secret.as_str().is_some_and(|text| client.authenticates(&Secret::new(text.to_owned())))
    });
    if known { Ok(()) } else { Err(refused("`client_secret` is not what it is")) }
}
