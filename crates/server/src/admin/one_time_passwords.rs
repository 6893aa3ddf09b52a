//! `/admin/users/{id}/one-time-passwords`: whether a user has them on, and turning them off for one
//! who has lost phone and recovery codes.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use menshen_store::OneTimePasswords;
use serde::Serialize;
use utoipa::ToSchema;

use super::Admin;
use super::openapi::Problem;
use super::user::find;
use crate::app::App;
use crate::error::ApiError;
use crate::json::{Path, instant};

/// The one-time passwords of a user who has them on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OneTimePasswords)]
pub(crate) struct OneTimePasswordsBody {
    #[schema(format = DateTime)]
    turned_on_at: String,
    /// How many recovery codes have not been used.
    recovery_codes: u64,
}

impl From<OneTimePasswords> for OneTimePasswordsBody {
    fn from(on: OneTimePasswords) -> Self {
        Self { turned_on_at: instant(on.turned_on_at), recovery_codes: on.recovery_codes }
    }
}

/// Look at a user's one-time passwords
#[utoipa::path(
    get, path = "/admin/users/{id}/one-time-passwords", tag = "users",
    operation_id = "find_one_time_passwords", params(("id" = String, Path)),
    responses(
        (status = 200, body = OneTimePasswordsBody),
        (status = 404, description = "The user has them off, or there is none", body = Problem),
        (status = "default", body = Problem)
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    _: Admin,
    Path(id): Path,
) -> Result<Json<OneTimePasswordsBody>, ApiError> {
    let user = find(&app, &id).await?;
    let on = app.store.find_one_time_passwords(&user.id).await?;
    on.map(|on| Json(on.into())).ok_or(ApiError::NotFound("one-time password"))
}

/// Turn a user's one-time passwords off
///
/// For one who has lost the phone. Recovery codes are forgotten, and the password alone is enough
/// from now on; sessions stay what they are.
#[utoipa::path(
    delete, path = "/admin/users/{id}/one-time-passwords", tag = "users",
    operation_id = "turn_off_one_time_passwords", params(("id" = String, Path)),
    responses((status = 204), (status = "default", body = Problem))
)]
pub(crate) async fn delete(
    State(app): State<App>,
    _: Admin,
    Path(id): Path,
) -> Result<StatusCode, ApiError> {
    let user = find(&app, &id).await?;
    if app.store.turn_off_one_time_passwords(&user.id).await? {
        tracing::info!(user.id = %user.id, "an administrator turned one-time passwords off");
    }
    Ok(StatusCode::NO_CONTENT)
}
