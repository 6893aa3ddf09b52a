//! Whether the gateway runs, and whether it can decide.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, StatusCode};
use axum::response::IntoResponse;

use crate::Gateway;

/// `GET /healthz`: the process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: keys and revocations are current, or the reason why not with 503; and how old the
/// revocations are.
pub(super) async fn ready(State(gateway): State<Gateway>) -> (StatusCode, String) {
    let readiness = gateway.readiness();
    let status =
        if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let lag = gateway.verifier().and_then(|verifier| verifier.status().staleness);
    let lag = lag.map(|lag| format!("lag_seconds: {:.3}\n", lag.as_secs_f64()));
    (status, format!("{readiness}\n{}", lag.unwrap_or_default()))
}

/// `GET /metrics`: the numbers, as Prometheus reads them.
pub(super) async fn metrics(State(gateway): State<Gateway>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], gateway.metrics())
}

/// `GET /.menshen/jwks`: what services behind check our JWTs with (RFC 7517 section 5).
pub(super) async fn keys(
    State(gateway): State<Gateway>,
) -> Result<([(HeaderName, &'static str); 2], String), StatusCode> {
    let signer = gateway.signer().ok_or(StatusCode::NOT_FOUND)?;
    let document = serde_json::to_string(&signer.keys());
    let document = document.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(([(CONTENT_TYPE, "application/jwk-set+json"), (CACHE_CONTROL, "max-age=300")], document))
}
