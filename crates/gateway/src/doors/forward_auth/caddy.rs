//! Caddy with `forward_auth`. It hands every answer that is not 2xx to the client. Older versions
//! leave a header of `copy_headers` that the answer lacks as the client sent it, or put the name of
//! their variable there: so none is lacking, if only for being empty.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::answer;
use super::subrequest::forwarded;
use super::verdict::{CARRIED, allowed, judge, misconfigured};
use crate::{Decision, Facts, Gateway};

pub(super) async fn ask(State(gateway): State<Gateway>, headers: HeaderMap) -> Response {
    match forwarded(headers, &[], &gateway.rules().config.trusted_proxies) {
        Ok(facts) => say(judge(&gateway, &facts).await, &facts),
        Err(error) => misconfigured(&error),
    }
}

pub(super) fn say(decision: Decision, facts: &Facts) -> Response {
    match decision {
        Decision::Allow(request) => {
            let mut response = allowed(*request, facts);
            for name in CARRIED {
                response.headers_mut().entry(name).or_insert(HeaderValue::from_static(""));
            }
            response
        }
        Decision::Refuse(refused) => answer::refusal(&refused),
        Decision::Preflight(headers) => answer::empty(StatusCode::FORBIDDEN, headers),
        Decision::Redirect(to) => answer::redirect(&to),
    }
}
