//! Every route on one page, and what happens around each of them.

pub(crate) mod cors;

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post, put};
use menshen_domain::client::SHORTEST_RETRY_WINDOW;
use tower_http::catch_panic::CatchPanicLayer;

use crate::account::{events, logout, pages, password, sessions};
use crate::admin;
use crate::app::App;
use crate::error::ApiError;
use crate::oauth::device_authorization::page as device;
use crate::oauth::logout as end_session;
use crate::oauth::register::management;
use crate::oauth::{
    authorize, authorize_challenge, device_authorization, discovery, introspect, jwks, par,
    register, revoke, token, userinfo,
};
use crate::pages::{Chrome, assets};
use crate::revoke::preferred_wait;
use crate::sign_in::{code_page, finish_sign_up, forgot_password, page, reset_password, sign_up};
use crate::trouble::Trouble;
use crate::{feed, health, telemetry};

/// How long a request may take. Whoever is told after it to try again must still find the
/// window open in which a retry is one, and not taken for theft.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const _: () = assert!(REQUEST_TIMEOUT.as_secs() < SHORTEST_RETRY_WINDOW.as_secs());

/// How long a reader of the feed may be kept from its first byte; all the rules there are may
/// have to be read for it.
const FEED_TIMEOUT: Duration = Duration::from_secs(30);

/// The whole provider. Serve it with connect information, so that it knows who calls.
pub fn router(app: App) -> Router {
    let feed = Router::new().route("/feed", get(feed::get)).layer(from_fn(limit_feed));
    // A stream takes as long as it takes; only its beginning is waited for.
    let events = Router::new().route(events::PATH, get(events::get)).layer(from_fn(limit));
    oauth_routes()
        .merge(page_routes())
        .merge(admin_routes().layer(from_fn(forbid_storing)))
        .layer(from_fn(limit))
        .merge(routes_with_receipt().layer(from_fn(limit_with_wait)).layer(from_fn(forbid_storing)))
        .merge(for_any_site(routes_for_scripts().layer(from_fn(limit))))
        .merge(for_any_site(
            account_routes().layer(from_fn(limit_with_wait)).layer(from_fn(forbid_storing)),
        ))
        .merge(for_any_site(events))
        .merge(feed)
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(forbid_sniffing))
        .layer(from_fn_with_state(app.clone(), telemetry::observe))
        .with_state(app)
}

fn oauth_routes() -> Router<App> {
    Router::new()
        .route(authorize::PATH, get(authorize::get).post(authorize::post))
        .route(authorize::consent::PATH, post(authorize::consent::post))
        .route(end_session::PATH, get(end_session::get).post(end_session::post))
        .route(end_session::CONFIRM_PATH, post(end_session::confirm))
        .route(authorize_challenge::PATH, post(authorize_challenge::post))
        .route(device_authorization::PATH, post(device_authorization::post))
        .route(device::PATH, get(device::get).post(device::post))
        .route("/device/qr", get(device::picture))
        .route("/introspect", post(introspect::post))
        .route("/register", post(register::post))
        .route(
            "/register/{id}",
            get(management::get).put(management::put).delete(management::delete),
        )
        .route("/feed/ack", post(feed::acknowledgement::post))
        .route("/assets/{name}", get(assets::get))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(telemetry::metrics))
}

/// What apps that run in a browser call from there.
fn routes_for_scripts() -> Router<App> {
    Router::new()
        .route("/.well-known/oauth-authorization-server", get(discovery::get))
        .route("/.well-known/openid-configuration", get(discovery::get))
        .route("/jwks", get(jwks::get))
        .route(par::PATH, post(par::post))
        .route("/token", post(token::post))
        .route("/revoke", post(revoke::post))
        .route("/userinfo", get(userinfo::get).post(userinfo::post))
}

/// The part of the account that an app shows on its own screens, by an access token.
fn account_routes() -> Router<App> {
    Router::new()
        .route("/account/logout", post(logout::post))
        .route("/account/password", post(password::post))
        .route("/account/sessions", get(sessions::get))
        .route("/account/sessions/{id}", delete(sessions::delete))
}

