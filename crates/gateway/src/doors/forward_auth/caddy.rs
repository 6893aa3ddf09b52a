//! Caddy with `forward_auth`. It hands every answer that is not 2xx to the client, and before 2.11
//! a header of `copy_headers` that the answer lacks stays as the client sent it: ours never lack.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::subrequest::forwarded;
use super::{allowed, judge, misconfigured};
use crate::doors::answer;
use crate::{Decision, Gateway};

pub(super) async fn ask(State(gateway): State<Gateway>, headers: HeaderMap) -> Response {
    match forwarded(headers, &[]) {
        Ok(facts) => say(judge(&gateway, &facts).await),
        Err(error) => misconfigured(&error),
    }
}

pub(super) fn say(decision: Decision) -> Response {
    match decision {
        Decision::Allow(request) => allowed(*request),
        Decision::Refuse(refused) => answer::refusal(&refused),
        Decision::Preflight(headers) => answer::empty(StatusCode::FORBIDDEN, headers),
        Decision::Redirect(to) => answer::redirect(&to),
    }
}
