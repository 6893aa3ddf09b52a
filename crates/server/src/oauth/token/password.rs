//! `grant_type=password` (RFC 6749 section 4.3), which OAuth 2.1 dropped: for old clients whose
//! policy says `legacy_grants`, until they have learned better.

use axum::response::Response;
use menshen_domain::session::Authentication;

use super::TokenRequest;
use super::at_once::Entrance;
use crate::error::OAuthError;
use crate::sign_in;

/// Lets a user in whose password the client was told.
pub(super) async fn answer(request: &TokenRequest<'_>) -> Result<Response, OAuthError> {
    let (app, form) = (request.app, request.form);
    let (username, password) = (form.require("username")?, form.require("password")?);
    let entrance = Entrance::read(request).await?;
    let user = sign_in::by_password(app, request.address(), username, password).await;
    let user = user.map_err(|error| match error {
        OAuthError::AccessDenied => OAuthError::InvalidGrant(None),
        other => other,
    })?;
    entrance.open(request, &user, Authentication::by_password(app.now())).await
}
