//! Clients: the applications registered with us.

use menshen_domain::client::{ClientMetadata, ClientPolicy};
use menshen_domain::{Client, SecretHash};
use menshen_token::{ClientId, Reason, Timestamp};

use crate::database::row::Cells;
use crate::revocations::{self, Covered};
use crate::{Page, Receipt, Result, Store, Which};

/// What [`read`] reads.
macro_rules! columns {
    () => {
        "clients.id, clients.name, clients.secret_hash, clients.sealed_secret, \
         clients.registration_token_hash, clients.metadata, clients.policy, \
         clients.created_at_ms, clients.disabled_at_ms"
    };
}
pub(crate) use columns;

pub(crate) fn read(cells: &mut Cells<'_>) -> Result<Client> {
    Ok(Client {
        id: cells.parse()?,
        name: cells.text()?,
        secret_hash: cells.optional()?,
        sealed_secret: cells.optional_text()?,
        registration_token_hash: cells.optional()?,
        metadata: cells.json()?,
        policy: cells.json()?,
        created_at: cells.instant()?,
        disabled_at: cells.optional_instant()?,
    })
}

impl Store {
    /// Registers a client. [`Which::ClientId`] may be taken.
    pub async fn create_client(&self, client: &Client) -> Result<()> {
        let sql = "INSERT INTO clients \
            (id, name, secret_hash, sealed_secret, registration_token_hash, metadata, \
            backchannel_logout_uri, policy, created_at_ms, disabled_at_ms) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let insert = || {
            sqlx::query(sql)
                .bind(client.id.as_str())
                .bind(client.name.as_str())
                .bind(client.secret_hash.as_ref().map(SecretHash::as_str))
                .bind(client.sealed_secret.as_deref())
                .bind(client.registration_token_hash.as_ref().map(SecretHash::as_str))
                .bind(as_json(&client.metadata))
                .bind(client.metadata.backchannel_logout_uri.as_deref())
                .bind(as_json(&client.policy))
                .bind(client.created_at.as_millis())
                .bind(client.disabled_at.map(Timestamp::as_millis))
        };
        let inserted = self.database.change(insert).await;
        inserted.map(|_| ()).map_err(|error| error.or_conflict(Which::ClientId))
    }

    /// The client of this id.
    pub async fn find_client(&self, id: &ClientId) -> Result<Option<Client>> {
        let sql = concat!("SELECT ", columns!(), " FROM clients WHERE id = $1");
        let row = sqlx::query(sql).bind(id.as_str()).fetch_optional(self.database.reader()).await?;
        row.map(|row| read(&mut Cells::of(&row, "clients"))).transpose()
    }

    /// Clients in the order of their ids.
    pub async fn list_clients(&self, page: &Page) -> Result<Vec<Client>> {
        let sql =
            concat!("SELECT ", columns!(), " FROM clients WHERE id > $1 ORDER BY id LIMIT $2");
        let rows = sqlx::query(sql)
            .bind(page.after_text())
            .bind(i64::from(page.limit))
            .fetch_all(self.database.reader())
            .await?;
        rows.iter().map(|row| read(&mut Cells::of(row, "clients"))).collect()
    }

    /// The clients that may use what OAuth 2.1 dropped, in the order of their ids.
    pub async fn list_legacy_clients(&self) -> Result<Vec<Client>> {
        // As policies are written; what else looks like it is sorted out below.
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM clients WHERE policy LIKE '%\"legacy_grants\":true%' ORDER BY id"
        );
        let rows = sqlx::query(sql).fetch_all(self.database.reader()).await?;
        let clients: Result<Vec<Client>> =
            rows.iter().map(|row| read(&mut Cells::of(row, "clients"))).collect();
        Ok(clients?.into_iter().filter(|client| client.policy.legacy_grants).collect())
    }

    /// Changes a client; whether there is such a client. What is not given stays as it is at that
    /// moment. Sessions and tokens that it has keep the lifetimes they were given.
    pub async fn change_client(&self, id: &ClientId, change: &ClientChange) -> Result<bool> {
        let sql = "UPDATE clients SET name = COALESCE($2, name), policy = COALESCE($3, policy), \
            metadata = COALESCE($4, metadata), \
            backchannel_logout_uri = CASE WHEN $4 IS NULL THEN backchannel_logout_uri ELSE $5 END, \
            sealed_secret = CASE WHEN $6 IS NULL THEN sealed_secret ELSE $7 END, \
            secret_hash = COALESCE($6, secret_hash) WHERE id = $1";
        let secret = change.secret.as_ref();
        let uri = change.metadata.as_ref().and_then(|m| m.backchannel_logout_uri.as_deref());
        let update = || {
            sqlx::query(sql)
                .bind(id.as_str())
                .bind(change.name.as_deref())
                .bind(change.policy.as_ref().map(as_json))
                .bind(change.metadata.as_ref().map(as_json))
                .bind(uri)
                .bind(secret.map(|secret| secret.hash.as_str()))
                .bind(secret.and_then(|secret| secret.sealed.as_deref()))
        };
        self.database.change(update).await.map(|rows| rows > 0)
    }

    /// Replaces a client's secret, as a hash and, for assertions, sealed; whether there is such a
    /// client.
    pub async fn replace_client_secret(
        &self,
        id: &ClientId,
        hash: &SecretHash,
        sealed: Option<&str>,
    ) -> Result<bool> {
        let secret = ClientSecret { hash: hash.clone(), sealed: sealed.map(str::to_owned) };
        let change = ClientChange { secret: Some(secret), ..ClientChange::default() };
        self.change_client(id, &change).await
    }

    /// Bars a client, and ends all its grants and the sessions that only it used. `None` when
    /// there is no such client.
    pub async fn disable_client(&self, id: &ClientId, now: Timestamp) -> Result<Option<Receipt>> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let lock = "SELECT id FROM clients WHERE id = $1 FOR UPDATE";
                    tx.lock(sqlx::query(lock).bind(id.as_str())).await?;
                    let sql = "UPDATE clients SET disabled_at_ms = $2 \
                    WHERE id = $1 AND disabled_at_ms IS NULL";
                    let update = sqlx::query(sql).bind(id.as_str()).bind(now.as_millis());
                    if tx.execute(update).await? == 1 {
                        let covered = Covered::Client(id.clone());
                        let reason = Reason::ClientDisabled;
                        return revocations::end(tx, &covered, reason, now).await.map(Some);
                    }
                    let sql = "SELECT id FROM clients WHERE id = $1";
                    let known = sqlx::query(sql).bind(id.as_str()).fetch_optional(tx.db()).await?;
                    match known {
                        Some(_) => revocations::nothing_left(tx).await.map(Some),
                        None => Ok(None),
                    }
                })
            })
            .await
    }

    /// Lets a client work again; whether there is such a client.
    pub async fn enable_client(&self, id: &ClientId) -> Result<bool> {
        let sql = "UPDATE clients SET disabled_at_ms = NULL WHERE id = $1";
        self.database.change(|| sqlx::query(sql).bind(id.as_str())).await.map(|rows| rows > 0)
    }
}

/// What is to be another about a client.
#[derive(Clone, Debug, Default)]
pub struct ClientChange {
    /// What people call it.
    pub name: Option<String>,
    /// What it says about itself, all of it.
    pub metadata: Option<ClientMetadata>,
    /// What it may do, all of it.
    pub policy: Option<ClientPolicy>,
    /// Its secret.
    pub secret: Option<ClientSecret>,
}

/// What is kept of a client's secret.
#[derive(Clone, Debug)]
pub struct ClientSecret {
    /// Its hash.
    pub hash: SecretHash,
    /// For checking what is signed with it: itself, sealed.
    pub sealed: Option<String>,
}

fn as_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("policy and metadata are strings, numbers and JSON")
}
