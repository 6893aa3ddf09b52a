//! `grant_type=urn:menshen:params:oauth:grant-type:basic`: user name and password as they came with
//! a request to a gateway (RFC 7617).

use axum::response::Response;

use super::super::token::{TokenRequest, password};
use super::sessionless::{self, Order};
use crate::error::OAuthError;

/// Gives a token to whoever knows a password, and has the code of the day where that is wanted
/// (`otp`); slowed down by the address that the gateway names.
pub(in crate::oauth) async fn answer(request: &TokenRequest<'_>) -> Result<Response, OAuthError> {
    let address = sessionless::client_address(request.form)?;
    let order = Order::read(request).await?;
    let (user, authentication) = password::proved(request, address).await?;
    order.give(request, &user, authentication).await
}
