//! `/admin/clients/{id}` and what hangs below it: look at one client, change, disable, enable.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::Response;
use menshen_domain::Secret;
use menshen_domain::client::{Client, ClientMetadata, ClientPolicy};
use menshen_token::ClientId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Admin;
use super::clients::{ClientBody, check_name};
use super::openapi::Problem;
use super::policy::Policy;
use crate::app::App;
use crate::error::ApiError;
use crate::json::{Body, Path};
use crate::revoke::{ReceiptBody, count, receipt};

const NO_CLIENT: ApiError = ApiError::NotFound("client");

/// Look at a client
#[utoipa::path(
    get, path = "/admin/clients/{id}", tag = "clients", operation_id = "find_client",
    params(("id" = String, Path)),
    responses((status = 200, body = ClientBody), (status = "default", body = Problem))
)]
pub(crate) async fn get(
    State(app): State<App>,
    _: Admin,
    Path(id): Path,
) -> Result<Json<ClientBody>, ApiError> {
    Ok(Json(find(&app, &id).await?.into()))
}

async fn find(app: &App, id: &str) -> Result<Client, ApiError> {
    app.store.find_client(&parse(id)?).await?.ok_or(NO_CLIENT)
}

fn parse(id: &str) -> Result<ClientId, ApiError> {
    id.parse().map_err(|_| NO_CLIENT)
}

/// What a client is from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientChange {
    /// What people call it; without one it keeps its name.
    name: Option<String>,
    /// The whole policy: what is left out has its default again. Without one it keeps its
    /// policy.
    #[schema(value_type = Option<Policy>)]
    policy: Option<ClientPolicy>,
    /// All that it says about itself, by the names of RFC 7591; members that nobody knows are
    /// dropped. Without it, that stays.
    #[schema(value_type = Option<Object>)]
    metadata: Option<ClientMetadata>,
}

/// Change name, metadata and policy
///
/// Sessions and tokens that there are keep the lifetimes they were given.
#[utoipa::path(
    patch, path = "/admin/clients/{id}", tag = "clients", operation_id = "change_client",
    params(("id" = String, Path)), request_body = ClientChange,
    responses((status = 200, body = ClientBody), (status = "default", body = Problem))
)]
pub(crate) async fn patch(
    State(app): State<App>,
    _: Admin,
    Path(id): Path,
    Body(change): Body<ClientChange>,
) -> Result<Json<ClientBody>, ApiError> {
    let client = parse(&id)?;
    if let Some(name) = &change.name {
        check_name(name)?;
    }
    let known = find(&app, &id).await?;
    if let Some(policy) = &change.policy {
        policy.check()?;
        app.keyring.tend(policy.algorithm, app.now()).await?;
    }
    if change.policy.is_some() || change.metadata.is_some() {
        let metadata = change.metadata.as_ref().unwrap_or(&known.metadata);
        metadata.check(change.policy.as_ref().unwrap_or(&known.policy))?;
    }
    let ClientChange { name, policy, metadata } = change;
    let change = menshen_store::ClientChange { name, policy, metadata, secret: None };
    if !app.store.change_client(&client, &change).await? {
        return Err(NO_CLIENT);
    }
    app.clients.forget(&client);
    Ok(Json(find(&app, &id).await?.into()))
}

/// A secret, which is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewSecret {
    /// To be kept now: it cannot be shown again.
    client_secret: String,
}

/// Give a client a new secret
///
/// The old one is worth nothing from then on. A public client becomes confidential, and one whose
/// metadata were changed to `client_secret_jwt` can begin to use it.
#[utoipa::path(
    post, path = "/admin/clients/{id}/secret", tag = "clients", operation_id = "replace_secret",
    params(("id" = String, Path)),
    responses((status = 200, body = NewSecret), (status = "default", body = Problem))
)]
pub(crate) async fn replace_secret(
    State(app): State<App>,
    _: Admin,
    Path(id): Path,
) -> Result<([(HeaderName, &'static str); 1], Json<NewSecret>), ApiError> {
    let client = find(&app, &id).await?;
    let (id, secret) = (client.id, Secret::from_random(app.random()));
    let sealed = app.keyring.keep_secret(&id, &client.metadata, &secret);
    if !app.store.replace_client_secret(&id, &secret.hash(), sealed.as_deref()).await? {
        return Err(NO_CLIENT);
    }
    app.clients.forget(&id);
    let shown = NewSecret { client_secret: secret.expose().to_owned() };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(shown)))
}

/// Disable a client
///
/// Ends everything that it was allowed, and lets it do nothing.
#[utoipa::path(
    post, path = "/admin/clients/{id}/disable", tag = "clients", operation_id = "disable_client",
    params(("id" = String, Path)),
    responses((status = 200, body = ReceiptBody), (status = "default", body = Problem))
)]
pub(crate) async fn disable(
    State(app): State<App>,
    _: Admin,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = parse(&id)?;
    let ended = app.store.disable_client(&id, app.now()).await?.ok_or(NO_CLIENT)?;
    app.clients.forget(&id);
    count(&ended);
    Ok(receipt(&app, &ended, &headers).await)
}

/// Enable a client
#[utoipa::path(
    post, path = "/admin/clients/{id}/enable", tag = "clients", operation_id = "enable_client",
    params(("id" = String, Path)),
    responses((status = 204), (status = "default", body = Problem))
)]
pub(crate) async fn enable(
    State(app): State<App>,
    _: Admin,
    Path(id): Path,
) -> Result<StatusCode, ApiError> {
    let id = parse(&id)?;
    if !app.store.enable_client(&id).await? {
        return Err(NO_CLIENT);
    }
    app.clients.forget(&id);
    Ok(StatusCode::NO_CONTENT)
}
