//! `GET /jwks`: the public keys that our tokens are signed with (RFC 7517 section 5).

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::app::App;

/// The path.
pub(crate) const PATH: &str = "/jwks";

/// The keys. They may be cached for as long as a new one is announced before it signs.
pub(crate) async fn get(State(app): State<App>) -> Response {
    let age = format!("public, max-age={}", app.config.keys_cached_for.as_secs());
    let headers =
        [(header::CONTENT_TYPE, "application/json".to_owned()), (header::CACHE_CONTROL, age)];
    (headers, app.keyring.document()).into_response()
}
