//! What all of these proxies have in common: how a request is judged, and what an answer carries.

use axum::response::Response;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::answer;
use super::subrequest::Unreadable;
use crate::{Allowed, Decision, Door, Facts, Gateway, Refusal, Refused};

/// Judges what a sub-request asks about. These proxies overwrite headers by their exact names, so
/// what services could take for one of ours in another spelling cannot be removed, only refused.
pub(super) async fn judge(gateway: &Gateway, facts: &Facts) -> Decision {
    let smuggled = {
        let names = &gateway.rules().config.identity;
        let is_ours = |found: &HeaderName| names.all().contains(&found);
        facts.headers.keys().find(|name| names.claims(name) && !is_ours(name)).cloned()
    };
    match smuggled {
        Some(name) => refuse(Refusal::OverridingHeader(name)),
        None => gateway.decide_at(Door::ForwardAuth, facts).await,
    }
}

pub(super) fn refuse(refusal: Refusal) -> Decision {
    Decision::Refuse(Box::new(Refused { rule: None, refusal, answer: HeaderMap::new() }))
}

/// Headers of the client that the service behind gets as the answer says, if it gets them at all. A
/// proxy that copies them by name removes those that the answer lacks.
pub(super) const CARRIED: [HeaderName; 3] =
    [AUTHORIZATION, COOKIE, HeaderName::from_static("dpop")];

/// It may go on: whom it comes from, for the proxy to copy to the request, and what is to be added
/// to the answer.
pub(super) fn allowed(allowed: Allowed, facts: &Facts) -> Response {
    let mut headers = HeaderMap::new();
    for name in CARRIED.into_iter().filter(|name| !allowed.withheld.contains(name)) {
        let lines: Vec<&[u8]> =
            facts.headers.get_all(&name).iter().map(HeaderValue::as_bytes).collect();
        // What may come in several lines is a cookie; two lines of anything else mean nothing, and
        // mean as little in one.
        if let Some(value) = HeaderValue::from_bytes(&lines.join(&b"; "[..])).ok()
            && !lines.is_empty()
        {
            headers.insert(name, value);
        }
    }
    headers.extend(allowed.headers);
    headers.extend(allowed.answer);
    answer::empty(StatusCode::OK, headers)
}

/// The proxy is set up in a way that leaves the request unknown. Nothing gets through, and whoever
/// operates it is told what is missing.
pub(super) fn misconfigured(error: &Unreadable) -> Response {
    tracing::error!(error = %error, "a proxy asks for a decision without saying about what");
    answer::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))
}
