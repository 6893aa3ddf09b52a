//! What scripts of other sites may call (Fetch Standard, "CORS protocol"): endpoints that take
//! tokens and never cookies, so that a script gets nothing by the browser it runs in.

use std::time::Duration;

use axum::http::{HeaderName, Method, header};
use tower_http::cors::{Any, CorsLayer};

/// How long a browser may remember that it may ask.
const REMEMBERED_FOR: Duration = Duration::from_hours(1);

/// What a client of ours sends beyond what any page may.
const SENT: [HeaderName; 6] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::ACCEPT,
    HeaderName::from_static("dpop"),
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("prefer"),
];

/// What it has to read beyond what any page may.
const READ: [HeaderName; 4] = [
    HeaderName::from_static("dpop-nonce"),
    header::WWW_AUTHENTICATE,
    header::RETRY_AFTER,
    HeaderName::from_static("preference-applied"),
];

/// Scripts of this site, and of no other, may read the answer.
pub(crate) fn one_site(origin: &str) -> [(HeaderName, String); 3] {
    [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.to_owned()),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, header::RETRY_AFTER.to_string()),
        (header::VARY, header::ORIGIN.to_string()),
    ]
}

/// Any site may call, none with the cookies of the browser.
pub(super) fn any_site() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(SENT)
        .expose_headers(READ)
        .max_age(REMEMBERED_FOR)
}
