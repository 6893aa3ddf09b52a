//! What this server can do, for clients to read: one document under two names (RFC 8414 section 3,
//! OpenID Connect Discovery 1.0 section 4). Only what is true today.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use menshen_domain::claim;
use menshen_domain::session::Acr;
use menshen_token::{Algorithm, dpop};
use serde_json::{Map, Value, json};

use super::{
    authorize, authorize_challenge, client_auth, device_authorization, introspect, jwks, logout,
    par, register, request_object, revoke, token, userinfo,
};
use crate::account::events;
use crate::app::App;
use crate::config::RegistrationMode;
use crate::pages::Language;

/// `GET /.well-known/oauth-authorization-server`, `GET /.well-known/openid-configuration`.
pub(crate) async fn get(State(app): State<App>) -> Response {
    let age = format!("public, max-age={}", app.config.keys_cached_for.as_secs());
    ([(header::CACHE_CONTROL, age)], Json(document(&app))).into_response()
}

fn document(app: &App) -> Value {
    let mut document = endpoints(app);
    document.extend(authorization());
    document.extend(client_authentication(app));
    document.extend(openid());
    if app.config.registration.mode != RegistrationMode::Off {
        let place = app.config.endpoint(register::PATH);
        document.insert("registration_endpoint".to_owned(), place.into());
    }
    Value::Object(document)
}

fn endpoints(app: &App) -> Map<String, Value> {
    let endpoint = |path| app.config.endpoint(path);
    members(json!({
        "issuer": app.config.issuer(),
        "authorization_endpoint": endpoint(authorize::PATH),
        "authorization_challenge_endpoint": endpoint(authorize_challenge::PATH),
        "pushed_authorization_request_endpoint": endpoint(par::PATH),
        "device_authorization_endpoint": endpoint(device_authorization::PATH),
        "token_endpoint": endpoint(token::PATH),
        "revocation_endpoint": endpoint(revoke::PATH),
        "introspection_endpoint": endpoint(introspect::PATH),
        "userinfo_endpoint": endpoint(userinfo::PATH),
        "end_session_endpoint": endpoint(logout::PATH),
        "session_events_endpoint": endpoint(events::PATH),
        "jwks_uri": endpoint(jwks::PATH),
    }))
}

fn authorization() -> Map<String, Value> {
    members(json!({
        "response_types_supported": [
            "code", "id_token", "token", "id_token token", "code id_token", "code token",
            "code id_token token",
        ],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "grant_types_supported": token::grant_type::GrantType::names(),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "require_pushed_authorization_requests": false,
        "request_parameter_supported": true,
        "request_uri_parameter_supported": true,
        "require_request_uri_registration": false,
        "request_object_signing_alg_values_supported":
            request_object::ALGORITHMS.map(Algorithm::as_str),
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "ui_locales_supported": Language::ALL.map(Language::tag),
        "dpop_signing_alg_values_supported": dpop::ALGORITHMS.map(Algorithm::as_str),
    }))
}

fn client_authentication(app: &App) -> Map<String, Value> {
    let methods = client_auth::methods(&app.config);
    let mut readers = client_auth::confidential_methods(&app.config);
    readers.extend(["Bearer", "DPoP"]);
    let algorithms = client_auth::signing_algorithms();
    members(json!({
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint_auth_methods_supported": readers,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_signing_alg_values_supported": Algorithm::ALL.map(Algorithm::as_str),
    }))
}

fn openid() -> Map<String, Value> {
    // RS256 first: what OpenID Connect has every client understand.
    let id_tokens = [Algorithm::RS256, Algorithm::ES256, Algorithm::PS256, Algorithm::EdDSA];
    let mut scopes = vec!["openid", "offline_access"];
    scopes.extend(claim::STANDARD.map(|(scope, _)| scope));
    let mut claims = vec!["sub", "iss", "aud", "exp", "iat", "auth_time", "acr", "amr", "sid"];
    claims.extend(claim::STANDARD.iter().flat_map(|(_, claims)| claims.iter()));
    members(json!({
        "scopes_supported": scopes,
        "claims_supported": claims,
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": true,
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": id_tokens.map(Algorithm::as_str),
        "userinfo_signing_alg_values_supported": id_tokens.map(Algorithm::as_str),
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "frontchannel_logout_supported": true,
        "frontchannel_logout_session_supported": true,
        "acr_values_supported": Acr::ALL.map(Acr::as_str),
        "display_values_supported": ["page", "popup", "touch", "wap"],
    }))
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
