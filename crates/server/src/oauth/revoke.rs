//! `POST /revoke`: a client gives a token back (RFC 7009).
//!
//! A token that belongs to another client is left alone, and the answer does not say so: it is
//! the one that an unknown token gets.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use menshen_domain::Client;
use menshen_domain::refresh_token::Presented;
use menshen_store::Target;
use menshen_token::Reason;

use super::client_auth;
use crate::app::App;
use crate::error::OAuthError;
use crate::form::Form;
use crate::sender::own_token;

/// The path.
pub(crate) const PATH: &str = "/revoke";

/// Ends what a token belongs to. `token_type_hint` may be given, and may be wrong: a token shows
/// what it is.
pub(crate) async fn post(
    State(app): State<App>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, OAuthError> {
    let client = client_auth::authenticate(&app, &headers, &form).await?;
    let token = form.require("token")?;
    if let Some(target) = target(&app, &client, token).await? {
        crate::revoke::revoke(&app, target, Reason::TokenRevoked).await?;
    }
    Ok((StatusCode::OK, [(header::CACHE_CONTROL, "no-store")]).into_response())
}

/// What a token of this client stands for: its grant, or itself when it has none. Superseded
/// and expired ones count as long as they are genuine.
async fn target(app: &App, client: &Client, token: &str) -> Result<Option<Target>, OAuthError> {
    if let Some(presented) = Presented::parse(&app.keyring.mac_keys(), token) {
        let grant = app.store.find_grant(presented.grant_id).await?;
        let grant = grant.filter(|grant| presented.derives_from(&grant.seed));
        let grant = grant.filter(|grant| grant.client_id == client.id);
        return Ok(grant.map(|grant| Target::Grant(grant.id)));
    }
    let found = own_token::genuine(app, token).await?;
    let Some(token) = found.filter(|token| token.client_id == client.id) else { return Ok(None) };
    // What was got in exchange for a token of another client ends alone.
    Ok(match token.grant_id.filter(|_| token.actor.is_none()) {
        Some(grant_id) => Some(Target::Grant(grant_id)),
        None if token.expires_at <= app.now() => None,
        None => Some(Target::Token { jti: token.jti, expires_at: token.expires_at }),
    })
}
