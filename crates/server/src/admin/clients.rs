//! `/admin/clients`: list and create.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use menshen_domain::Secret;
use menshen_domain::client::{AuthMethod, Client, ClientMetadata, ClientPolicy};
use menshen_store::StoreError;
use menshen_token::ClientId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Admin;
use super::openapi::Problem;
use super::policy::Policy;
use crate::app::App;
use crate::error::ApiError;
use crate::json::{Body, Paging, Query, instant};

/// An application registered with us.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Client)]
pub(crate) struct ClientBody {
    /// `client_id`.
    #[schema(value_type = String)]
    id: ClientId,
    name: String,
    /// Whether it has a secret and must authenticate.
    confidential: bool,
    /// What it says about itself, by the names of RFC 7591.
    #[schema(value_type = Object)]
    metadata: ClientMetadata,
    #[schema(value_type = Policy)]
    policy: ClientPolicy,
    #[schema(format = DateTime)]
    created_at: String,
    /// Since when it may do nothing.
    #[schema(format = DateTime)]
    disabled_at: Option<String>,
}

impl From<Client> for ClientBody {
    fn from(client: Client) -> Self {
        Self {
            confidential: client.is_confidential(),
            id: client.id,
            name: client.name,
            metadata: client.metadata,
            policy: client.policy,
            created_at: instant(client.created_at),
            disabled_at: client.disabled_at.map(instant),
        }
    }
}

/// One page of clients, in the order of their ids.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClientList {
    clients: Vec<ClientBody>,
    /// What to give as `after` for the next page; `null` on the last one.
    next: Option<String>,
}

/// List clients
#[utoipa::path(
    get, path = "/admin/clients", tag = "clients", operation_id = "list_clients", params(Paging),
    responses((status = 200, body = ClientList), (status = "default", body = Problem))
)]
pub(crate) async fn get(
    State(app): State<App>,
    _: Admin,
    Query(paging): Query<Paging>,
) -> Result<Json<ClientList>, ApiError> {
    let clients = app.store.list_clients(&paging.page()?).await?;
    let next = paging.next(&clients, |client| client.id.to_string());
    Ok(Json(ClientList { clients: clients.into_iter().map(ClientBody::from).collect(), next }))
}

/// A new client.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewClient {
    /// `client_id`: 1 to 255 visible ASCII characters.
    id: String,
    /// What people call it.
    name: String,
    /// Whether it can keep a secret, and gets one. Not needed when the metadata name its
    /// `token_endpoint_auth_method`.
    #[serde(default)]
    confidential: bool,
    /// What it says about itself, by the names of RFC 7591: `redirect_uris` and the like.
    /// Members that nobody knows are dropped.
    #[serde(default)]
    #[schema(value_type = Object)]
    metadata: ClientMetadata,
    #[serde(default)]
    #[schema(value_type = Policy)]
    policy: ClientPolicy,
}

impl NewClient {
    fn needs_secret(&self) -> Result<bool, ApiError> {
        match self.metadata.token_endpoint_auth_method {
            None => Ok(self.confidential),
            Some(AuthMethod::None) if self.confidential => Err(ApiError::Invalid(
                "a confidential client has another `token_endpoint_auth_method` than none"
                    .to_owned(),
            )),
            Some(method) => Ok(method.needs_secret()),
        }
    }
}

/// A client and its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedClient {
    #[serde(flatten)]
    client: ClientBody,
    /// To be kept now: it cannot be shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

/// Create a client
#[utoipa::path(
    post, path = "/admin/clients", tag = "clients", operation_id = "create_client",
    request_body = NewClient,
    responses(
        (status = 201, body = CreatedClient),
        (status = 409, description = "The id is taken", body = Problem),
        (status = "default", body = Problem)
    )
)]
pub(crate) async fn post(
    State(app): State<App>,
    _: Admin,
    Body(new): Body<NewClient>,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], Json<CreatedClient>), ApiError> {
    let id: ClientId = new.id.parse().map_err(|_| {
        ApiError::Invalid("a client id is 1 to 255 visible ASCII characters".to_owned())
    })?;
    check_name(&new.name)?;
    new.policy.check()?;
    new.metadata.check(&new.policy)?;
    let secret = new.needs_secret()?.then(|| Secret::from_random(app.random()));
    app.keyring.tend(new.policy.algorithm, app.now()).await?;
    let client = Client {
        secret_hash: secret.as_ref().map(Secret::hash),
        sealed_secret: secret
            .as_ref()
            .and_then(|secret| app.keyring.keep_secret(&id, &new.metadata, secret)),
        metadata: new.metadata,
        ..Client::new(id, new.name, new.policy, app.now())
    };
    match app.store.create_client(&client).await {
        Ok(()) => {}
        Err(StoreError::Conflict(_)) => return Err(ApiError::Conflict("client id")),
        Err(error) => return Err(error.into()),
    }
    let client_secret = secret.map(|secret| secret.expose().to_owned());
    let created = CreatedClient { client: client.into(), client_secret };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(created)))
}

/// Sees to it that people can read a name.
pub(super) fn check_name(name: &str) -> Result<(), ApiError> {
    let readable = !name.trim().is_empty() && !name.chars().any(char::is_control);
    if readable && name.len() <= 255 {
        Ok(())
    } else {
        Err(ApiError::Invalid("a name is 1 to 255 bytes without control characters".to_owned()))
    }
}
