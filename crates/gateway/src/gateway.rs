//! The gateway: rules that can be exchanged, and what is needed to judge by them.

use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use menshen_token::{Clock, Timestamp};
use menshen_verifier::{Readiness, Verifier};

use crate::config::{Config, Miss};
use crate::decision::Limits;
use crate::{Entropy, Facts, decision};

/// The gateway. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    parts: Arc<Parts>,
}

struct Parts {
    rules: ArcSwap<Rules>,
    verifier: Option<Verifier>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// The rules in force.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) config: Config,
    pub(crate) limits: Limits,
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
        let rules = ArcSwap::from_pointee(Rules { config, limits });
        Self { parts: Arc::new(Parts { rules, verifier, clock, entropy }) }
    }

    /// Exchanges the rules. Requests under way end by the old ones, and a rate limit that stays
    /// the same goes on counting.
    pub fn replace_rules(&self, config: Config) {
        let limits = Limits::new(&config.rules, Some(&self.rules().limits), &self.parts.clock);
        self.parts.rules.store(Arc::new(Rules { config, limits }));
    }

    /// Whether decisions can be taken, and if not, why.
    pub fn readiness(&self) -> Readiness {
        self.parts.verifier.as_ref().map_or(Readiness::Ready, Verifier::readiness)
    }

    /// How many senders the rate limits remember, for metrics.
    pub fn limited_senders(&self) -> usize {
        self.rules().limits.len()
    }

    /// How each rule, up to the one that decides, fits a request; empty when the request is refused
    /// before any rule is looked at.
    pub fn fits(&self, facts: &Facts) -> Vec<(String, Option<Miss>)> {
        decision::misses(&self.rules(), facts)
    }

    pub(crate) fn rules(&self) -> Guard<Arc<Rules>> {
        self.parts.rules.load()
    }

    pub(crate) fn verifier(&self) -> Option<&Verifier> {
        self.parts.verifier.as_ref()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// A number for a request: 128 random bits in hexadecimal.
    pub(crate) fn request_id(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.parts.entropy.bytes()))
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("verifier", &self.parts.verifier).finish_non_exhaustive()
    }
}
