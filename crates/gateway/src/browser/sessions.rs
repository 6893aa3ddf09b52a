//! The sessions that browsers hold: found by their cookie, remembered for a moment, ended at once.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use menshen_token::Timestamp;
use menshen_verifier::Rejection;

use crate::config::{Authentication, Requirements};
use crate::credentials::{kept, unauthenticated};
use crate::doors::proxy::LiveStreams;
use crate::gateway::Gateway;
use crate::vault::{Fingerprint, LoggedOut, Session, Vault, VaultError};
use crate::{Facts, Identity, Refusal};

/// How long another node may not know that a session has ended here, where nothing but the vault
/// says so. Our own provider says it by its feed.
const REMEMBERED: Duration = Duration::from_secs(1);

/// How much of its idle time a session uses up before that is noted.
const NOTED_AFTER: Duration = Duration::from_mins(1);

/// How many sessions are remembered before all are forgotten.
const CAPACITY: usize = 100_000;

/// The browsers that are signed in.
pub(crate) struct Browsers {
    pub(super) vault: Arc<dyn Vault>,
    streams: Arc<LiveStreams>,
    remembered: papaya::HashMap<Fingerprint, (Arc<Session>, Duration)>,
    /// Counts what ended, so that nothing is remembered that was read before it did.
    ended: AtomicU64,
    /// Who exchanges tokens here at the moment.
    flights: Mutex<HashMap<Fingerprint, Weak<tokio::sync::Mutex<()>>>>,
}

impl Browsers {
    /// Nobody yet, but for whoever is in the vault.
    pub(crate) fn new(vault: Arc<dyn Vault>, streams: Arc<LiveStreams>) -> Self {
        Self {
            vault,
            streams,
            remembered: papaya::HashMap::new(),
            ended: AtomicU64::new(0),
            flights: Mutex::default(),
        }
    }

    /// A session that was looked up within the last second, or is looked up now.
    pub(super) async fn find(
        &self,
        gateway: &Gateway,
        cookie: &Fingerprint,
    ) -> Result<Option<Arc<Session>>, VaultError> {
        let moment = gateway.monotonic();
        if let Some((session, at)) = self.remembered.pin().get(cookie)
            && moment.saturating_sub(*at) < REMEMBERED
            && session.expires_at > gateway.now()
        {
            return Ok(Some(Arc::clone(session)));
        }
        let ended = self.ended();
        let found = self.vault.find_session(cookie, gateway.now()).await?.map(Arc::new);
        match &found {
            Some(session) => {
                self.remember(session, moment, ended);
                self.note_use(gateway, session);
            }
            None => self.forget(cookie),
        }
        Ok(found)
    }

    /// How often something has ended: to be read before a session is.
    pub(super) fn ended(&self) -> u64 {
        self.ended.load(Ordering::Acquire)
    }

    /// Remembers a session as it was at a moment, unless something has ended since it was read.
    pub(super) fn remember(&self, session: &Arc<Session>, moment: Duration, ended: u64) {
        let remembered = self.remembered.pin();
        if remembered.len() >= CAPACITY {
            remembered.clear();
        }
        remembered.insert(session.cookie.clone(), (Arc::clone(session), moment));
        // Looked at afterwards: an end between a look before and this would go unseen.
        if self.ended() != ended {
            remembered.remove(&session.cookie);
        }
    }

    fn forget(&self, cookie: &Fingerprint) {
        self.remembered.pin().remove(cookie);
    }

    /// Ends a session here and in the vault.
    pub(super) async fn end(&self, cookie: &Fingerprint) -> Result<bool, VaultError> {
        self.ended.fetch_add(1, Ordering::AcqRel);
        let ended = self.vault.end_session(cookie).await;
        self.ended.fetch_add(1, Ordering::AcqRel);
        self.cut_off(cookie);
        ended
    }

    /// Forgets a session, and ends the streams that it has open.
    fn cut_off(&self, cookie: &Fingerprint) {
        self.forget(cookie);
        self.streams.end(|identity| identity.kept.as_ref() == Some(cookie));
    }

    /// Ends every session that a provider says has ended; how many.
    pub(super) async fn end_all(&self, ended: &LoggedOut) -> Result<usize, VaultError> {
        self.ended.fetch_add(1, Ordering::AcqRel);
        let found = self.vault.end_sessions(ended).await;
        self.ended.fetch_add(1, Ordering::AcqRel);
        let found = found?;
        for cookie in &found {
            self.cut_off(cookie);
        }
        Ok(found.len())
    }

    /// Whoever holds this exchanges the tokens of a session; the others wait for what comes of it.
    pub(super) fn flight(&self, cookie: &Fingerprint) -> Arc<tokio::sync::Mutex<()>> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(cookie).and_then(Weak::upgrade) {
            return flight;
        }
        flights.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::new(tokio::sync::Mutex::new(()));
        flights.insert(cookie.clone(), Arc::downgrade(&flight));
        flight
    }

    /// A session that is used lives on.
    fn note_use(&self, gateway: &Gateway, session: &Session) {
        let idle = gateway.rules().config.sessions.idle;
        let until = session.held.ends_at.min(gateway.now() + idle);
        if until.since(session.expires_at) < NOTED_AFTER.min(idle / 10) {
            return;
        }
        let (vault, cookie) = (Arc::clone(&self.vault), session.cookie.clone());
        tokio::spawn(async move {
            if let Err(error) = vault.touch(&cookie, until).await {
                tracing::warn!(error = %error, "the use of a session could not be noted");
            }
        });
    }

    /// Who holds this cookie, as far as a rule is concerned.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unauthenticated`], or [`Refusal::Unavailable`] when it cannot be told.
    pub(crate) async fn identify(
        &self,
        gateway: &Gateway,
        cookie: &Fingerprint,
        (facts, required): (&Facts, &Requirements),
    ) -> Result<Identity, Refusal> {
        let gone = || unauthenticated(required, Rejection::Missing);
        let session = self.current(gateway, cookie).await?.ok_or_else(gone)?;
        if !session.held.host.eq_ignore_ascii_case(&facts.host) {
            return Err(gone());
        }
        let rules = gateway.rules_owned();
        let asked_for = rules.logins.of(required.login.as_deref()).ok_or(Refusal::Unavailable)?;
        if session.held.issuer != asked_for.issuer {
            return Err(gone());
        }
        if !asked_for.is_ours {
            let mut identity = session.held.identity.clone();
            identity.expires_at = session.held.ends_at;
            return Ok(identity);
        }
        let admit = async |session: &Session| {
            let token = session.held.tokens.access.as_deref().ok_or(Rejection::Missing)?;
            kept::admit(gateway, token, (required, Authentication::Session)).await
        };
        match admit(&session).await {
            // New claims need a new token, and a session whose tokens were ended has none.
            Err(Rejection::Revoked | Rejection::Expired)
                if session.held.tokens.refresh.is_some() =>
            {
                let renewed = self
                    .renewed(gateway, &session)
                    .await?
                    .ok_or_else(|| unauthenticated(required, Rejection::Revoked))?;
                admit(&renewed).await
            }
            admitted => admitted,
        }
        .map_err(|reason| unauthenticated(required, reason))
    }

    /// Deletes what has expired, and forgets what nobody has asked for.
    pub(crate) async fn sweep(&self, now: Timestamp, moment: Duration) -> Result<(), VaultError> {
        self.remembered.pin().retain(|_, (_, at)| moment.saturating_sub(*at) < REMEMBERED);
        self.vault.sweep(now).await
    }
}

impl fmt::Debug for Browsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browsers").field("vault", &self.vault).finish_non_exhaustive()
    }
}
