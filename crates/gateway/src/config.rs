//! The rules file: what it may say, read strictly. `docs/guide/gateway-rules.md` is its reference.

mod browser;
mod file;
mod lifetime;
mod limits;
mod pattern;
mod problem;
mod redis;
mod rule;
mod telling;
mod upstream;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;

use crate::identity::HeaderNames;
use crate::target::Leniency;

pub use browser::{LoginAt, SessionLifetimes, StoreAt};
pub use file::{Provider, Tls};
pub use limits::Limits;
pub use pattern::{Case, HostPattern, PathPattern};
pub use problem::Problem;
pub use redis::{Redis, RedisUrl, RevocationSource};
pub use rule::{
    Access, Authentication, Cors, Lists, Miss, RateBy, RateLimit, Requirements, Rule, Streams,
    Unauthenticated,
};
pub use telling::{Assertions, Telling};
pub use upstream::{HostSent, Protocol, Upstream};

/// Everything that one rules file says.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the reverse proxy listens; `None` without one.
    pub listen: Option<SocketAddr>,
    /// Certificate and key of the reverse proxy; `None` is plain HTTP.
    pub tls: Option<Tls>,
    /// Where proxies ask for decisions, and operators for health and metrics.
    pub decisions: SocketAddr,
    /// Proxies in front of ours whose `X-Forwarded-*` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The Menshen that issues the tokens; `None` when every rule is public or denies.
    pub provider: Option<Provider>,
    /// The Redis that revocations are read from, when they are.
    pub redis: Option<Redis>,
    /// What the headers are called that tell services behind who asks.
    pub identity: HeaderNames,
    /// The JWTs for services behind; `None` when no rule and no upstream has them.
    pub assertions: Option<Assertions>,
    /// Whether the proxy in front of us gives each request its number, and takes out what clients
    /// send.
    pub trust_request_id: bool,
    /// How paths are read.
    pub paths: Leniency,
    /// Where browsers sign in, by name, beside the provider itself.
    pub logins: BTreeMap<String, LoginAt>,
    /// How long sessions of browsers hold.
    pub sessions: SessionLifetimes,
    /// Where those are kept.
    pub store: StoreAt,
    /// What one client may cost the reverse proxy.
    pub limits: Limits,
    /// Services behind the reverse proxy, by name.
    pub upstreams: BTreeMap<String, Arc<Upstream>>,
    /// In the order of the file; the first that fits decides.
    pub rules: Vec<Rule>,
}

impl Config {
    /// Reads a rules file.
    ///
    /// # Errors
    ///
    /// The first [`Problem`] found, with its line.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        Self::read_beside(path, None)
    }

    /// Reads a rules file in a process that holds a provider, which is taken when the file names
    /// none.
    ///
    /// # Errors
    ///
    /// The first [`Problem`] found, with its line.
    pub fn read_beside(path: &Path, provider: Option<&Provider>) -> Result<Self, Problem> {
        let text =
            std::fs::read_to_string(path).map_err(|error| Problem::unreadable(path, &error))?;
        file::parse(&path.display().to_string(), &text, provider)
    }

    /// Reads the text of a rules file; `name` is what problems call it.
    ///
    /// # Errors
    ///
    /// The first [`Problem`] found, with its line.
    pub fn parse(name: &str, text: &str) -> Result<Self, Problem> {
        file::parse(name, text, None)
    }

    /// Whether a rule is about sessions of browsers or tickets, which must be kept somewhere.
    pub fn keeps_sessions(&self) -> bool {
        let kept = [Authentication::Session, Authentication::Ticket];
        self.rules.iter().any(|rule| match &rule.access {
            Access::Authenticated(required) => {
                kept.iter().any(|method| required.authenticate.contains(method))
            }
            Access::Public | Access::Deny => false,
        })
    }
}

#[cfg(test)]
mod tests;
