//! `/admin/keys`: the signing keys, where they stand, and moving them on by hand.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use menshen_domain::signing_key::{SigningKey, State as Stage};
use menshen_token::{Algorithm, KeyId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Admin;
use super::openapi::Problem;
use crate::app::App;
use crate::error::ApiError;
use crate::json::{Body, Path, instant};
use crate::revoke::{ReceiptBody, count, receipt};

/// A signing key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SigningKey)]
pub(crate) struct KeyBody {
    /// `kid` in tokens.
    #[schema(value_type = String)]
    id: KeyId,
    #[schema(value_type = String)]
    algorithm: Algorithm,
    /// `announced`, `active`, `retired` or `removed`.
    state: &'static str,
    #[schema(format = DateTime)]
    announced_at: String,
    #[schema(format = DateTime)]
    activated_at: Option<String>,
    #[schema(format = DateTime)]
    retired_at: Option<String>,
    #[schema(format = DateTime)]
    removed_at: Option<String>,
}

impl From<SigningKey> for KeyBody {
    fn from(key: SigningKey) -> Self {
        let state = match key.state() {
            Stage::Announced => "announced",
            Stage::Active => "active",
            Stage::Retired => "retired",
            Stage::Removed => "removed",
        };
        Self {
            id: key.id,
            algorithm: key.algorithm,
            state,
            announced_at: instant(key.announced_at),
            activated_at: key.activated_at.map(instant),
            retired_at: key.retired_at.map(instant),
            removed_at: key.removed_at.map(instant),
        }
    }
}

/// Every key, and those removed in the last 30 days.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyList {
    keys: Vec<KeyBody>,
}

/// List signing keys
#[utoipa::path(
    get, path = "/admin/keys", tag = "keys", operation_id = "list_keys",
    responses((status = 200, body = KeyList), (status = "default", body = Problem))
)]
pub(crate) async fn get(State(app): State<App>, _: Admin) -> Result<Json<KeyList>, ApiError> {
    let keys = app.store.list_signing_keys().await?;
    Ok(Json(KeyList { keys: keys.into_iter().map(KeyBody::from).collect() }))
}

/// Which key is to be followed by another.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// The algorithm whose key it is: ES256, RS256, PS256 or EdDSA.
    #[schema(value_type = String)]
    algorithm: Algorithm,
}

/// Rotate a key ahead of schedule
///
/// The next key is announced now and signs once every cache of the JWK set has seen it. No
/// token dies of it.
#[utoipa::path(
    post, path = "/admin/keys/rotate", tag = "keys", operation_id = "rotate_key",
    request_body = Rotation,
    responses((status = 204), (status = "default", body = Problem))
)]
pub(crate) async fn rotate(
    State(app): State<App>,
    _: Admin,
    Body(rotation): Body<Rotation>,
) -> Result<StatusCode, ApiError> {
    app.keyring.rotate(rotation.algorithm, app.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Revoke a key that leaked
///
/// It leaves the JWK set at once, every token that it signed is dead, and a new key signs.
#[utoipa::path(
    post, path = "/admin/keys/{id}/revoke", tag = "keys", operation_id = "revoke_key",
    params(("id" = String, Path)),
    responses((status = 200, body = ReceiptBody), (status = "default", body = Problem))
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    _: Admin,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id: KeyId = id.parse().map_err(|_| ApiError::NotFound("key"))?;
    let revoked = app.keyring.revoke(&id, app.now()).await?.ok_or(ApiError::NotFound("key"))?;
    count(&revoked);
    Ok(receipt(&app, &revoked, &headers).await)
}
