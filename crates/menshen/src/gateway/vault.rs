//! What the gateway keeps for browsers, in a database: its own file, or one that several gateways
//! share.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use menshen_domain::sealed::KeyEncryptionKey;
use menshen_domain::{Secret, SecretHash};
use menshen_gateway::config::StoreAt;
use menshen_gateway::vault::{
    Answer, Fingerprint, Held, LoggedOut, Login, Minter, Session, Ticket,
};
use menshen_gateway::{Entropy, Vault, VaultError};
use menshen_store::{GatewayLogin, GatewaySession, GatewayTicket, OneTime, Store, StoreOptions};
use menshen_token::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Requests are few: sessions are remembered in memory.
const CONNECTIONS: u32 = 8;

/// Rows that are deleted at once.
const BATCH: u32 = 500;

/// A vault in a database. What must be used again is sealed with a key beside it.
#[derive(Debug)]
pub(super) struct StoredVault {
    store: Store,
    key: KeyEncryptionKey,
    entropy: Arc<dyn Entropy>,
}

impl StoredVault {
    /// Opens it; makes key and file if this is the first time.
    pub(super) async fn open(at: &StoreAt, entropy: Arc<dyn Entropy>) -> Result<Self> {
        let key = menshen_server::open_data_folder(&at.data, &menshen_server::SystemEntropy)
            .context("failed to open the data folder of the gateway")?;
        let file = || -> Result<String> {
            let folder = std::path::absolute(&at.data)?;
            Ok(format!("sqlite://{}", folder.join("gateway.db").display()))
        };
        let url = at.url.clone().map_or_else(file, Ok)?;
        let options = StoreOptions {
            url: Secret::new(url),
            connections: CONNECTIONS,
            access_token_ceiling: Duration::from_hours(1),
        };
        let store = Store::open(&options).await.context("failed to open [store]")?;
        Ok(Self { store, key, entropy })
    }

    fn seal(&self, name: &SecretHash, content: &impl Serialize) -> Result<String, VaultError> {
        let plain = serde_json::to_vec(content).map_err(failed)?;
        Ok(self.key.seal(name.as_str(), self.entropy.bytes(), &plain))
    }

    fn unseal<T: DeserializeOwned>(
        &self,
        name: &SecretHash,
        sealed: &str,
    ) -> Result<T, VaultError> {
        let plain = self.key.unseal(name.as_str(), sealed).map_err(failed)?;
        serde_json::from_slice(&plain).map_err(failed)
    }

    fn row(&self, session: &Session, held: &Held) -> Result<GatewaySession, VaultError> {
        let hash = hash_of(&session.cookie);
        Ok(GatewaySession {
            issuer: held.issuer.clone(),
            subject: held.identity.subject.clone(),
            sid: held.identity.session_id.clone(),
            sealed: self.seal(&hash, held)?,
            generation: session.generation,
            expires_at: session.expires_at,
            hash,
        })
    }
}

