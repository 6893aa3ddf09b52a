//! `GET /account/sessions`, `DELETE /account/sessions/{id}`: where the user is signed in, and
//! signing out there.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use menshen_domain::Session;
use menshen_store::Target;
use menshen_token::{Reason, SessionId};
use serde::Serialize;

use super::Owner;
use crate::app::App;
use crate::error::ApiError;
use crate::json::{Paging, Path, Query, instant};
use crate::revoke::{receipt, revoke};

/// One place where the user is signed in.
#[derive(Debug, Serialize)]
struct Listed {
    id: SessionId,
    device_name: Option<String>,
    platform: Option<String>,
    address: Option<String>,
    created_at: String,
    last_seen_at: String,
    /// Whether the caller's own token belongs to it.
    current: bool,
}

#[derive(Debug, Serialize)]
struct List {
    sessions: Vec<Listed>,
    /// What to give as `after` for the next page; `null` on the last one.
    next: Option<String>,
}

pub(crate) async fn get(
    State(app): State<App>,
    Owner(caller): Owner,
    Query(paging): Query<Paging>,
) -> Result<Response, ApiError> {
    let page = paging.page()?;
    let sessions = app.store.list_sessions(&caller.token.subject, &page).await?;
    let next = paging.next(&sessions, |session| session.id.to_string());
    let current = caller.token.session_id;
    let list = List {
        sessions: sessions.into_iter().map(|session| listed(session, current)).collect(),
        next,
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(list)).into_response())
}

fn listed(session: Session, current: Option<SessionId>) -> Listed {
    Listed {
        id: session.id,
        device_name: session.device.name,
        platform: session.device.platform,
        address: session.device.address,
        created_at: instant(session.created_at),
        last_seen_at: instant(session.last_seen_at),
        current: current == Some(session.id),
    }
}

/// Somebody else's session and one that never was get the same answer.
pub(crate) async fn delete(
    State(app): State<App>,
    Owner(caller): Owner,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id: SessionId = id.parse().map_err(|_| ApiError::NotFound("session"))?;
    let session = app.store.find_session(id).await?;
    if session.is_none_or(|session| session.user_id != caller.token.subject) {
        return Err(ApiError::NotFound("session"));
    }
    let own = caller.token.session_id == Some(id);
    let reason = if own { Reason::Logout } else { Reason::RemoteLogout };
    let ended = revoke(&app, Target::Session(id), reason).await?;
    Ok(receipt(&app, &ended, &headers).await)
}
