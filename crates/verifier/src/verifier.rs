//! Check a token locally. No network call, no lock.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use menshen_token::{AccessToken, Clock, Expectations, Flaw, RevocationSet, Seq};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::freshness::Freshness;
use crate::issuer::Issuer;
use crate::key_cache::KeyCache;
use crate::proof::ProofMemory;
use crate::{
    Policy, Presented, Readiness, Rejection, Status, Verified, VerifierBuilder, VerifyLayer,
};

/// Checks access tokens of one issuer, for one audience. Cheap to clone; the tasks that keep it
/// current end with the last clone.
#[derive(Clone)]
pub struct Verifier {
    shared: Arc<Shared>,
    /// `None` when rules and keys are fed by hand.
    issuer: Option<Arc<Issuer>>,
    _tasks: Arc<Tasks>,
}

impl Verifier {
    /// Begins to describe a verifier for the tokens of this issuer: its URL, letter by letter
    /// as it stands in `iss`.
    pub fn builder(issuer: impl Into<String>) -> VerifierBuilder {
        VerifierBuilder::new(issuer.into())
    }

    pub(crate) fn new(
        shared: Arc<Shared>,
        issuer: Option<Arc<Issuer>>,
        tasks: Vec<AbortHandle>,
    ) -> Self {
        Self { shared, issuer, _tasks: Arc::new(Tasks(tasks)) }
    }

    /// Checks a token that came by the `Bearer` scheme, under the verifier's own [`Policy`].
    /// Makes no network call and takes no lock.
    ///
    /// # Errors
    ///
    /// The first [`Rejection`] found. A token that is bound to a key is refused with
    /// [`Rejection::ProofMissing`], and [`Policy::Introspect`] acts as [`Policy::Refuse`]:
    /// see [`Verifier::admit`].
    pub fn verify(&self, token: &str) -> Result<Verified, Rejection> {
        self.verify_presented(Presented::bearer(token), self.shared.policy)
    }

    /// As [`Verifier::verify`], for a token presented in any way, under a policy of the route.
    ///
    /// # Errors
    ///
    /// The first [`Rejection`] found.
    pub fn verify_presented(
        &self,
        presented: Presented<'_>,
        policy: Policy,
    ) -> Result<Verified, Rejection> {
        match self.check(presented, policy)? {
            Checked::Proven(verified) => Ok(verified),
            Checked::Unproven(_) => Err(Rejection::Stale),
        }
    }

    /// As [`Verifier::verify_presented`]; while the rules are older than allowed,
    /// [`Policy::Introspect`] asks the issuer about this one token.
    ///
    /// # Errors
    ///
    /// The first [`Rejection`] found; [`Rejection::Stale`] when the issuer does not answer.
    pub async fn admit(
        &self,
        presented: Presented<'_>,
        policy: Policy,
    ) -> Result<Verified, Rejection> {
        match self.check(presented, policy)? {
            Checked::Proven(verified) => Ok(verified),
            Checked::Unproven(verified) => self.ask(presented.token, verified).await,
        }
    }

    /// A tower layer that checks each request and leaves a [`Verified`] in its extensions.
    pub fn layer(&self) -> VerifyLayer {
        VerifyLayer::new(self.clone())
    }

    /// Whether the verifier can do its work now, and if not, why.
    pub fn readiness(&self) -> Readiness {
        let age = self.shared.freshness.age(self.shared.clock.monotonic());
        match age {
            None => Readiness::NoSnapshot,
            Some(_) if self.shared.keys.ring().is_none() => Readiness::NoKeys,
            Some(age) if age > self.shared.freshness.max_staleness() => Readiness::Stale { age },
            Some(_) => Readiness::Ready,
        }
    }

    /// Waits until the verifier is ready: keys and a first snapshot have arrived.
    pub async fn ready(&self) {
        let mut news = self.shared.news.subscribe();
        while !self.readiness().is_ready() {
            // The sender lives as long as `self`, so this waits and never fails.
            let _ = news.changed().await;
        }
    }

    /// Whether a revocation that has arrived by now kills a token that was checked before.
    pub fn is_revoked(&self, verified: &Verified) -> bool {
        self.shared.rules.load().kills(verified.token())
    }

    /// Tells whenever the revocations have changed, for whoever holds on to checked tokens.
    pub fn changes(&self) -> Changes {
        Changes(self.shared.changes.subscribe())
    }

    /// What the verifier knows about itself, for metrics.
    pub fn status(&self) -> Status {
        let applied = self.shared.applied.load(Ordering::Relaxed);
        Status {
            readiness: self.readiness(),
            applied: (applied != NOTHING_APPLIED).then_some(Seq(applied)),
            staleness: self.shared.freshness.age(self.shared.clock.monotonic()),
            rules: self.shared.rules.load().len(),
        }
    }

    /// The policy of routes that have none of their own.
    pub fn policy(&self) -> Policy {
        self.shared.policy
    }