impl Vault for StoredVault {
    fn keep_login<'a>(
        &'a self,
        state: &'a Fingerprint,
        login: &'a Login,
        until: Timestamp,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let hash = hash_of(state);
            let sealed = self.seal(&hash, login)?;
            let row = GatewayLogin { hash, sealed, expires_at: until };
            self.store.keep_gateway_login(&row).await.map_err(failed)
        })
    }

    fn take_login<'a>(
        &'a self,
        state: &'a Fingerprint,
        now: Timestamp,
    ) -> Answer<'a, Option<Login>> {
        Box::pin(async move {
            let hash = hash_of(state);
            let sealed = self.store.take_gateway_login(&hash, now).await.map_err(failed)?;
            sealed.map(|sealed| self.unseal(&hash, &sealed)).transpose()
        })
    }

    fn keep_session<'a>(
        &'a self,
        session: &'a Session,
        replaced: Option<&'a Fingerprint>,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let row = self.row(session, &session.held)?;
            let replaced = replaced.map(hash_of);
            self.store.keep_gateway_session(&row, replaced.as_ref()).await.map_err(failed)
        })
    }

    fn find_session<'a>(
        &'a self,
        cookie: &'a Fingerprint,
        now: Timestamp,
    ) -> Answer<'a, Option<Session>> {
        Box::pin(async move {
            let hash = hash_of(cookie);
            let row = self.store.find_gateway_session(&hash, now).await.map_err(failed)?;
            row.map(|row| {
                Ok(Session {
                    cookie: cookie.clone(),
                    held: self.unseal(&hash, &row.sealed)?,
                    generation: row.generation,
                    expires_at: row.expires_at,
                })
            })
            .transpose()
        })
    }

    fn lease<'a>(
        &'a self,
        session: &'a Session,
        now: Timestamp,
        until: Timestamp,
    ) -> Answer<'a, bool> {
        Box::pin(async move {
            let (hash, generation) = (hash_of(&session.cookie), session.generation);
            self.store.lease_gateway_session((&hash, generation), now, until).await.map_err(failed)
        })
    }

    fn release<'a>(&'a self, session: &'a Session) -> Answer<'a, ()> {
        Box::pin(async move {
            let (hash, generation) = (hash_of(&session.cookie), session.generation);
            self.store.release_gateway_session((&hash, generation)).await.map_err(failed)
        })
    }

    fn renew<'a>(&'a self, session: &'a Session, held: &'a Held) -> Answer<'a, bool> {
        Box::pin(async move {
            let (hash, generation) = (hash_of(&session.cookie), session.generation);
            let sealed = self.seal(&hash, held)?;
            self.store.renew_gateway_session((&hash, generation), &sealed).await.map_err(failed)
        })
    }

    fn touch<'a>(&'a self, cookie: &'a Fingerprint, until: Timestamp) -> Answer<'a, ()> {
        Box::pin(async move {
            let hash = hash_of(cookie);
            self.store.touch_gateway_session(&hash, until).await.map_err(failed)
        })
    }

    fn end_session<'a>(&'a self, cookie: &'a Fingerprint) -> Answer<'a, bool> {
        Box::pin(
            async move { self.store.end_gateway_session(&hash_of(cookie)).await.map_err(failed) },
        )
    }

    fn end_sessions<'a>(&'a self, ended: &'a LoggedOut) -> Answer<'a, Vec<Fingerprint>> {
        Box::pin(async move {
            let ended = menshen_store::LoggedOut {
                issuer: ended.issuer.clone(),
                subject: ended.subject.clone(),
                sid: ended.session_id.clone(),
            };
            let found = self.store.end_gateway_sessions(&ended).await.map_err(failed)?;
            found.iter().map(|hash| hash.as_str().parse().map_err(failed)).collect()
        })
    }

    fn keep_ticket<'a>(&'a self, ticket: &'a Ticket) -> Answer<'a, bool> {
        Box::pin(async move {
            let hash = hash_of(&ticket.ticket);
            let row = GatewayTicket {
                request: hash_of(&ticket.request),
                session: ticket.session.as_ref().map(hash_of),
                sealed: self.seal(&hash, &ticket.minter)?,
                expires_at: ticket.expires_at,
                hash,
            };
            self.store.keep_gateway_ticket(&row).await.map_err(failed)
        })
    }

    fn take_ticket<'a>(
        &'a self,
        ticket: &'a Fingerprint,
        request: &'a Fingerprint,
        now: Timestamp,
    ) -> Answer<'a, Option<Minter>> {
        Box::pin(async move {
            let (hash, request) = (hash_of(ticket), hash_of(request));
            let taken = self.store.take_gateway_ticket(&hash, &request, now).await;
            let sealed = taken.map_err(failed)?;
            sealed.map(|sealed| self.unseal(&hash, &sealed)).transpose()
        })
    }

    fn is_first<'a>(&'a self, jti: &'a str, until: Timestamp) -> Answer<'a, bool> {
        Box::pin(async move {
            self.store.consume(OneTime::LogoutToken, jti, until).await.map_err(failed)
        })
    }

    fn sweep(&self, now: Timestamp) -> Answer<'_, ()> {
        Box::pin(async move {
            while self.store.delete_expired(now, BATCH).await.map_err(failed)? >= u64::from(BATCH) {
                tokio::task::yield_now().await;
            }
            Ok(())
        })
    }
}

fn hash_of(fingerprint: &Fingerprint) -> SecretHash {
    match fingerprint.as_str().parse() {
        Ok(hash) => hash,
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> VaultError {
    VaultError(Box::new(error))
}
