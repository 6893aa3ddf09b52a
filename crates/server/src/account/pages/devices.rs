//! `POST /account/devices/..`: signing out one device, or every other.

use axum::extract::Request;
use axum::response::Response;
use menshen_store::Target;
use menshen_token::{Reason, SessionId};

use super::home;
use super::owner::{Away, asked, done};
use crate::browser::forget_session;
use crate::oauth::authorize::Visit;
use crate::oauth::authorize::reply::see_other;
use crate::pages::AccountNotice;
use crate::revoke::{count, revoke};
use crate::trouble::Trouble;

/// The path for one.
pub(crate) const SIGN_OUT: &str = "/account/devices/sign-out";

/// The path for every other.
pub(crate) const ELSEWHERE: &str = "/account/devices/sign-out-elsewhere";

/// The field that names the session.
pub(super) const FIELD: &str = "session";

/// `POST /account/devices/sign-out`
pub(crate) async fn sign_out(visit: Visit, request: Request) -> Response {
    match end_one(&visit, request).await {
        Ok(response) => response,
        Err(away) => away.show(&visit),
    }
}

/// Somebody else's session and one that never was get the same answer.
async fn end_one(visit: &Visit, request: Request) -> Result<Response, Away> {
    let app = &visit.app;
    let (held, form) = asked(visit, request).await?;
    let id = form.text(FIELD).and_then(|id| id.parse::<SessionId>().ok());
    let id = id.ok_or_else(Trouble::not_found)?;
    let session = app.store.find_session(id).await?;
    if session.is_none_or(|session| session.user_id != held.user.id) {
        return Err(Trouble::not_found().into());
    }
    if id == held.session.id {
        revoke(app, Target::Session(id), Reason::Logout).await?;
        return Ok(forget_session(app, see_other(&app.config.endpoint(home::PATH))));
    }
    revoke(app, Target::Session(id), Reason::RemoteLogout).await?;
    Ok(done(visit, AccountNotice::DeviceSignedOut))
}

/// `POST /account/devices/sign-out-elsewhere`
pub(crate) async fn sign_out_elsewhere(visit: Visit, request: Request) -> Response {
    match end_others(&visit, request).await {
        Ok(response) => response,
        Err(away) => away.show(&visit),
    }
}

async fn end_others(visit: &Visit, request: Request) -> Result<Response, Away> {
    let app = &visit.app;
    let (held, _) = asked(visit, request).await?;
    let (user, kept) = (&held.user.id, held.session.id);
    let ended = app.store.end_other_sessions(user, kept, Reason::RemoteLogout, app.now()).await?;
    ended.iter().for_each(count);
    Ok(done(visit, AccountNotice::SignedOutElsewhere))
}
