//! `GET` and `POST /userinfo`: who the bearer of an access token is (OpenID Connect Core 1.0
//! section 5.3), as the database knows it now and not as the token said it then.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use menshen_domain::User;
use menshen_token::AccessToken;
use serde_json::Value;

use crate::app::App;
use crate::error::OAuthError;
use crate::sender;

/// The path.
pub(crate) const PATH: &str = "/userinfo";

/// Who the bearer is.
pub(crate) async fn get(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, OAuthError> {
    answer(&app, &method, &headers).await
}

/// Who the bearer is.
pub(crate) async fn post(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, OAuthError> {
    answer(&app, &method, &headers).await
}

async fn answer(app: &App, method: &Method, headers: &HeaderMap) -> Result<Response, OAuthError> {
    let caller = sender::authenticate(app, method, PATH, headers).await?;
    // A client that acts for itself is nobody's user, whatever its name.
    if caller.token.grant_id.is_none() {
        return Err(OAuthError::InvalidToken);
    }
    let user = app.store.find_user(&caller.token.subject).await?;
    let user = user.filter(|user| user.disabled_at.is_none()).ok_or(OAuthError::InvalidToken)?;
    let body = Json(description(user));
    Ok(([(header::CACHE_CONTROL, "no-store")], body).into_response())
}

fn description(user: User) -> Value {
    let mut members = user.claims;
    members.retain(|name, _| !AccessToken::RESERVED_CLAIMS.contains(&name.as_str()));
    members.insert("sub".to_owned(), user.id.as_str().into());
    members.insert("preferred_username".to_owned(), user.username.as_str().into());
    if !user.roles.is_empty() {
        members.insert("roles".to_owned(), user.roles.into());
    }
    Value::Object(members)
}
