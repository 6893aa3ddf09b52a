//! `grant_type=password` (RFC 6749 section 4.3), which OAuth 2.1 dropped: for old clients whose
//! policy says `legacy_grants`, until they have learned better.

use std::net::IpAddr;

use axum::response::Response;
use menshen_domain::User;
use menshen_domain::session::Authentication;

use super::TokenRequest;
use super::at_once::Entrance;
use crate::error::OAuthError;
use crate::sign_in;

/// Lets a user in whose password the client was told.
pub(super) async fn answer(request: &TokenRequest<'_>) -> Result<Response, OAuthError> {
    let entrance = Entrance::read(request).await?;
    let (user, authentication) = proved(request, request.address()).await?;
    entrance.open(request, &user, authentication).await
}

/// Whoever knows the password in the form, and the one-time password (`otp`) where one is due; slowed
/// down by the address that they are said to come from.
pub(in crate::oauth) async fn proved(
    request: &TokenRequest<'_>,
    address: IpAddr,
) -> Result<(User, Authentication), OAuthError> {
    let (app, form) = (request.app, request.form);
    let (username, password) = (form.require("username")?, form.require("password")?);
    let code = form.text("otp");
    let proved = sign_in::by_password_and_code(app, address, username, password, code).await;
    proved.map_err(|error| match error {
        OAuthError::AccessDenied | OAuthError::WrongOneTimePassword => {
            OAuthError::InvalidGrant(None)
        }
        other => other,
    })
}
