//! The first client of a fresh store: without it nobody could call the admin API.

use menshen_domain::Secret;
use menshen_domain::client::{Client, ClientPolicy, Renewal};
use menshen_store::{Page, StoreError};

use crate::app::App;

/// Creates the confidential client `admin` if there is no client yet; its secret is returned
/// this once and kept nowhere.
pub(super) async fn first_client(app: &App) -> Result<Option<Secret>, StoreError> {
    let any = app.store.list_clients(&Page { after: None, limit: 1 }).await?;
    if !any.is_empty() {
        return Ok(None);
    }
    let secret = Secret::from_random(app.random());
    let policy = ClientPolicy {
        scope: "admin revocations:read".parse().expect("a scope"),
        renewal: Renewal::None,
        ..ClientPolicy::default()
    };
    let id = "admin".parse().expect("a client id");
    let client = Client {
        secret_hash: Some(secret.hash()),
        ..Client::new(id, "Administrator".to_owned(), policy, app.now())
    };
    match app.store.create_client(&client).await {
        Ok(()) => Ok(Some(secret)),
        // Another node was first.
        Err(StoreError::Conflict(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
