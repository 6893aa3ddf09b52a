//! A stream as Server-Sent Events.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::unfold;

use super::listener::{Listener, Sign};

/// A comment, which no reader takes for an event.
const BEAT: Bytes = Bytes::from_static(b":\n\n");

/// The answer. What comes next is asked for only while the connection has room for it.
pub(super) fn answer(listener: Listener) -> Response {
    let events = unfold(listener, |mut listener| async move {
        let bytes = match listener.next().await? {
            Sign::Event(event) => event.server_sent().into(),
            Sign::Beat => BEAT,
        };
        Some((Ok::<_, Infallible>(bytes), listener))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies of the nginx family would collect events before they pass them on.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(events)).into_response()
}