/// What people see, beside what an app has asked for.
fn page_routes() -> Router<App> {
    use pages::{apps, devices, home, one_time_passwords};
    Router::new()
        .route("/", get(home::root))
        .route(home::PATH, get(home::get))
        .route(devices::SIGN_OUT, post(devices::sign_out))
        .route(devices::ELSEWHERE, post(devices::sign_out_elsewhere))
        .route(apps::PATH, post(apps::withdraw))
        .route(one_time_passwords::PATH, post(one_time_passwords::post))
        .route(one_time_passwords::CONFIRM, post(one_time_passwords::confirm))
        .route(pages::password::PATH, post(pages::password::post))
        .route(page::PATH, get(page::get).post(page::post))
        .route(code_page::PATH, post(code_page::post))
        .route(code_page::MAIL_PATH, post(code_page::mail))
        .route("/sign-in/other", post(page::other))
        .route("/sign-in/chosen", post(page::chosen))
        .route(forgot_password::PATH, get(forgot_password::get).post(forgot_password::post))
        .route(reset_password::PATH, get(reset_password::get).post(reset_password::post))
        .route(sign_up::PATH, get(sign_up::get).post(sign_up::post))
        .route(finish_sign_up::PATH, get(finish_sign_up::get).post(finish_sign_up::post))
}

fn admin_routes() -> Router<App> {
    use admin::{
        client, clients, deliveries, keys, one_time_passwords, revocations, sessions, user, users,
    };
    Router::new()
        .route("/admin/openapi.json", get(admin::openapi_document))
        .route("/admin/users", get(users::get).post(users::post))
        .route("/admin/users/{id}", get(user::get))
        .route("/admin/users/{id}/enable", post(user::enable))
        .route("/admin/users/{id}/sessions", get(sessions::list))
        .route(
            "/admin/users/{id}/one-time-passwords",
            get(one_time_passwords::get).delete(one_time_passwords::delete),
        )
        .route("/admin/sessions/{id}", get(sessions::get))
        .route("/admin/sessions/{id}/deliveries", get(deliveries::of_session))
        .route("/admin/deliveries", get(deliveries::get))
        .route("/admin/clients", get(clients::get).post(clients::post))
        .route("/admin/clients/{id}", get(client::get).patch(client::patch))
        .route("/admin/clients/{id}/secret", post(client::replace_secret))
        .route("/admin/clients/{id}/enable", post(client::enable))
        .route("/admin/revocations", get(revocations::get))
        .route("/admin/keys", get(keys::get))
        .route("/admin/keys/rotate", post(keys::rotate))
}

/// What ends something, and answers with a receipt that `Prefer: wait` may hold back.
fn routes_with_receipt() -> Router<App> {
    Router::new()
        .route("/admin/users/{id}", patch(admin::user::patch))
        .route("/admin/users/{id}/password", put(admin::user::set_password))
        .route("/admin/users/{id}/disable", post(admin::user::disable))
        .route("/admin/users/{id}/sessions", delete(admin::sessions::delete_all))
        .route("/admin/sessions/{id}", delete(admin::sessions::delete))
        .route("/admin/clients/{id}/disable", post(admin::client::disable))
        .route("/admin/revocations", post(admin::revocations::post))
        .route("/admin/keys/{id}/revoke", post(admin::keys::revoke))
}

/// A browser asks with a method that no route has; whoever answers must stand inside the layer.
fn for_any_site(routes: Router<App>) -> Router<App> {
    routes.method_not_allowed_fallback(wrong_method).layer(cors::any_site())
}

/// A person gets a page, a program a problem document.
async fn unknown_path(State(app): State<App>, chrome: Chrome, headers: HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if accepted.is_some_and(|accepted| accepted.contains("text/html")) {
        return Trouble::not_found().show(&app, &chrome);
    }
    ApiError::NotFound("resource").into_response()
}

async fn wrong_method() -> ApiError {
    ApiError::MethodNotAllowed
}

async fn limit(request: Request, next: Next) -> Response {
    run_within(REQUEST_TIMEOUT, request, next).await
}

async fn limit_with_wait(request: Request, next: Next) -> Response {
    let wait = preferred_wait(request.headers()).unwrap_or_default();
    run_within(REQUEST_TIMEOUT + wait, request, next).await
}

/// A stream of events takes as long as it takes; only its beginning is waited for.
async fn limit_feed(request: Request, next: Next) -> Response {
    run_within(FEED_TIMEOUT, request, next).await
}

/// A request that takes too long is answered as an outage: nothing is known of its outcome, so
/// nothing may be said about it.
async fn run_within(limit: Duration, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::Unavailable.into_response(),
    }
}

/// Users, their sessions and addresses are nothing for a cache.
async fn forbid_storing(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
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
