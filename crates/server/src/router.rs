//! Every route on one page, and what happens around each of them.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use tower_http::catch_panic::CatchPanicLayer;

use crate::account::{logout, password, sessions};
use crate::admin;
use crate::app::App;
use crate::error::ApiError;
use crate::oauth::{authorize_challenge, discovery, introspect, jwks, revoke, token, userinfo};
use crate::revoke::preferred_wait;
use crate::{feed, health, telemetry};

/// How long a request may take, beyond what it asked to wait.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The whole provider. Serve it with connect information, so that it knows who calls.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/.well-known/oauth-authorization-server", get(discovery::get))
        .route("/.well-known/openid-configuration", get(discovery::get))
        .route("/jwks", get(jwks::get))
        .route("/authorize-challenge", post(authorize_challenge::post))
        .route("/token", post(token::post))
        .route("/revoke", post(revoke::post))
        .route("/introspect", post(introspect::post))
        .route("/userinfo", get(userinfo::get).post(userinfo::post))
        .route("/account/logout", post(logout::post))
        .route("/account/sessions", get(sessions::get))
        .route("/account/sessions/{id}", delete(sessions::delete))
        .route("/account/password", post(password::post))
        .merge(admin_routes())
        .route("/feed", get(feed::get))
        .route("/feed/ack", post(feed::acknowledgement::post))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(telemetry::metrics))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(limit_time))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(forbid_sniffing))
        .layer(from_fn_with_state(app.clone(), telemetry::observe))
        .with_state(app)
}

fn admin_routes() -> Router<App> {
    use admin::{client, clients, keys, revocations, sessions, user, users};
    Router::new()
        .route("/admin/openapi.json", get(admin::openapi_document))
        .route("/admin/users", get(users::get).post(users::post))
        .route("/admin/users/{id}", get(user::get).patch(user::patch))
        .route("/admin/users/{id}/password", put(user::set_password))
        .route("/admin/users/{id}/disable", post(user::disable))
        .route("/admin/users/{id}/enable", post(user::enable))
        .route("/admin/users/{id}/sessions", get(sessions::list).delete(sessions::delete_all))
        .route("/admin/sessions/{id}", get(sessions::get).delete(sessions::delete))
        .route("/admin/clients", get(clients::get).post(clients::post))
        .route("/admin/clients/{id}", get(client::get).patch(client::patch))
        .route("/admin/clients/{id}/secret", post(client::replace_secret))
        .route("/admin/clients/{id}/disable", post(client::disable))
        .route("/admin/clients/{id}/enable", post(client::enable))
        .route("/admin/revocations", get(revocations::get).post(revocations::post))
        .route("/admin/keys", get(keys::get))
        .route("/admin/keys/rotate", post(keys::rotate))
        .route("/admin/keys/{id}/revoke", post(keys::revoke))
}

async fn unknown_path() -> ApiError {
    ApiError::NotFound("resource")
}

async fn wrong_method() -> ApiError {
    ApiError::MethodNotAllowed
}

/// A request that takes too long is answered as an outage: nothing is known of its outcome, so
/// nothing may be said about it. A stream of events takes as long as it takes; only its
/// beginning is waited for.
async fn limit_time(request: Request, next: Next) -> Response {
    let limit = REQUEST_TIMEOUT + preferred_wait(request.headers()).unwrap_or_default();
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::Unavailable.into_response(),
    }
}

async fn forbid_sniffing(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[expect(clippy::needless_pass_by_value, reason = "the layer asks for this shape")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = said.unwrap_or("nothing"), "a handler panicked");
    ApiError::Internal.into_response()
}
