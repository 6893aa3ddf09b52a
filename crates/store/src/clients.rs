//! Clients: the applications registered with us.

use menshen_domain::client::ClientPolicy;
use menshen_domain::{Client, SecretHash};
use menshen_token::{ClientId, Timestamp};

use crate::{Page, Receipt, Result, Store};

impl Store {
    /// Registers a client. [`Which::ClientId`] may be taken.
    ///
    /// [`Which::ClientId`]: crate::Which::ClientId
    pub async fn create_client(&self, client: &Client) -> Result<()> {
        todo!()
    }

    /// The client of this id.
    pub async fn find_client(&self, id: &ClientId) -> Result<Option<Client>> {
        todo!()
    }

    /// Clients in the order of their ids.
    pub async fn list_clients(&self, page: &Page) -> Result<Vec<Client>> {
        todo!()
    }

    /// Replaces a client's name and policy; whether there is such a client. Sessions and
    /// tokens that it has keep the lifetimes they were given.
    pub async fn change_client(
        &self,
        id: &ClientId,
        name: &str,
        policy: &ClientPolicy,
    ) -> Result<bool> {
        todo!()
    }

    /// Replaces a client's secret; whether there is such a client.
    pub async fn replace_client_secret(&self, id: &ClientId, hash: &SecretHash) -> Result<bool> {
        todo!()
    }

    /// Bars a client, and ends all its grants and the sessions that only it used. `None` when
    /// there is no such client.
    pub async fn disable_client(&self, id: &ClientId, now: Timestamp) -> Result<Option<Receipt>> {
        todo!()
    }

    /// Lets a client work again; whether there is such a client.
    pub async fn enable_client(&self, id: &ClientId) -> Result<bool> {
        todo!()
    }
}
