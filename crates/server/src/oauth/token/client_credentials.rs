//! `grant_type=client_credentials`: a client acts for itself (RFC 6749 section 4.4). No session
//! stands behind its token, and nothing is stored.

use std::time::Duration;

use axum::response::Response;
use menshen_token::{AccessToken, Jti};
use serde_json::Map;

use super::TokenRequest;
use super::resource;
use super::response::{self, Extras};
use crate::error::OAuthError;

/// Gives a token whose subject is the client.
pub(super) async fn answer(request: &TokenRequest<'_>) -> Result<Response, OAuthError> {
    let (app, client) = (request.app, &request.client);
    if !client.is_confidential() {
        return Err(OAuthError::UnauthorizedClient);
    }
    let policy = &client.policy;
    let scope = response::narrowed(request, &policy.scope)?;
    let scope = scope.unwrap_or_else(|| policy.scope.clone());
    let audience = resource::named(request)?.unwrap_or_else(|| policy.audience.clone());
    let scope = resource::scope_at(&audience, scope, policy);
    let confirmation = response::proof(request).await?;
    // Issued when the client was last known to be allowed: if it has been disabled since, the
    // rule that says so kills this token.
    let issued_at = client.as_of - Duration::from_millis(1);
    let lifetime = policy.access_token_lifetime(app.config.access_token_ceiling);
    let token = AccessToken {
        key_id: response::unsigned(),
        issuer: app.config.issuer().to_owned(),
        subject: client.id.as_str().parse().map_err(|_| OAuthError::Internal)?,
        audience: response::audience(app, &audience, &scope),
        expires_at: issued_at + lifetime,
        issued_at,
        not_before: None,
        jti: Jti::from_bytes(app.random()),
        client_id: client.id.clone(),
        session_id: None,
        grant_id: None,
        scope,
        auth_time: None,
        acr: None,
        amr: Vec::new(),
        roles: Vec::new(),
        confirmation,
        actor: None,
        custom: Map::new(),
    };
    response::of_token(app, client, token, Extras::default()).await
}
