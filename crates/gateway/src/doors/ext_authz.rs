//! Envoy's external authorization: it asks about each request, over gRPC or over HTTP.

pub(super) mod messages;
mod over_grpc;
mod over_http;

use axum::Router;
use axum::response::Response;
use axum::routing::{any, post};
use http::{HeaderMap, HeaderName, StatusCode};

use super::answer;
use crate::{Allowed, Decision, Door, Facts, Gateway};

/// The one call of `envoy.service.auth.v3.Authorization`.
pub(super) const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// Where both are asked.
pub(super) fn routes() -> Router<Gateway> {
    Router::new()
        .route(CHECK, post(over_grpc::ask))
        .route("/ext-authz", any(over_http::ask))
        .route("/ext-authz/", any(over_http::ask))
        .route("/ext-authz/{*path}", any(over_http::ask))
}

/// What was allowed, or the answer that the client gets instead.
async fn judge(gateway: &Gateway, facts: &Facts) -> Result<Box<Allowed>, Response> {
    match gateway.decide_at(Door::ExtAuthz, facts).await {
        Decision::Allow(allowed) => Ok(allowed),
        Decision::Refuse(refused) => Err(answer::refusal(&refused)),
        Decision::Redirect(address) => Err(answer::redirect(&address)),
        Decision::Preflight(headers) => Err(answer::empty(StatusCode::NO_CONTENT, headers)),
    }
}

/// The answer to what is no request, so that there is nothing to judge.
fn unreadable() -> Response {
    answer::empty(StatusCode::BAD_REQUEST, HeaderMap::new())
}

/// What Envoy is to take out of the client's headers. It does so after it has set ours, so none of
/// those may be among them.
fn to_remove(gateway: &Gateway, facts: &Facts, allowed: &Allowed) -> Vec<HeaderName> {
    let rules = gateway.rules();
    let smuggled = facts.headers.keys().filter(|name| rules.config.identity.claims(name));
    let mut removed: Vec<HeaderName> = smuggled.chain(&allowed.withheld).cloned().collect();
    removed.retain(|name| !allowed.headers.contains_key(name));
    removed
}
