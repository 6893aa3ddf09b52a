//! `POST /introspect`: what the database knows about a token at this moment (RFC 7662), signed for
//! those who have to show it to somebody (RFC 9701).

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use menshen_domain::Client;
use menshen_domain::refresh_token::Presented;
use menshen_token::{AccessToken, ClientId};
use serde_json::{Map, Value, json};

use super::client_auth;
use super::token::response;
use crate::app::App;
use crate::client_cache::Known;
use crate::error::OAuthError;
use crate::form::Form;
use crate::sender::{self, own_token};

/// The path.
pub(crate) const PATH: &str = "/introspect";

/// The scope of those who may look at every token.
const READ_ALL: &str = "revocations:read";

/// Describes a token, or says that it is not active and nothing else.
pub(crate) async fn post(
    State(app): State<App>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, OAuthError> {
    let reader = reader(&app, &headers, &form).await?;
    let token = form.require("token")?;
    let description = match Presented::parse(&app.keyring.mac_keys(), token) {
        Some(presented) => describe_refresh_token(&app, &reader, &presented).await?,
        None => describe_access_token(&app, &reader, token).await?,
    };
    let description = description.unwrap_or_else(|| json!({ "active": false }));
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    match &reader.client {
        Some(client) if wants_signed(&headers) => {
            let signed = sign(&app, client, &description).await?;
            let content_type = format!("application/{SIGNED}");
            Ok((no_store, [(header::CONTENT_TYPE, content_type)], signed).into_response())
        }
        _ => Ok((no_store, Json(description)).into_response()),
    }
}

/// The type of a signed answer (RFC 9701 section 5).
const SIGNED: &str = "token-introspection+jwt";

/// Whether the answer is asked for as a JWT.
fn wants_signed(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let mut ranges = lines.flat_map(|line| line.split(','));
    ranges.any(|range| {
        let essence = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        essence.strip_prefix("application/") == Some(SIGNED)
    })
}

/// The answer as a JWT for the client that asks, and for nobody else.
async fn sign(app: &App, client: &Client, description: &Value) -> Result<String, OAuthError> {
    let algorithm = client.signed_with(client.metadata.introspection_signed_response_alg);
    let claims = json!({
        "iss": app.config.issuer(),
        "aud": client.id,
        "iat": app.now().as_seconds(),
        "token_introspection": description,
    });
    response::sign(app, algorithm, SIGNED, claims.to_string().as_bytes()).await
}

/// Who asks.
struct Reader {
    /// The client that has proved who it is; `None` for whoever holds a token that allows it.
    client: Option<Known>,
    /// Whether it may look at every token, and not only at its own and those meant for it.
    sees_all: bool,
}

impl Reader {
    fn may_see(&self, owner: &ClientId, audience: &[String]) -> bool {
        let concerns = |client: &Known| {
            client.id == *owner || audience.iter().any(|meant| meant == client.id.as_str())
        };
        self.sees_all || self.client.as_ref().is_some_and(concerns)
    }
}

/// A confidential client, or the bearer of a token that allows it.
async fn reader(app: &App, headers: &HeaderMap, form: &Form) -> Result<Reader, OAuthError> {
    if has_token(headers) {
        sender::authenticate(app, &Method::POST, PATH, headers).await?.require(READ_ALL)?;
        return Ok(Reader { client: None, sees_all: true });
    }
    let client = client_auth::authenticate_confidential(app, headers, form).await?;
    let sees_all = client.policy.scope.contains(READ_ALL);
    Ok(Reader { client: Some(client), sees_all })
}

/// Whether the request authorizes itself by an access token and not by client credentials.
fn has_token(headers: &HeaderMap) -> bool {
    headers.get_all(header::AUTHORIZATION).iter().any(|line| {
        let scheme = line.to_str().unwrap_or_default().split(' ').next().unwrap_or_default();
        scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("dpop")
    })
}

async fn describe_access_token(
    app: &App,
    reader: &Reader,
    token: &str,
) -> Result<Option<Value>, OAuthError> {
    let Some(token) = own_token::live(app, token).await? else { return Ok(None) };
    if !reader.may_see(&token.client_id, &token.audience) {
        return Ok(None);
    }
    if app.store.is_revoked(&token, app.now()).await?.is_some() {
        return Ok(None);
    }
    Ok(Some(Value::Object(members(token))))
}

/// The members that RFC 7662 section 2.2 and RFC 9449 section 6.2 name, and what else the token
/// says.
fn members(token: AccessToken) -> Map<String, Value> {
    let mut members = token.custom;
    members.retain(|name, _| !AccessToken::RESERVED_CLAIMS.contains(&name.as_str()));
    let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
    set("active", true.into());
    set("scope", token.scope.as_str().into());
    set("client_id", token.client_id.as_str().into());
    set("sub", token.subject.as_str().into());
    match token.audience.as_slice() {
        [one] => set("aud", one.as_str().into()),
        many => set("aud", many.into()),
    };
    set("iss", token.issuer.into());
    set("exp", token.expires_at.as_seconds().into());
    set("iat", token.issued_at.as_seconds().into());
    set("iat_ms", token.issued_at.as_millis().into());
    set("jti", token.jti.to_string().into());
    if let Some(session_id) = token.session_id {
        set("sid", session_id.to_string().into());
    }
    if let Some(grant_id) = token.grant_id {
        set("grant", grant_id.to_string().into());
    }
    if let Some(auth_time) = token.auth_time {
        set("auth_time", auth_time.as_seconds().into());
    }
    if !token.amr.is_empty() {
        set("amr", token.amr.into());
    }
    if !token.roles.is_empty() {
        set("roles", token.roles.into());
    }
    if let Some(actor) = token.actor {
        set("act", actor.into());
    }
    match token.confirmation {
        Some(key) => {
            set("token_type", "DPoP".into());
            set("cnf", json!({ "jkt": key }));
        }
        None => drop(set("token_type", "Bearer".into())),
    }
    members
}

/// A refresh token is active while presenting it would rotate it: the current one of a live
/// grant. Looking at it moves nothing.
async fn describe_refresh_token(
    app: &App,
    reader: &Reader,
    presented: &Presented,
) -> Result<Option<Value>, OAuthError> {
    let Some(grant) = app.store.find_grant(presented.grant_id).await? else { return Ok(None) };
    let current = presented.derives_from(&grant.seed)
        && presented.generation == grant.generation
        && grant.ended.is_none()
        && grant.expired(app.now()).is_none();
    if !current || !reader.may_see(&grant.client_id, &grant.audience) {
        return Ok(None);
    }
    Ok(Some(json!({
        "active": true,
        "scope": grant.scope.as_str(),
        "client_id": grant.client_id,
        "sub": grant.subject,
        "iss": app.config.issuer(),
        "exp": grant.idle_expires_at.min(grant.absolute_expires_at).as_seconds(),
        "iat": grant.rotated_at.as_seconds(),
        "sid": grant.session_id,
        "grant": grant.id,
        "token_type": "refresh_token",
    })))
}
