//! What the rules file says about browsers: where they sign in, how long that holds, and where it
//! is kept.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::lifetime;

/// Where browsers sign in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginAt {
    /// The issuer of an OpenID Connect provider, letter by letter; that of `[provider]` without it.
    #[serde(default)]
    pub issuer: Option<String>,
    /// The client that we are there; that of `[provider]` without it.
    #[serde(default)]
    pub client_id: Option<String>,
    /// File with the secret of that client; without it and without `issuer`, that of `[provider]`.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// Scope values to ask for; `openid` is always among them.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// PEM file with a root certificate to trust beside the well-known ones.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Whether plain HTTP to another machine is permitted.
    #[serde(default)]
    pub plain_http: bool,
    /// Where browsers go after a logout, as it is registered at the provider
    /// (`post_logout_redirect_uri`).
    #[serde(default)]
    pub after_logout: Option<Url>,
}

/// How long a session of a browser holds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionLifetimes {
    /// How long it may lie unused; 12 hours without it.
    #[serde(deserialize_with = "lifetime::duration")]
    pub idle: Duration,
    /// How long it may last however much it is used; 7 days without it.
    #[serde(deserialize_with = "lifetime::duration")]
    pub lifetime: Duration,
}

impl Default for SessionLifetimes {
    fn default() -> Self {
        Self { idle: Duration::from_hours(12), lifetime: Duration::from_hours(7 * 24) }
    }
}

/// Where sessions, logins under way and tickets are kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreAt {
    /// `postgres://..` for several gateways, or `sqlite:///..`; a file in `data` without it.
    pub url: Option<String>,
    /// Folder for the key that seals tokens, and for the file; `menshen-gateway-data` without it.
    pub data: PathBuf,
}

impl Default for StoreAt {
    fn default() -> Self {
        Self { url: None, data: PathBuf::from("menshen-gateway-data") }
    }
}
