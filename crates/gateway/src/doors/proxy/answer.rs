//! Answers of the proxy's own: refusals, and faults of services behind.

use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
};
use http::{Response, StatusCode};
use serde_json::json;

use super::body::{Outgoing, of_text};
use crate::{Refusal, Refused};

/// Why a request that may go on gets no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// The rule names no service.
    #[error("nothing is behind this address")]
    Nothing,
    /// The service cannot be reached.
    #[error("the service behind cannot be reached")]
    Unreachable,
    /// The service broke off, or spoke nonsense.
    #[error("the service behind gave no answer")]
    Broken,
    /// The service took too long.
    #[error("the service behind took too long")]
    Slow,
    /// The client took too long, or broke off.
    #[error("the request did not arrive whole")]
    Client,
    /// The session ended while the request was under way.
    #[error("the session has ended")]
    SessionEnded,
}

impl Fault {
    const fn status(self) -> StatusCode {
        match self {
            Self::Nothing => StatusCode::NOT_FOUND,
            Self::Unreachable | Self::Broken => StatusCode::BAD_GATEWAY,
            Self::Slow => StatusCode::GATEWAY_TIMEOUT,
            Self::Client => StatusCode::REQUEST_TIMEOUT,
            Self::SessionEnded => StatusCode::UNAUTHORIZED,
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Nothing => "nothing_behind",
            Self::Unreachable => "upstream_unreachable",
            Self::Broken => "upstream_broken",
            Self::Slow => "upstream_slow",
            Self::Client => "request_incomplete",
            Self::SessionEnded => "session_ended",
        }
    }

    /// Says so.
    pub(super) fn answer(self, asked: &HeaderMap) -> Response<Outgoing> {
        let mut response = problem(asked, self.status(), self.code(), &self.to_string());
        if self == Self::Unreachable {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Says why a request does not get through.
pub(super) fn refusal(refusal: &Refusal, asked: &HeaderMap) -> Response<Outgoing> {
    let mut response = problem(asked, refusal.status(), refusal.code(), &refusal.to_string());
    response.headers_mut().extend(refusal.headers());
    response
}

/// As [`refusal`], with what the rule adds to it.
pub(super) fn refused(refused: &Refused, asked: &HeaderMap) -> Response<Outgoing> {
    let mut response = refusal(&refused.refusal, asked);
    response.headers_mut().extend(refused.answer.clone());
    response
}

/// Answers a browser's question in place of the service behind.
pub(super) fn preflight(headers: HeaderMap) -> Response<Outgoing> {
    let mut response = Response::new(of_text(""));
    *response.status_mut() = StatusCode::NO_CONTENT;
    *response.headers_mut() = headers;
    response
}

/// Sends a browser elsewhere on the same host.
pub(super) fn redirect(to: &str) -> Response<Outgoing> {
    let mut response = Response::new(of_text(""));
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

/// A problem document (RFC 9457), or a page when a browser navigates.
pub(super) fn problem(
    asked: &HeaderMap,
    status: StatusCode,
    code: &str,
    detail: &str,
) -> Response<Outgoing> {
    let title = status.canonical_reason().unwrap_or_default();
    let (kind, text) = if navigates(asked) {
        ("text/html; charset=utf-8", page(status, title, detail))
    } else {
        let document = json!({
            "title": title,
            "status": status.as_u16(),
            "detail": detail,
            "code": code,
        });
        ("application/problem+json", document.to_string())
    };
    let mut response = Response::new(of_text(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn page(status: StatusCode, title: &str, detail: &str) -> String {
    let detail = detail.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <h1>{} {title}</h1><p>{detail}</p></html>\n",
        status.as_u16()
    )
}

/// Whether a browser would show the answer to a person.
fn navigates(asked: &HeaderMap) -> bool {
    let text = |name: &str| asked.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-mode") {
        Some(mode) => mode == "navigate",
        None => text(ACCEPT.as_str()).is_some_and(|accept| accept.contains("text/html")),
    }
}
