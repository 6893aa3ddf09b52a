//! `grant_type=urn:menshen:params:oauth:grant-type:basic`: user name and password as they came with
//! a request to a gateway (RFC 7617).

use axum::response::Response;
use menshen_domain::session::Authentication;

use super::super::token::TokenRequest;
use super::sessionless::{self, Order};
use crate::error::OAuthError;
use crate::sign_in;

/// Gives a token to whoever knows a password; slowed down by the address that the gateway names.
pub(in crate::oauth) async fn answer(request: &TokenRequest<'_>) -> Result<Response, OAuthError> {
    let (app, form) = (request.app, request.form);
    let (username, password) = (form.require("username")?, form.require("password")?);
    let address = sessionless::client_address(form)?;
    let order = Order::read(request).await?;
    let user = sign_in::by_password(app, address, username, password).await;
    let user = user.map_err(|error| match error {
        OAuthError::AccessDenied => OAuthError::InvalidGrant(None),
        other => other,
    })?;
    order.give(request, &user, Authentication::by_password(app.now())).await
}
