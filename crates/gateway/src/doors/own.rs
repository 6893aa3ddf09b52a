//! The gateway's own endpoints for proxies that hand `/.menshen/` on to us, with `Host` (or
//! `X-Forwarded-Host`) and `X-Forwarded-Proto` as the browser knows them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};

use crate::browser::endpoints::{self, BODY_LIMIT_BYTES};
use crate::{Facts, Gateway, Scheme};

/// Any method, any of them. A door that knows the facts of a request leaves them in its extensions.
pub(super) async fn any(State(gateway): State<Gateway>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT_BYTES).await else {
        let mut refused = Response::new(Body::empty());
        *refused.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return refused;
    };
    let known = parts.extensions.get::<Facts>().cloned();
    let facts = known.unwrap_or_else(|| told(&parts));
    endpoints::answer(&gateway, &facts, &body).await.map(Body::from)
}

/// What the proxy in front of us tells.
fn told(parts: &Parts) -> Facts {
    let text = |name: &str| first(&parts.headers, name);
    // HTTP/2 says it in the address (RFC 9113 section 8.3.1).
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    let host = text("x-forwarded-host").or_else(|| text(header::HOST.as_str())).or(authority);
    let is_https = text("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    Facts {
        method: parts.method.clone(),
        scheme: if is_https { Scheme::Https } else { Scheme::Http },
        host: host.unwrap_or_default().to_owned(),
        target: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: parts.headers.clone(),
        address: peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip()),
    }
}

fn first<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
