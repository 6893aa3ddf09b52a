//! `/admin/users/{id}` and what hangs below it: look at one user, change, disable, enable.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use menshen_domain::user::check_claims;
use menshen_domain::{Secret, User};
use menshen_token::UserId;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Admin;
use super::openapi::Problem;
use super::users::UserBody;
use crate::account::password::check_new;
use crate::app::App;
use crate::error::ApiError;
use crate::json::{Body, Path};
use crate::revoke::{ReceiptBody, count, receipt};

const NO_USER: ApiError = ApiError::NotFound("user");

/// Look at a user
#[utoipa::path(
    get, path = "/admin/users/{id}", tag = "users", operation_id = "find_user",
    params(("id" = String, Path)),
    responses((status = 200, body = UserBody), (status = "default", body = Problem))
)]
pub(crate) async fn get(
    State(app): State<App>,
    _: Admin,
    Path(id): Path,
) -> Result<Json<UserBody>, ApiError> {
    Ok(Json(find(&app, &id).await?.into()))
}

pub(super) async fn find(app: &App, id: &str) -> Result<User, ApiError> {
    app.store.find_user(&parse(id)?).await?.ok_or(NO_USER)
}

pub(super) fn parse(id: &str) -> Result<UserId, ApiError> {
    id.parse().map_err(|_| NO_USER)
}

/// What is to be another; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChange {
    /// All roles from now on.
    roles: Option<Vec<String>>,
    /// All further claims from now on.
    #[schema(value_type = Option<Object>)]
    claims: Option<Map<String, Value>>,
}

/// Change roles and claims
///
/// Access tokens that say the old ones are dead at once; sessions live, and renew them.
#[utoipa::path(
    patch, path = "/admin/users/{id}", tag = "users", operation_id = "change_user",
    params(("id" = String, Path)), request_body = UserChange,
    responses((status = 200, body = ReceiptBody), (status = "default", body = Problem))
)]
pub(crate) async fn patch(
    State(app): State<App>,
    _: Admin,
    Path(id): Path,
    headers: HeaderMap,
    Body(change): Body<UserChange>,
) -> Result<Response, ApiError> {
    let user = find(&app, &id).await?;
    let (roles, claims) = (change.roles.as_deref(), change.claims.as_ref());
    check_claims(roles.unwrap_or(&user.roles), claims.unwrap_or(&user.claims))?;
    let changed = app.store.change_claims(&user.id, roles, claims, app.now()).await?;
    let changed = changed.ok_or(NO_USER)?;
    count(&changed);
    Ok(receipt(&app, &changed, &headers).await)
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    password: String,
}

/// Set a user's password
///
/// Ends every session of the user.
#[utoipa::path(
    put, path = "/admin/users/{id}/password", tag = "users", operation_id = "set_password",
    params(("id" = String, Path)), request_body = NewPassword,
    responses((status = 200, body = ReceiptBody), (status = "default", body = Problem))
)]
pub(crate) async fn set_password(
    State(app): State<App>,
    _: Admin,
    Path(id): Path,
    headers: HeaderMap,
    Body(new): Body<NewPassword>,
) -> Result<Response, ApiError> {
    let password = Secret::new(new.password);
    check_new(&password)?;
    let user = find(&app, &id).await?;
    let new = app.keep_password(&user, password).await?;
    let changed = app.store.change_password(&user.id, None, &new, app.now()).await?;
    let changed = changed.ok_or(NO_USER)?;
    count(&changed);
    Ok(receipt(&app, &changed, &headers).await)
}

/// Disable a user
///
/// Ends every session of the user, and lets none begin.
#[utoipa::path(
    post, path = "/admin/users/{id}/disable", tag = "users", operation_id = "disable_user",
    params(("id" = String, Path)),
    responses((status = 200, body = ReceiptBody), (status = "default", body = Problem))
)]
pub(crate) async fn disable(
    State(app): State<App>,
    _: Admin,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let ended = app.store.disable_user(&parse(&id)?, app.now()).await?.ok_or(NO_USER)?;
    count(&ended);
    Ok(receipt(&app, &ended, &headers).await)
}

/// Enable a user
#[utoipa::path(
    post, path = "/admin/users/{id}/enable", tag = "users", operation_id = "enable_user",
    params(("id" = String, Path)),
    responses((status = 204), (status = "default", body = Problem))
)]
pub(crate) async fn enable(
    State(app): State<App>,
    _: Admin,
    Path(id): Path,
) -> Result<StatusCode, ApiError> {
    if app.store.enable_user(&parse(&id)?).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(NO_USER)
    }
}
