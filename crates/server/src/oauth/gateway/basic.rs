//! `grant_type=urn:menshen:params:oauth:grant-type:basic`: user name and password as they came with
//! a request to a gateway (RFC 7617).

use axum::response::Response;

use super::super::token::TokenRequest;
use super::sessionless::{self, Order};
use crate::error::OAuthError;
use crate::sign_in;

/// Gives a token to whoever knows a password, and has the code of the day where that is wanted
/// (`otp`); slowed down by the address that the gateway names.
pub(in crate::oauth) async fn answer(request: &TokenRequest<'_>) -> Result<Response, OAuthError> {
    let (app, form) = (request.app, request.form);
    let (username, password) = (form.require("username")?, form.require("password")?);
    let address = sessionless::client_address(form)?;
    let order = Order::read(request).await?;
    let code = form.text("otp");
    let proved = sign_in::by_password_and_code(app, address, username, password, code).await;
    let (user, authentication) = proved.map_err(|error| match error {
        OAuthError::AccessDenied | OAuthError::WrongOneTimePassword => {
            OAuthError::InvalidGrant(None)
        }
        other => other,
    })?;
    order.give(request, &user, authentication).await
}