    pub(crate) fn check(
        &self,
        presented: Presented<'_>,
        policy: Policy,
    ) -> Result<Checked, Rejection> {
        let shared = &*self.shared;
        // Read before the rules: rules that arrive in between are newer than this says.
        let suffices =
            shared.holds_rules && shared.freshness.suffices(policy, shared.clock.monotonic());
        let token = shared.genuine(presented.token).map_err(|rejection| match rejection {
            // While we are cut off, a key may have been published that we could not fetch.
            Rejection::UnknownKey if !suffices => Rejection::Stale,
            rejection => rejection,
        })?;
        if shared.rules.load().kills(&token) {
            return Err(Rejection::Revoked);
        }
        shared.possessed(&token, presented)?;
        Checked::of(Verified::new(token), suffices, policy)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) async fn ask(&self, token: &str, verified: Verified) -> Result<Verified, Rejection> {
        let issuer = self.issuer.as_ref().ok_or(Rejection::Stale)?;
        match issuer.introspect(token).await {
            Ok(true) => Ok(verified),
            Ok(false) => Err(Rejection::Revoked),
            Err(error) => {
                tracing::warn!(error = %error, "could not ask the issuer about a token");
                Err(Rejection::Stale)
            }
        }
    }
}

impl fmt::Debug for Verifier {
    /// Without the rules and tokens held, which may be millions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("issuer", &self.shared.expected.issuer)
            .field("audience", &self.shared.expected.audience)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// Changes of the revocations, as they are applied.
#[derive(Clone, Debug)]
pub struct Changes(watch::Receiver<()>);

impl Changes {
    /// Waits for the next change; several at once count as one. `false` when the verifier is gone.
    pub async fn next(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

/// A token that holds in every way but, perhaps, one.
#[derive(Debug)]
pub(crate) enum Checked {
    /// Not revoked.
    Proven(Verified),
    /// Not revoked as far as we know, which is not far enough: the issuer must be asked.
    Unproven(Verified),
}

impl Checked {
    /// What a token is that no rule kills, by rules that suffice or do not.
    pub(crate) fn of(
        verified: Verified,
        suffices: bool,
        policy: Policy,
    ) -> Result<Self, Rejection> {
        match (suffices, policy) {
            (true, _) => Ok(Self::Proven(verified)),
            (false, Policy::Introspect) => Ok(Self::Unproven(verified)),
            (false, Policy::Refuse | Policy::AllowFor(_)) => Err(Rejection::Stale),
        }
    }
}

const NOTHING_APPLIED: u64 = u64::MAX;

/// What requests read and the background tasks write.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) freshness: Freshness,
    pub(crate) keys: KeyCache,
    expected: Expectations,
    policy: Policy,
    rules: ArcSwap<RevocationSet>,
    applied: AtomicU64,
    proofs: ProofMemory,
    /// Whether the rules are ours; otherwise they are asked for, token by token.
    pub(crate) holds_rules: bool,
    news: watch::Sender<()>,
    changes: watch::Sender<()>,
}

/// Proofs remembered at most; each is good for a minute or two, so this is some hundreds of
/// bound requests a second, each costing up to 300 bytes.
const PROOF_CAPACITY: usize = 200_000;

impl Shared {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        expected: Expectations,
        policy: Policy,
        freshness: Freshness,
        keys: KeyCache,
    ) -> Self {
        Self {
            clock,
            freshness,
            keys,
            expected,
            policy,
            rules: ArcSwap::default(),
            applied: AtomicU64::new(NOTHING_APPLIED),
            proofs: ProofMemory::new(PROOF_CAPACITY),
            holds_rules: true,
            news: watch::Sender::new(()),
            changes: watch::Sender::new(()),
        }
    }

    pub(crate) fn replace_rules(&self, rules: Arc<RevocationSet>, applied: Option<Seq>) {
        self.rules.store(rules);
        self.applied.store(applied.map_or(NOTHING_APPLIED, |seq| seq.0), Ordering::Relaxed);
        self.changes.send_replace(());
    }

    pub(crate) fn confirm(&self, now: Duration, delay: Duration) {
        self.freshness.confirm(now, delay);
        self.tell();
    }

    /// Wakes who waits for [`Verifier::ready`].
    pub(crate) fn tell(&self) {
        self.news.send_replace(());
    }

    /// Whether whoever presents a token holds the key that it is bound to, if it is.
    pub(crate) fn possessed(
        &self,
        token: &AccessToken,
        presented: Presented<'_>,
    ) -> Result<(), Rejection> {
        match (&token.confirmation, presented.proof) {
            (None, None) => Ok(()),
            (Some(_), None) => Err(Rejection::ProofMissing),
            (None, Some(_)) => Err(Rejection::WrongProof),
            (Some(bound_to), Some(proof)) => self.proofs.judge(bound_to, proof, self.clock.now()),
        }
    }

    /// Everything about a token but revocation, possession and freshness.
    pub(crate) fn genuine(&self, text: &str) -> Result<Arc<AccessToken>, Rejection> {
        let ring = self.keys.ring();
        // Without keys the fault is ours, whatever the token is.
        let ring = ring.as_ref().ok_or(Rejection::Stale)?;
        let now = self.clock.now();
        if let Some(token) = ring.tokens.find(text) {
            self.expected.judge_time(&token, now)?;
            return Ok(token);
        }
        match menshen_token::verify(text, &ring.keys, &self.expected, now) {
            Ok(token) => {
                let token = Arc::new(token);
                ring.tokens.insert(text, Arc::clone(&token));
                Ok(token)
            }
            Err(flaw) => {
                if flaw == Flaw::UnknownKey {
                    self.keys.poke(self.clock.monotonic());
                }
                Err(flaw.into())
            }
        }
    }
}

/// Background tasks, which end when this is dropped.
#[derive(Debug)]
struct Tasks(Vec<AbortHandle>);

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests;
