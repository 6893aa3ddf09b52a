//! `grant_type=password` (RFC 6749 section 4.3), which OAuth 2.1 dropped: for old clients whose
//! policy says `legacy_grants`, until they have learned better.

use axum::response::Response;

use super::TokenRequest;
use super::at_once::Entrance;
use crate::error::OAuthError;
use crate::sign_in;

/// Lets a user in whose password the client was told.
pub(super) async fn answer(request: &TokenRequest<'_>) -> Result<Response, OAuthError> {
    let (app, form) = (request.app, request.form);
    let (username, password) = (form.require("username")?, form.require("password")?);
    let entrance = Entrance::read(request).await?;
    let (address, code) = (request.address(), form.text("otp"));
    let proved = sign_in::by_password_and_code(app, address, username, password, code).await;
    let (user, authentication) = proved.map_err(|error| match error {
        OAuthError::AccessDenied | OAuthError::WrongOneTimePassword => {
            OAuthError::InvalidGrant(None)
        }
        other => other,
    })?;
    entrance.open(request, &user, authentication).await
}
