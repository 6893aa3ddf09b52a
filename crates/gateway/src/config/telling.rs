//! In which form services behind are told who asks.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::lifetime;

/// In which form a service behind is told who asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Telling {
    /// By a header for each thing.
    #[default]
    Headers,
    /// By a JWT that the gateway signs for this service.
    Jwt,
    /// By the access token itself, as a JWT in `Authorization: Bearer`, however the client showed
    /// who it is.
    AccessToken,
    /// Not at all.
    None,
}

/// The JWTs that the gateway signs for services behind.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assertions {
    /// PEM file (PKCS#8) with the private key, ES256 or Ed25519; made when there is none.
    pub key: PathBuf,
    /// `iss`.
    #[serde(default = "issuer")]
    pub issuer: String,
    /// How long one holds; a minute at most, which is also the default.
    #[serde(default = "a_minute", deserialize_with = "at_most_a_minute")]
    pub lifetime: Duration,
}

fn issuer() -> String {
    "menshen-gateway".to_owned()
}

const fn a_minute() -> Duration {
    Duration::from_mins(1)
}

fn at_most_a_minute<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let lifetime = lifetime::duration(from)?;
    let fits = lifetime >= Duration::from_secs(2) && lifetime <= a_minute();
    fits.then_some(lifetime)
        .ok_or_else(|| de::Error::custom("a JWT for a service holds from `2s` to `1m`"))
}
