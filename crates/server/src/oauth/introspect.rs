//! `POST /introspect`: what the database knows about a token at this moment (RFC 7662).

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use menshen_domain::refresh_token::Presented;
use menshen_token::{AccessToken, ClientId};
use serde_json::{Map, Value, json};

use super::client_auth;
use crate::app::App;
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
    let body = Json(description.unwrap_or_else(|| json!({ "active": false })));
    Ok(([(header::CACHE_CONTROL, "no-store")], body).into_response())
}

/// Who asks.
enum Reader {
    /// A verifier, or whoever else may look at every token.
    Any,
    /// A client that may look at its own tokens and at those that are meant for it.
    Client(ClientId),
}

impl Reader {
    fn may_see(&self, owner: &ClientId, audience: &[String]) -> bool {
        match self {
            Self::Any => true,
            Self::Client(id) => id == owner || audience.iter().any(|meant| meant == id.as_str()),
        }
    }
}

/// A confidential client, or the bearer of a token that allows it.
async fn reader(app: &App, headers: &HeaderMap, form: &Form) -> Result<Reader, OAuthError> {
    if has_token(headers) {
        sender::authenticate(app, &Method::POST, PATH, headers).await?.require(READ_ALL)?;
        return Ok(Reader::Any);
    }
    let client = client_auth::authenticate_confidential(app, headers, form).await?;
    if client.policy.scope.contains(READ_ALL) {
        Ok(Reader::Any)
    } else {
        Ok(Reader::Client(client.id.clone()))
    }
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
        "sub": grant.user_id,
        "iss": app.config.issuer(),
        "exp": grant.idle_expires_at.min(grant.absolute_expires_at).as_seconds(),
        "iat": grant.rotated_at.as_seconds(),
        "sid": grant.session_id,
        "grant": grant.id,
        "token_type": "refresh_token",
    })))
}
