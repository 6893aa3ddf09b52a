//! What this server can do, for clients to read (RFC 8414): only what is true today. The document
//! of OpenID Connect Discovery is not served: it would have to name what is not there.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use menshen_token::{Algorithm, dpop};
use serde_json::{Value, json};

use super::{authorize_challenge, client_auth, introspect, jwks, revoke, token, userinfo};
use crate::app::App;

/// `GET /.well-known/oauth-authorization-server`.
pub(crate) async fn get(State(app): State<App>) -> Response {
    let age = format!("public, max-age={}", app.config.keys_cached_for.as_secs());
    ([(header::CACHE_CONTROL, age)], Json(document(&app))).into_response()
}

fn document(app: &App) -> Value {
    let endpoint = |path| app.config.endpoint(path);
    let client_methods = client_auth::methods(&app.config);
    let signing = client_auth::signing_algorithms();
    json!({
        "issuer": app.config.issuer(),
        "authorization_challenge_endpoint": endpoint(authorize_challenge::PATH),
        "token_endpoint": endpoint(token::PATH),
        "revocation_endpoint": endpoint(revoke::PATH),
        "introspection_endpoint": endpoint(introspect::PATH),
        "userinfo_endpoint": endpoint(userinfo::PATH),
        "jwks_uri": endpoint(jwks::PATH),
        "response_types_supported": ["code"],
        "grant_types_supported": token::GRANT_TYPES,
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": client_methods,
        "token_endpoint_auth_signing_alg_values_supported": signing,
        "revocation_endpoint_auth_methods_supported": client_methods,
        "revocation_endpoint_auth_signing_alg_values_supported": signing,
        "introspection_endpoint_auth_methods_supported": client_auth::confidential_methods(
            &app.config,
        ).into_iter().chain(["Bearer", "DPoP"]).collect::<Vec<_>>(),
        "introspection_endpoint_auth_signing_alg_values_supported": signing,
        "introspection_signing_alg_values_supported": Algorithm::ALL.map(Algorithm::as_str),
        "dpop_signing_alg_values_supported": dpop::ALGORITHMS.map(Algorithm::as_str),
        "subject_types_supported": ["public"],
    })
}
