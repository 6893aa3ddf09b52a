//! New tokens for a session before the old ones expire: once, however many requests there are and
//! however many nodes.

use std::sync::Arc;
use std::time::Duration;

use super::provider::{LoginProvider, ProviderError};
use super::sessions::Browsers;
use crate::Refusal;
use crate::gateway::Gateway;
use crate::vault::{Fingerprint, Session, VaultError};

/// How long one node may take for it before another one tries.
const LEASE: Duration = Duration::from_secs(20);

/// How often it is looked whether another node is done.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A token that expires so soon is not sent any more.
const MARGIN: Duration = Duration::from_secs(1);

impl Browsers {
    /// A session whose tokens are good; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`] when vault or provider do not answer, and nothing good is left.
    pub(super) async fn current(
        &self,
        gateway: &Gateway,
        cookie: &Fingerprint,
    ) -> Result<Option<Arc<Session>>, Refusal> {
        let Some(session) = self.find(gateway, cookie).await.map_err(unavailable)? else {
            return Ok(None);
        };
        let (tokens, now) = (&session.held.tokens, gateway.now());
        if tokens.refresh.is_none() || now < tokens.refresh_at {
            return Ok(Some(session));
        }
        if now + MARGIN < tokens.expires_at {
            // Good for this request; the next ones get better.
            if self.flight(cookie).try_lock().is_ok() {
                tokio::spawn(renew(gateway.clone(), Arc::clone(&session)));
            }
            return Ok(Some(session));
        }
        match self.renewed(gateway, &session).await {
            Err(Refusal::Unavailable) if gateway.now() < tokens.expires_at => {}
            renewed => return renewed,
        }
        Ok(Some(session))
    }

    /// The session with new tokens; `None` when it has ended.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`] when vault or provider do not answer.
    pub(super) async fn renewed(
        &self,
        gateway: &Gateway,
        session: &Arc<Session>,
    ) -> Result<Option<Arc<Session>>, Refusal> {
        // In a task of its own: whoever asked may go away, but new tokens must not get lost.
        let task = tokio::spawn(renew(gateway.clone(), Arc::clone(session)));
        task.await.map_err(|_| Refusal::Unavailable)?
    }
}

async fn renew(gateway: Gateway, old: Arc<Session>) -> Result<Option<Arc<Session>>, Refusal> {
    let browsers = gateway.browsers().ok_or(Refusal::Unavailable)?;
    let flight = browsers.flight(&old.cookie);
    let _in_flight = flight.lock().await;
    let ended = browsers.ended();
    let Some(session) = take_on(&gateway, browsers, &old).await.map_err(unavailable)? else {
        return Ok(None);
    };
    if session.generation != old.generation {
        let session = Arc::new(session);
        browsers.remember(&session, gateway.monotonic(), ended);
        return Ok(Some(session));
    }
    let rules = gateway.rules_owned();
    let Some(provider) = rules.logins.of(session.held.login.as_deref()) else {
        tracing::warn!(login = session.held.login, "a session is of a login that is gone");
        return Err(Refusal::Unavailable);
    };
    exchange(&gateway, (browsers, provider), (session, ended)).await
}

/// Waits until it is for us to exchange the tokens, or somebody else has; `None` when the session
/// has ended.
async fn take_on(
    gateway: &Gateway,
    browsers: &Browsers,
    old: &Session,
) -> Result<Option<Session>, VaultError> {
    let mut waited = Duration::ZERO;
    loop {
        let now = gateway.now();
        let Some(session) = browsers.vault.find_session(&old.cookie, now).await? else {
            return Ok(None);
        };
        if session.generation != old.generation
            || browsers.vault.lease(&session, now, now + LEASE).await?
        {
            return Ok(Some(session));
        }
        if waited > LEASE {
            let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
            return Err(VaultError(Box::new(late)));
        }
        tokio::time::sleep(LOOK_EVERY).await;
        waited += LOOK_EVERY;
    }
}

async fn exchange(
    gateway: &Gateway,
    (browsers, provider): (&Browsers, &LoginProvider),
    (session, ended): (Session, u64),
) -> Result<Option<Arc<Session>>, Refusal> {
    match provider.refresh(gateway, &session.held.tokens).await {
        Ok(tokens) => {
            let mut renewed = session.clone();
            renewed.held.tokens = tokens;
            renewed.generation += 1;
            if !browsers.vault.renew(&session, &renewed.held).await.map_err(unavailable)? {
                // It ended while we asked; what we got must not outlive it.
                if let Err(error) = provider.end(gateway, &renewed.held.tokens).await {
                    tracing::warn!(error = %error, "new tokens of an ended session could not be ended");
                }
                return Ok(None);
            }
            let renewed = Arc::new(renewed);
            browsers.remember(&renewed, gateway.monotonic(), ended);
            Ok(Some(renewed))
        }
        Err(ProviderError::Gone(reason)) => {
            tracing::info!(
                login = provider.name,
                subject = session.held.identity.subject,
                reason,
                "a session has ended at its provider"
            );
            browsers.end(&session.cookie).await.map_err(unavailable)?;
            Ok(None)
        }
        Err(error) => {
            tracing::warn!(error = %error, login = provider.name, "tokens could not be exchanged");
            browsers.vault.release(&session).await.map_err(unavailable)?;
            // Whoever has a token that is still good does not ask again at once.
            let mut later = session;
            later.held.tokens.refresh_at = gateway.now() + MARGIN;
            browsers.remember(&Arc::new(later), gateway.monotonic(), ended);
            Err(Refusal::Unavailable)
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
pub(super) fn unavailable(error: VaultError) -> Refusal {
    tracing::error!(error = %error, "the vault does not answer");
    Refusal::Unavailable
}
