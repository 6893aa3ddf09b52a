//! What a door knows about a request.

use std::net::IpAddr;

use http::{HeaderMap, Method};

/// A request as its client sent it, whichever way it reached us. A door fills this in and decides
/// nothing.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The method.
    pub method: Method,
    /// How the client reached the proxy in front of it.
    pub scheme: Scheme,
    /// The value of `Host`, or `:authority`, unread.
    pub host: String,
    /// Path and query of the request line, unread.
    pub target: String,
    /// The client's headers, without those that a proxy in front of us added for us.
    pub headers: HeaderMap,
    /// The client's address.
    pub address: IpAddr,
}

/// `http` or `https`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In the open.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// As it stands in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The way by which we were asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// A proxy asks by a request of its own: nginx, Traefik, Caddy.
    ForwardAuth,
    /// Envoy's external authorization.
    ExtAuthz,
    /// We are the proxy.
    Proxy,
}

impl Door {
    /// As it stands in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ForwardAuth => "forward_auth",
            Self::ExtAuthz => "ext_authz",
            Self::Proxy => "proxy",
        }
    }
}
