//! The few pages that the gateway shows itself. Nothing that a request says is repeated on them.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

/// An answer whose body is known.
pub(super) type Reply = Response<Bytes>;

const POLICY: &str = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";

/// A page with a heading and what follows it, in HTML.
pub(super) fn page(status: StatusCode, heading: &str, rest: &str) -> Reply {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{heading}</title></head><body><h1>{heading}</h1>{rest}</body></html>\n"
    );
    let mut reply = reply(status, "text/html; charset=utf-8", html.into());
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    reply
}

/// A document for programs.
pub(super) fn json(status: StatusCode, document: &serde_json::Value) -> Reply {
    reply(status, "application/json", document.to_string().into())
}

/// On to another address.
pub(super) fn see_other(address: &str) -> Reply {
    let mut reply = empty(StatusCode::SEE_OTHER);
    match HeaderValue::from_str(address) {
        Ok(address) => {
            reply.headers_mut().insert(header::LOCATION, address);
            reply
        }
        Err(_) => page(StatusCode::BAD_REQUEST, "This address leads nowhere", ""),
    }
}

/// Nothing but a status.
pub(super) fn empty(status: StatusCode) -> Reply {
    reply(status, "text/plain", Bytes::new())
}

fn reply(status: StatusCode, kind: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply
}
