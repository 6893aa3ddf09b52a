//! Who a user is to a client: `sub` (OpenID Connect Core 1.0 section 8).

use menshen_domain::client::{Client, SubjectType};
use menshen_token::UserId;
use url::Url;

use crate::app::App;
use crate::error::OAuthError;

/// The subject of a user as a client knows it.
///
/// # Errors
///
/// The store's.
pub(crate) async fn of(app: &App, client: &Client, user: &UserId) -> Result<UserId, OAuthError> {
    if client.metadata.subject_type != Some(SubjectType::Pairwise) {
        return Ok(user.clone());
    }
    let fresh = UserId::from_bytes(app.random());
    Ok(app.store.pairwise_subject(&sector(client), user, &fresh).await?)
}

/// The host that a pairwise subject is for: that of `sector_identifier_uri`, or the one host of
/// the redirect URIs; a client with several and no such document was refused at registration.
fn sector(client: &Client) -> String {
    let metadata = &client.metadata;
    let mut named = metadata.sector_identifier_uri.iter().chain(&metadata.redirect_uris);
    let host = |uri: &String| Url::parse(uri).ok()?.host_str().map(str::to_owned);
    named.find_map(host).unwrap_or_else(|| format!("client:{}", client.id))
}
