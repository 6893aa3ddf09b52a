//! What one client may cost the reverse proxy.

use std::time::Duration;

use serde::Deserialize;

use super::lifetime;

/// Bounds on connections, headers and time. All but `connections` are exchanged with the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections at once. At the limit, the one that has been idle longest makes room.
    pub connections: usize,
    /// Bytes of the request line and headers together; at least 8 KiB. More is answered 431.
    pub header_bytes: u32,
    /// Lines of headers. More is answered 431.
    pub headers: usize,
    /// Requests at once on one connection (HTTP/2).
    pub requests_per_connection: u32,
    /// How long a TLS handshake, and then the head of a request, may take.
    #[serde(deserialize_with = "lifetime::duration")]
    pub head_within: Duration,
    /// How long a connection may wait for its next request.
    #[serde(deserialize_with = "lifetime::duration")]
    pub close_after_idle: Duration,
    /// How long a client may neither send what it announced nor take what it asked for.
    #[serde(deserialize_with = "lifetime::duration")]
    pub close_after_silence: Duration,
    /// How long requests under way may take to end when the gateway stops.
    #[serde(deserialize_with = "lifetime::duration")]
    pub finish_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            header_bytes: 32 * 1024,
            headers: 100,
            requests_per_connection: 128,
            head_within: Duration::from_secs(10),
            close_after_idle: Duration::from_secs(75),
            close_after_silence: Duration::from_mins(1),
            finish_within: Duration::from_secs(30),
        }
    }
}
