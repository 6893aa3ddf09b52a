//! The gateway: rules that can be exchanged, and what is needed to judge by them.

mod liveness;
mod mirror;
mod telemetry;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_token::{Clock, Timestamp};
use menshen_verifier::{Readiness, Verifier};

use crate::browser::{Browsers, Logins};
use crate::config::{Config, Provider};
use crate::credentials::Conversion;
use crate::decision::Limits;
use crate::doors::proxy::LiveStreams;
use crate::{Entropy, Facts, Fit, Signer, Vault, decision};

use liveness::KnownAlive;

pub(crate) use mirror::Mirror;
pub(crate) use telemetry::{Levels, Taken, Telemetry};

/// The gateway. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    parts: Arc<Parts>,
}

struct Parts {
    rules: ArcSwap<Rules>,
    signer: ArcSwapOption<Signer>,
    verifier: Option<Verifier>,
    /// Set once, when there is a provider to ask.
    conversion: OnceLock<Conversion>,
    /// Set once, when revocations are read there.
    mirror: OnceLock<Mirror>,
    known_alive: KnownAlive,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    telemetry: Telemetry,
    browsers: OnceLock<Browsers>,
    live_streams: Arc<LiveStreams>,
}

/// The rules in force.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) config: Config,
    pub(crate) limits: Limits,
    pub(crate) logins: Logins,
}

impl Gateway {
    /// A gateway that judges by these rules, with the verifier of the provider that they name.
    pub fn new(
        config: Config,
        verifier: Option<Verifier>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let limits = Limits::new(&config.rules, None, &clock);
        let rules = Rules { config, limits, logins: Logins::default() };
        let parts = Parts {
            rules: ArcSwap::from_pointee(rules),
            signer: ArcSwapOption::empty(),
            verifier,
            conversion: OnceLock::new(),
            mirror: OnceLock::new(),
            known_alive: KnownAlive::default(),
            clock,
            entropy,
            telemetry: Telemetry::new(),
            browsers: OnceLock::new(),
            live_streams: Arc::default(),
        };
        Self { parts: Arc::new(parts) }
    }

    /// Exchanges the rules. Requests under way end by the old ones, and a rate limit that stays
    /// the same goes on counting.
    pub(crate) fn replace_rules(&self, config: Config, logins: Logins) {
        let limits = Limits::new(&config.rules, Some(&self.rules().limits), &self.parts.clock);
        self.parts.rules.store(Arc::new(Rules { config, limits, logins }));
    }

    /// Lets browsers sign in; what they hold is kept here.
    pub(crate) fn welcome_browsers(&self, vault: Arc<dyn Vault>) {
        let streams = Arc::clone(&self.parts.live_streams);
        self.parts.browsers.get_or_init(|| Browsers::new(vault, streams));
    }

    /// Exchanges what signs for services behind.
    pub fn replace_signer(&self, signer: Option<Signer>) {
        self.parts.signer.store(signer.map(Arc::new));
    }

    /// What signs for services behind.
    pub(crate) fn signer(&self) -> Option<Arc<Signer>> {
        self.parts.signer.load_full()
    }

    /// Lets passwords, digests and opaque tokens be exchanged at the provider.
    pub(crate) fn convert_by(&self, http: reqwest::Client, provider: &Provider, secret: &str) {
        let (clock, entropy) = (Arc::clone(&self.parts.clock), self.parts.entropy.as_ref());
        let conversion = Conversion::new(http, provider, secret, clock, entropy);
        // Whoever came first stays: the provider is the one of the start.
        let _ = self.parts.conversion.set(conversion);
    }

    /// Whether decisions can be taken, and if not, why.
    pub fn readiness(&self) -> Readiness {
        self.parts.verifier.as_ref().map_or(Readiness::Ready, Verifier::readiness)
    }

    /// Numbers about decisions, and about what they stand on, as Prometheus reads them.
    pub fn metrics(&self) -> String {
        let rules = self.rules();
        self.telemetry().render(&Levels {
            verifier: self.parts.verifier.as_ref().map(Verifier::status),
            rules: rules.config.rules.len(),
            limited_senders: rules.limits.len(),
            assertions: self.signer().map_or(0, |signer| signer.remembered()),
        })
    }

    /// Waits until decisions can be taken.
    pub async fn ready(&self) {
        if let Some(verifier) = &self.parts.verifier {
            verifier.ready().await;
        }
    }

    /// How each rule, up to the one that decides, fits a request; empty when the request is refused
    /// before any rule is looked at.
    pub fn fits(&self, facts: &Facts) -> Vec<Fit> {
        decision::fits(&self.rules(), facts)
    }

    pub(crate) fn rules(&self) -> Guard<Arc<Rules>> {
        self.parts.rules.load()
    }

    /// The rules, to be kept as long as one likes.
    pub(crate) fn rules_owned(&self) -> Arc<Rules> {
        self.parts.rules.load_full()
    }

    /// The browsers that are signed in; `None` without a place to keep them.
    pub(crate) fn browsers(&self) -> Option<&Browsers> {
        self.parts.browsers.get()
    }

    pub(crate) fn verifier(&self) -> Option<&Verifier> {
        self.parts.verifier.as_ref()
    }

    pub(crate) fn conversion(&self) -> Option<&Conversion> {
        self.parts.conversion.get()
    }

    /// So many random bytes.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        self.parts.entropy.bytes()
    }

    /// Requests under way that end with their session. Whoever keeps sessions ends them here too.
    pub(crate) fn live_streams(&self) -> &Arc<LiveStreams> {
        &self.parts.live_streams
    }

    /// Has revocations read in a mirror, from now on.
    pub(crate) fn read_from(&self, mirror: Mirror) {
        // Only the start sets it.
        let _ = self.parts.mirror.set(mirror);
    }

    pub(crate) fn mirror(&self) -> Option<&Mirror> {
        self.parts.mirror.get()
    }

    pub(crate) fn known_alive(&self) -> &KnownAlive {
        &self.parts.known_alive
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.parts.telemetry
    }

    /// Time that never steps.
    pub(crate) fn monotonic(&self) -> Duration {
        self.parts.clock.monotonic()
    }

    /// A text that nobody can guess: 256 random bits as 43 characters.
    pub(crate) fn secret(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.parts.entropy.bytes::<32>())
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.parts.entropy
    }

    /// The number of a request: what a proxy that we believe gave it, or 128 random bits in
    /// hexadecimal.
    pub(crate) fn request_id(&self, config: &Config, facts: &Facts) -> String {
        let given = || {
            let given = facts.headers.get(&config.identity.request_id)?.to_str().ok()?;
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
            let fits = (1..=128).contains(&given.len()) && given.bytes().all(plain);
            fits.then(|| given.to_owned())
        };
        let given = config.trust_request_id.then(given).flatten();
        given.unwrap_or_else(|| format!("{:032x}", u128::from_be_bytes(self.parts.entropy.bytes())))
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("verifier", &self.parts.verifier).finish_non_exhaustive()
    }
}
