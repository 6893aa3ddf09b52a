//! Token exchange (RFC 8693) by which a gateway gets what stands behind an opaque access token,
//! written as a JWT: the same token in another form. Both say the same `jti`, `sid`, `grant` and
//! client, so that whatever kills one of them kills the other.

use axum::response::Response;

use super::super::token::TokenRequest;
use super::super::token::response::{self, ACCESS_TOKEN, Extras};
use crate::error::OAuthError;
use crate::sender::own_token::{self, OPAQUE_PREFIX};

/// The type that asks for it (RFC 8693 section 3).
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// Whether a request asks for a token in another form.
pub(in crate::oauth) fn is_asked(request: &TokenRequest<'_>) -> bool {
    request.form.text("requested_token_type") == Some(JWT)
}

/// Writes a live opaque token as a JWT.
pub(in crate::oauth) async fn answer(request: &TokenRequest<'_>) -> Result<Response, OAuthError> {
    let (app, client, form) = (request.app, &request.client, request.form);
    if !client.is_gateway() {
        return Err(OAuthError::UnauthorizedClient);
    }
    let subject = form.require("subject_token")?;
    if form.require("subject_token_type")? != ACCESS_TOKEN {
        return Err(OAuthError::InvalidRequest("only access tokens can be exchanged"));
    }
    let changes = ["actor_token", "audience", "resource", "scope"];
    if changes.iter().any(|name| form.text(name).is_some()) {
        return Err(OAuthError::InvalidRequest("a token in another form says the same"));
    }
    let worthless = || OAuthError::InvalidSubjectToken(None);
    if !subject.starts_with(OPAQUE_PREFIX) {
        return Err(worthless());
    }
    let token = own_token::live(app, subject).await?.ok_or_else(worthless)?;
    if app.store.is_revoked(&token, app.now()).await?.is_some() {
        return Err(worthless());
    }
    response::of_signed_token(app, client, token, Extras::of_exchange(JWT)).await
}
