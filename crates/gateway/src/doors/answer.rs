//! What a client is told over HTTP when its request does not get through.

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::Refused;

/// The refusal, with a line of text.
pub(super) fn refusal(refused: &Refused) -> Response {
    let mut response = text(refused.status(), format!("{}\n", refused.refusal));
    response.headers_mut().extend(refused.headers());
    response
}

/// Sends a browser elsewhere.
pub(super) fn redirect(to: &str) -> Response {
    let mut response = empty(StatusCode::FOUND, HeaderMap::new());
    set(response.headers_mut(), LOCATION, to);
    set(response.headers_mut(), CACHE_CONTROL, "no-store");
    response
}

/// A line of text that nobody keeps.
pub(super) fn text(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    set(response.headers_mut(), CONTENT_TYPE, "text/plain; charset=utf-8");
    set(response.headers_mut(), CACHE_CONTROL, "no-store");
    response
}

/// Headers and nothing else.
pub(super) fn empty(status: StatusCode, headers: HeaderMap) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Sets a header; one whose value cannot stand in a header is left out.
pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
