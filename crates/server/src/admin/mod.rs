//! The admin API: users, clients, sessions, revocations, keys; for tokens with scope `admin`.

pub(crate) mod client;
pub(crate) mod clients;
pub(crate) mod deliveries;
pub(crate) mod keys;
pub(crate) mod one_time_passwords;
mod openapi;
mod policy;
pub(crate) mod revocations;
pub(crate) mod sessions;
pub(crate) mod user;
pub(crate) mod users;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

pub(crate) use openapi::get as openapi_document;
pub use openapi::openapi;

use crate::app::App;
use crate::error::ApiError;
use crate::sender;

/// The scope, and the role of a user who calls.
const ADMIN: &str = "admin";

/// Somebody who calls with an access token that allows to administer everything: a client for
/// itself, or a user who has the role `admin`.
pub(crate) struct Admin;

impl FromRequestParts<App> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let path = parts.uri.path();
        let caller = sender::authenticate(app, &parts.method, path, &parts.headers).await?;
        caller.require(ADMIN)?;
        // The scope says what the client may do; of those who sign in with it, administrators
        // are they who have the role.
        let user_stands_behind = caller.token.grant_id.is_some();
        if user_stands_behind && !caller.token.roles.iter().any(|role| role == ADMIN) {
            return Err(ApiError::MissingRole(ADMIN));
        }
        Ok(Self)
    }
}
