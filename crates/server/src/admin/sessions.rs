//! `/admin/users/{id}/sessions`, `/admin/sessions/{id}`: where somebody is signed in, and the end
//! of it.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use menshen_domain::Session;
use menshen_store::Target;
use menshen_token::{ClientId, Reason, SessionId, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use super::openapi::Problem;
use super::{Admin, user};
use crate::app::App;
use crate::error::ApiError;
use crate::json::{Paging, Path, Query, instant};
use crate::revoke::{ReceiptBody, receipt, revoke};

/// One login of one user on one device.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionBody {
    /// `sid` in tokens.
    #[schema(value_type = String)]
    id: SessionId,
    #[schema(value_type = String)]
    user_id: UserId,
    /// The client that opened it.
    #[schema(value_type = String)]
    client_id: Option<ClientId>,
    device_name: Option<String>,
    platform: Option<String>,
    address: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    last_seen_at: String,
    /// When it dies of age.
    #[schema(format = DateTime)]
    expires_at: String,
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// Why it ended.
    ended_reason: Option<&'static str>,
}

impl From<Session> for SessionBody {
    fn from(session: Session) -> Self {
        Self {
            id: session.id,
            user_id: session.user_id,
            client_id: session.client_id,
            device_name: session.device.name,
            platform: session.device.platform,
            address: session.device.address,
            created_at: instant(session.created_at),
            last_seen_at: instant(session.last_seen_at),
            expires_at: instant(session.absolute_expires_at),
            ended_at: session.ended.map(|ended| instant(ended.at)),
            ended_reason: session.ended.map(|ended| ended.reason.as_str()),
        }
    }
}

/// One page of live sessions, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionList {
    sessions: Vec<SessionBody>,
    /// What to give as `after` for the next page; `null` on the last one.
    next: Option<String>,
}

/// List a user's sessions
#[utoipa::path(
    get, path = "/admin/users/{id}/sessions", tag = "sessions", operation_id = "list_sessions",
    params(("id" = String, Path), Paging),
    responses((status = 200, body = SessionList), (status = "default", body = Problem))
)]
pub(crate) async fn list(
    State(app): State<App>,
    _: Admin,
    Path(id): Path,
    Query(paging): Query<Paging>,
) -> Result<Json<SessionList>, ApiError> {
    let page = paging.page()?;
    let user = user::find(&app, &id).await?;
    let sessions = app.store.list_sessions(&user.id, &page).await?;
    let next = paging.next(&sessions, |session| session.id.to_string());
    Ok(Json(SessionList { sessions: sessions.into_iter().map(SessionBody::from).collect(), next }))
}

/// End all of a user's sessions
#[utoipa::path(
    delete, path = "/admin/users/{id}/sessions", tag = "sessions", operation_id = "end_sessions",
    params(("id" = String, Path)),
    responses((status = 200, body = ReceiptBody), (status = "default", body = Problem))
)]
pub(crate) async fn delete_all(
    State(app): State<App>,
    _: Admin,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let user = user::find(&app, &id).await?;
    let ended = revoke(&app, Target::User(user.id), Reason::Admin).await?;
    Ok(receipt(&app, &ended, &headers).await)
}

/// Look at a session, live or ended
#[utoipa::path(
    get, path = "/admin/sessions/{id}", tag = "sessions", operation_id = "find_session",
    params(("id" = String, Path)),
    responses((status = 200, body = SessionBody), (status = "default", body = Problem))
)]
pub(crate) async fn get(
    State(app): State<App>,
    _: Admin,
    Path(id): Path,
) -> Result<Json<SessionBody>, ApiError> {
    Ok(Json(find(&app, &id).await?.into()))
}

async fn find(app: &App, id: &str) -> Result<Session, ApiError> {
    let id: SessionId = id.parse().map_err(|_| ApiError::NotFound("session"))?;
    app.store.find_session(id).await?.ok_or(ApiError::NotFound("session"))
}

/// End a session
#[utoipa::path(
    delete, path = "/admin/sessions/{id}", tag = "sessions", operation_id = "end_session",
    params(("id" = String, Path)),
    responses((status = 200, body = ReceiptBody), (status = "default", body = Problem))
)]
pub(crate) async fn delete(
    State(app): State<App>,
    _: Admin,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let session = find(&app, &id).await?;
    let ended = revoke(&app, Target::Session(session.id), Reason::Admin).await?;
    Ok(receipt(&app, &ended, &headers).await)
}
