//! `POST /account/apps/withdraw`: taking back what an app was allowed.

use axum::extract::Request;
use axum::response::Response;
use menshen_token::ClientId;

use super::owner::{Away, asked, done};
use crate::oauth::authorize::Visit;
use crate::pages::AccountNotice;
use crate::revoke::count;
use crate::trouble::Trouble;

/// The path.
pub(crate) const PATH: &str = "/account/apps/withdraw";

/// The field that names the app.
pub(super) const FIELD: &str = "app";

pub(crate) async fn withdraw(visit: Visit, request: Request) -> Response {
    match take_back(&visit, request).await {
        Ok(response) => response,
        Err(away) => away.show(&visit),
    }
}

async fn take_back(visit: &Visit, request: Request) -> Result<Response, Away> {
    let app = &visit.app;
    let (held, form) = asked(visit, request).await?;
    let client = form.text(FIELD).and_then(|id| id.parse::<ClientId>().ok());
    let client = client.ok_or_else(Trouble::not_found)?;
    let ended = app.store.withdraw_consent(&held.user.id, &client, app.now()).await?;
    ended.iter().for_each(count);
    Ok(done(visit, AccountNotice::AccessWithdrawn))
}
