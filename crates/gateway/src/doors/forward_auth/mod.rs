//! Forward-auth: a proxy asks with a sub-request whether a request may go on, and copies headers
//! of the answer to it. Each proxy has conventions of its own, and so a path of its own.

mod caddy;
mod ingress_nginx;
mod nginx;
mod subrequest;
mod traefik;

use axum::Router;
use axum::response::Response;
use axum::routing::any;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use self::subrequest::Unreadable;
use super::answer;
use crate::{Allowed, Decision, Door, Facts, Gateway, Refusal, Refused};

pub(super) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/forward-auth/nginx", any(nginx::ask))
        .route("/forward-auth/ingress-nginx", any(ingress_nginx::ask))
        .route("/forward-auth/traefik", any(traefik::ask))
        .route("/forward-auth/caddy", any(caddy::ask))
}

/// Judges what a sub-request asks about. These proxies overwrite headers by their exact names, so
/// what services could take for one of ours in another spelling cannot be removed, only refused.
async fn judge(gateway: &Gateway, facts: &Facts) -> Decision {
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

fn refuse(refusal: Refusal) -> Decision {
    Decision::Refuse(Box::new(Refused { rule: None, refusal, answer: HeaderMap::new() }))
}

/// It may go on: whom it comes from, for the proxy to copy to the request, and what is to be added
/// to the answer. A header that is not for the service behind is there with nothing in it.
fn allowed(allowed: Allowed) -> Response {
    let mut headers: HeaderMap = HeaderMap::new();
    for name in allowed.withheld {
        headers.insert(name, HeaderValue::from_static(""));
    }
    headers.extend(allowed.headers);
    headers.extend(allowed.answer);
    answer::empty(StatusCode::OK, headers)
}

/// The proxy is set up in a way that leaves the request unknown. Nothing gets through, and whoever
/// operates it is told what is missing.
fn misconfigured(error: &Unreadable) -> Response {
    tracing::error!(error = %error, "a proxy asks for a decision without saying about what");
    answer::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))
}

#[cfg(test)]
mod tests;
