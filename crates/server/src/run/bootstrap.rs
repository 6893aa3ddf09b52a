//! The first client of a fresh store: without it nobody could call the admin API.

use menshen_domain::Secret;
use menshen_domain::client::{Client, ClientPolicy, Renewal};
use menshen_store::{Page, StoreError};
use menshen_token::ClientId;

use super::StartError;
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

/// The client that a gateway in the same process is, made when there is none, and its secret. It
/// is kept sealed in the store, so that all nodes have the same.
pub(super) async fn gateway_client(app: &App) -> Result<(ClientId, Secret), StartError> {
    let id: ClientId = "menshen-gateway".parse().expect("a client id");
    loop {
        let found = app.store.find_client(&id).await?;
        if let Some(sealed) = found.as_ref().and_then(|client| client.sealed_secret.as_ref()) {
            let secret = app.keyring.unseal_secret(&id, sealed)?;
            return Ok((id, Secret::new(String::from_utf8_lossy(&secret).into_owned())));
        }
        let secret = Secret::from_random(app.random());
        let sealed = Some(app.keyring.seal_secret(&id, &secret));
        if found.is_some() {
            app.store.replace_client_secret(&id, &secret.hash(), sealed.as_deref()).await?;
            continue;
        }
        let policy = ClientPolicy {
            first_party: true,
            scope: "gateway revocations:read".parse().expect("a scope"),
            renewal: Renewal::None,
            ..ClientPolicy::default()
        };
        let client = Client {
            secret_hash: Some(secret.hash()),
            sealed_secret: sealed,
            ..Client::new(id.clone(), "Gateway".to_owned(), policy, app.now())
        };
        match app.store.create_client(&client).await {
            // Another node may be first; then its secret holds.
            Ok(()) | Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
