//! The HTTP service: Envoy repeats the request without its body, with our prefix before the path.
//! 200 lets it go on; every other answer is handed to the client.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::request::Parts;
use axum::response::Response;
use http::header::HOST;
use http::{HeaderName, HeaderValue};

use super::{judge, to_remove, unreadable};
use crate::{Allowed, Facts, Gateway, Scheme};

/// What Envoy puts before the path: `path_prefix`.
const PREFIX: &str = "/ext-authz";

/// Envoy sets these two to the client's address and scheme, over whatever the client sent
/// (`headers_to_add` in the guide).
const ADDRESS: HeaderName = HeaderName::from_static("x-menshen-client-address");
const SCHEME: HeaderName = HeaderName::from_static("x-menshen-client-scheme");

/// Names, separated by commas, that Envoy takes out of the client's request.
const TO_REMOVE: HeaderName = HeaderName::from_static("x-envoy-auth-headers-to-remove");

/// Decides about the request behind the prefix.
pub(super) async fn ask(
    State(gateway): State<Gateway>,
    ConnectInfo(envoy): ConnectInfo<SocketAddr>,
    request: Parts,
) -> Response {
    let Some(facts) = facts(request, envoy.ip()) else {
        return unreadable();
    };
    match judge(&gateway, &facts).await {
        Ok(allowed) => {
            let removed = to_remove(&gateway, &facts, &allowed);
            ok(*allowed, &removed)
        }
        Err(answer) => answer,
    }
}

/// The request that Envoy asks about. The path is cut, never resolved: what stands behind the
/// prefix is judged as the client sent it.
fn facts(mut request: Parts, envoy: IpAddr) -> Option<Facts> {
    let asked = request.uri.path_and_query()?.as_str();
    let target = asked.strip_prefix(PREFIX)?.to_owned();
    let text = |name: &HeaderName| request.headers.get(name).and_then(|value| value.to_str().ok());
    let host = match request.uri.authority() {
        Some(authority) => authority.as_str(),
        None => text(&HOST)?,
    };
    let host = host.to_owned();
    let scheme = if text(&SCHEME) == Some("https") { Scheme::Https } else { Scheme::Http };
    let address = match text(&ADDRESS) {
        Some(address) => address.parse().ok()?,
        None => envoy,
    };
    for ours in [&ADDRESS, &SCHEME] {
        request.headers.remove(ours);
    }
    let Parts { method, headers, .. } = request;
    Some(Facts { method, scheme, host, target, headers, address })
}

/// 200 with what the service behind is told and what is added to its answer; Envoy tells the two
/// apart by name.
fn ok(allowed: Allowed, removed: &[HeaderName]) -> Response {
    let removed: Vec<&str> = removed.iter().map(HeaderName::as_str).collect();
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.extend(allowed.headers);
    headers.extend(allowed.answer);
    if let Ok(removed) = HeaderValue::from_str(&removed.join(","))
        && !removed.is_empty()
    {
        headers.insert(TO_REMOVE, removed);
    }
    response
}
