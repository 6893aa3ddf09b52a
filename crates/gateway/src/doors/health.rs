//! Whether the gateway runs, and whether it can decide.

use axum::extract::State;
use axum::http::StatusCode;

use crate::Gateway;

/// `GET /healthz`: the process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: keys and revocations are current, or the reason why not with 503.
pub(super) async fn ready(State(gateway): State<Gateway>) -> (StatusCode, String) {
    let readiness = gateway.readiness();
    let status =
        if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, format!("{readiness}\n"))
}
