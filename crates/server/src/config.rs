//! The settings a running server goes by, resolved: defaults, `menshen.toml`, `MENSHEN_*` and
//! flags, each laid over the ones before it.

mod brand;
mod layers;
mod mail;
mod redis;
mod reference;
mod registration;
mod resolve;
mod settings;
mod value;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use menshen_domain::Secret;
use menshen_domain::credential::HashingCost;
use url::Url;

use crate::outbound::OutboundSettings;
use crate::pages::Brand;

pub use layers::{ConfigError, Sources};
pub use mail::{MailSettings, SmtpSettings, SmtpTls};
pub use redis::RedisSettings;
pub use reference::{guide, reference};
pub use registration::{Registration, RegistrationMode};

/// The settings a running server goes by.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who we are: `iss`, and the base of every endpoint. No trailing slash in `iss`.
    pub issuer: Url,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Certificate chain and private key in PEM; `None` is plain HTTP.
    pub tls: Option<Tls>,
    /// Whether something in front of us speaks TLS, so that plain HTTP may leave the machine.
    pub behind_proxy: bool,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where keys and the embedded database live.
    pub data: PathBuf,
    /// `sqlite:///path` or `postgres://..`.
    pub store_url: Secret,
    /// Connections to the database.
    pub store_connections: u32,
    /// The longest that any access token may live; 12 hours by default.
    pub access_token_ceiling: Duration,
    /// How long an authorization code may be redeemed; 60 seconds by default.
    pub code_lifetime: Duration,
    /// Networks whose attempts to sign in are not counted.
    pub throttle_exempt_networks: Vec<IpNet>,
    /// How long a browser's session may lie unused; 7 days by default.
    pub session_idle_lifetime: Duration,
    /// How long a browser's session may live at all; 30 days by default.
    pub session_absolute_lifetime: Duration,
    /// How long a pushed authorization request may be used; 10 minutes by default.
    pub pushed_request_lifetime: Duration,
    /// How long a signing key signs; 30 days by default.
    pub keys_rotate_every: Duration,
    /// How long the JWK set may be cached, and so how long a key is announced; 1 hour.
    pub keys_cached_for: Duration,
    /// How hard passwords are to hash.
    pub hashing_cost: HashingCost,
    /// Threads that hash; one less than there are cores, at least one.
    pub hashing_threads: usize,
    /// The realm of HTTP Digest.
    pub digest_realm: String,
    /// How far a DPoP proof's `iat` may lie from now; 60 seconds by default.
    pub dpop_window: Duration,
    /// Whether a DPoP proof must carry a nonce that we gave.
    pub dpop_nonce_required: bool,
    /// Where requests that we send may go, and whom they trust.
    pub outbound: OutboundSettings,
    /// How long after a back-channel logout failed for the first time it is tried again; 1 second
    /// by default. Later pauses are multiples of it.
    pub backchannel_retry_after: Duration,
    /// Who may register clients.
    pub registration: Registration,
    /// How often the feed gives a sign of life; 1 second by default.
    pub feed_heartbeat: Duration,
    /// How many apps may wait on this node for the end of their sessions; 10000 by default.
    pub session_event_streams: u32,
    /// Where revocations are mirrored for filters that read Redis.
    pub redis: Option<RedisSettings>,
    /// How often expired rows are looked for; 1 minute by default.
    pub clean_up_every: Duration,
    /// How mail leaves, for passwords that were forgotten and for signing up.
    pub mail: MailSettings,
    /// Whether people may create accounts by themselves.
    pub sign_up_allowed: bool,
    /// What the pages call the place, and how they look.
    pub brand: Brand,
    /// What the log looks like.
    pub log_format: LogFormat,
    /// What is logged: a level, or directives such as `info,menshen_server=debug`.
    pub log_level: String,
}

/// Certificate chain and private key, in PEM files.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// The private key.
    pub private_key: PathBuf,
    /// Whether those who connect are asked for a certificate.
    pub client_certificates: bool,
}

/// What a line of the log looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object, for machines.
    Json,
}

impl Config {
    /// Lays the sources over each other and checks every value.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the source, the line where there is one, the key and what it takes.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        resolve::resolve(&layers::lay(sources)?)
    }

    /// The issuer identifier exactly as tokens and metadata carry it (RFC 8414 section 2).
    pub fn issuer(&self) -> &str {
        self.issuer.as_str().trim_end_matches('/')
    }

    /// The URL of an endpoint; `path` begins with a slash.
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.issuer())
    }
}

#[cfg(test)]
mod tests;
