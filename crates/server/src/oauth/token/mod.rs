//! `POST /token`: the one dispatch on the grant type (RFC 6749 section 3.2).

pub(crate) mod authorization_code;
mod client_credentials;
mod exchange;
pub(crate) mod id_token;
mod refresh_token;
pub(crate) mod response;

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::client_auth;
use crate::app::App;
use crate::client_cache::Known;
use crate::error::OAuthError;
use crate::form::Form;
use crate::sender;

/// The path.
pub(crate) const PATH: &str = "/token";

const AUTHORIZATION_CODE: &str = "authorization_code";
const REFRESH_TOKEN: &str = "refresh_token";
const CLIENT_CREDENTIALS: &str = "client_credentials";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// Every grant type, as metadata lists them.
pub(crate) const GRANT_TYPES: [&str; 4] =
    [AUTHORIZATION_CODE, REFRESH_TOKEN, CLIENT_CREDENTIALS, TOKEN_EXCHANGE];

/// A token request whose client is known.
struct TokenRequest<'a> {
    app: &'a App,
    client: Known,
    headers: &'a HeaderMap,
    form: &'a Form,
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
    match form.require("grant_type")? {
        AUTHORIZATION_CODE => authorization_code::answer(&request).await,
        REFRESH_TOKEN => refresh_token::answer(&request).await,
        CLIENT_CREDENTIALS => client_credentials::answer(&request).await,
        TOKEN_EXCHANGE => exchange::answer(&request).await,
        _ => Err(OAuthError::UnsupportedGrantType),
    }
}
