//! Front-channel logout (OpenID Connect Front-Channel Logout 1.0): what the browser loads unseen, so
//! that apps which keep their sessions in it can end them. For those that need it; nobody learns
//! whether it worked.

use menshen_domain::Client;
use menshen_store::StoreError;
use menshen_token::SessionId;
use url::Url;

use crate::app::App;

/// What to load for the apps of a session that has ended.
///
/// # Errors
///
/// The store's.
pub(super) async fn frames(app: &App, session: SessionId) -> Result<Vec<Url>, StoreError> {
    let mut frames = Vec::new();
    for id in app.store.list_session_clients(session).await? {
        let known = app.clients.find(&app.store, app.clock.as_ref(), &id).await?;
        frames.extend(known.and_then(|client| frame(app, &client, session)));
    }
    Ok(frames)
}

/// The client's address with `iss` and `sid` (section 2).
fn frame(app: &App, client: &Client, session: SessionId) -> Option<Url> {
    let uri = client.metadata.frontchannel_logout_uri.as_deref()?;
    if client.disabled_at.is_some() {
        return None;
    }
    let mut url: Url = uri.parse().ok()?;
    url.query_pairs_mut()
        .append_pair("iss", app.config.issuer())
        .append_pair("sid", &session.to_string());
    Some(url)
}
