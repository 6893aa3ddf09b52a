//! A service behind the reverse proxy, and how it is spoken to.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use url::Url;

use super::{Telling, lifetime};

/// A service behind the reverse proxy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// Where it is; a path is put before the path of each request.
    #[serde(deserialize_with = "base")]
    pub url: Url,
    /// PEM file with the root certificate that it is trusted by, in place of the well-known ones.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// What it speaks.
    #[serde(default)]
    pub protocol: Protocol,
    /// What it is told as `Host`.
    #[serde(default)]
    pub host: HostSent,
    /// In which form it is told who asks, where its rule says nothing else.
    #[serde(default)]
    pub identity: Telling,
    /// `aud` of the JWTs that are signed for it; its name without it.
    #[serde(default)]
    pub audience: Option<String>,
    /// How long a connection to it may take.
    #[serde(default = "five_seconds", deserialize_with = "lifetime::duration")]
    pub connect_within: Duration,
    /// How long it may take to begin its answer, once the request is sent.
    #[serde(default = "one_minute", deserialize_with = "lifetime::duration")]
    pub answer_within: Duration,
    /// How long an answer, a stream or a WebSocket may be silent.
    #[serde(default = "five_minutes", deserialize_with = "lifetime::duration")]
    pub close_after_silence: Duration,
}

/// What a service speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2, from the first byte on: over TLS, or in the open (h2c).
    Http2,
}

/// What a service is told as `Host`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostSent {
    /// What the client sent.
    #[default]
    Client,
    /// The host of its own URL. Always so with HTTP/2.
    Upstream,
}

fn base<'de, D: Deserializer<'de>>(from: D) -> Result<Url, D::Error> {
    let url = Url::deserialize(from)?;
    let plain = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && plain {
        return Ok(url);
    }
    Err(de::Error::custom(format!(
        "`{url}` is no address of a service; write `http://127.0.0.1:3000` or `https://..`"
    )))
}

const fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

const fn one_minute() -> Duration {
    Duration::from_mins(1)
}

const fn five_minutes() -> Duration {
    Duration::from_mins(5)
}
