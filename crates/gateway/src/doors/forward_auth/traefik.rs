//! Traefik with the middleware `ForwardAuth`. It hands every answer that is not 2xx to the client.
//! It completes a relative `Location` with the address that it asks at, so ours is absolute.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::answer;
use super::subrequest::forwarded;
use super::verdict::{allowed, judge, misconfigured};
use crate::{Decision, Facts, Gateway};

/// What Traefik adds beyond what the request is told by.
pub(super) const ADDED: [&str; 3] = ["X-Forwarded-Port", "X-Forwarded-Server", "X-Real-Ip"];

pub(super) async fn ask(State(gateway): State<Gateway>, headers: HeaderMap) -> Response {
    match forwarded(headers, &ADDED, &gateway.rules().config.trusted_proxies) {
        Ok(facts) => say(judge(&gateway, &facts).await, &facts),
        Err(error) => misconfigured(&error),
    }
}

pub(super) fn say(decision: Decision, facts: &Facts) -> Response {
    match decision {
        Decision::Allow(request) => allowed(*request, facts),
        Decision::Refuse(refused) => answer::refusal(&refused),
        Decision::Preflight(headers) => answer::empty(StatusCode::FORBIDDEN, headers),
        Decision::Redirect(to) => {
            answer::redirect(&format!("{}://{}{to}", facts.scheme.as_str(), facts.host))
        }
    }
}
