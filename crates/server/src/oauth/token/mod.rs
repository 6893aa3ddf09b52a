//! `POST /token`: the one dispatch on the grant type (RFC 6749 section 3.2).

mod at_once;
pub(crate) mod authorization_code;
mod client_credentials;
mod delegation;
mod device_code;
mod exchange;
pub(crate) mod grant_type;
pub(crate) mod id_token;
mod jwt_bearer;
pub(super) mod password;
mod refresh_token;
pub(super) mod resource;
pub(crate) mod response;

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::Response;

use self::grant_type::GrantType;
use super::client_auth;
use super::gateway::{basic, digest};
use crate::app::App;
use crate::client_cache::Known;
use crate::error::OAuthError;
use crate::form::Form;
use crate::sender;

/// The path.
pub(crate) const PATH: &str = "/token";

/// A token request whose client is known.
pub(super) struct TokenRequest<'a> {
    pub(super) app: &'a App,
    pub(super) client: Known,
    headers: &'a HeaderMap,
    pub(super) form: &'a Form,
    peer: SocketAddr,
}

impl TokenRequest<'_> {
    fn address(&self) -> IpAddr {
        sender::address(self.app, self.peer, self.headers)
    }
}

/// Gives tokens.
pub(crate) async fn post(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, OAuthError> {
    let client = client_auth::authenticate(&app, &headers, &form).await?;
    let request = TokenRequest { app: &app, client, headers: &headers, form: &form, peer };
    let asked = GrantType::find(form.require("grant_type")?);
    let grant_type = asked.ok_or(OAuthError::UnsupportedGrantType)?;
    if !grant_type.is_for(&request.client) {
        return Err(OAuthError::UnauthorizedClient);
    }
    match grant_type {
        GrantType::AuthorizationCode => authorization_code::answer(&request).await,
        GrantType::RefreshToken => refresh_token::answer(&request).await,
        GrantType::ClientCredentials => client_credentials::answer(&request).await,
        GrantType::DeviceCode => device_code::answer(&request).await,
        GrantType::TokenExchange => exchange::answer(&request).await,
        GrantType::JwtBearer => jwt_bearer::answer(&request).await,
        GrantType::Password => password::answer(&request).await,
        GrantType::Basic => basic::answer(&request).await,
        GrantType::Digest => digest::answer(&request).await,
    }
}
