//! What a user may see and end: the own sessions, the own password; and what an app may hear of it.

pub(crate) mod events;
pub(crate) mod logout;
pub(crate) mod pages;
pub(crate) mod password;
pub(crate) mod sessions;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::app::App;
use crate::error::ApiError;
use crate::sender::{self, Caller};

/// A user who calls with an access token that allows to look after the own account.
pub(crate) struct Owner(pub(crate) Caller);

impl FromRequestParts<App> for Owner {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let path = parts.uri.path();
        let caller = sender::authenticate(app, &parts.method, path, &parts.headers).await?;
        caller.require("account")?;
        Ok(Self(caller))
    }
}
