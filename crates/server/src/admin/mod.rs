//! The admin API: users, clients, sessions, revocations, keys; for tokens with scope `admin`.

pub(crate) mod client;
pub(crate) mod clients;
pub(crate) mod keys;
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

/// Somebody who calls with an access token that allows to administer everything.
pub(crate) struct Admin;

impl FromRequestParts<App> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let path = parts.uri.path();
        let caller = sender::authenticate(app, &parts.method, path, &parts.headers).await?;
        caller.require("admin")?;
        Ok(Self)
    }
}
