//! `POST /device_authorization`: a television or a command line asks for a code to show (RFC 8628
//! section 3.1).

pub(crate) mod page;

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use menshen_domain::Secret;
use menshen_domain::device_authorization::{
    DeviceAuthorization, DeviceState, INTERVAL, LIFETIME, UserCode,
};
use serde_json::json;

use super::authorize::request;
use super::client_auth;
use super::token::grant_type::GrantType;
use crate::app::App;
use crate::error::OAuthError;
use crate::form::Form;
use crate::sender;

/// The path.
pub(crate) const PATH: &str = "/device_authorization";

/// How often another code is drawn because one is taken.
const DRAWS: usize = 4;

/// Gives a device two codes: one to show, and one to ask with.
pub(crate) async fn post(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, OAuthError> {
    let client = client_auth::authenticate(&app, &headers, &form).await?;
    if !GrantType::DeviceCode.is_for(&client) {
        return Err(OAuthError::UnauthorizedClient);
    }
    let scope = request::scope(&client, &form)?;
    let audience = request::audience(&client, &form)?;
    let proof = sender::proof(&app, &Method::POST, PATH, &headers).await?;
    let proven = proof.map(|proof| proof.thumbprint);
    let confirmation = request::confirmation(&form, proven.as_ref())?;
    for _ in 0..DRAWS {
        let (device_code, user_code) =
            (Secret::from_random(app.random()), UserCode::from_random(app.random()));
        let device = DeviceAuthorization {
            device_code_hash: device_code.hash(),
            user_code_hash: user_code.hash(),
            client_id: client.id.clone(),
            scope: scope.clone(),
            audience: audience.clone(),
            confirmation: confirmation.clone(),
            address: Some(sender::address(&app, peer, &headers).to_string()),
            interval: INTERVAL,
            polled_at: None,
            expires_at: app.now() + LIFETIME,
            state: DeviceState::Pending,
        };
        if app.store.issue_device_authorization(&device).await? {
            return Ok(told(&app, &device_code, &user_code));
        }
    }
    Err(OAuthError::Unavailable)
}

fn told(app: &App, device_code: &Secret, user_code: &UserCode) -> Response {
    let body = json!({
        "device_code": device_code.expose(),
        "user_code": user_code.to_string(),
        "verification_uri": app.config.endpoint(page::PATH),
        "verification_uri_complete": app.config.endpoint(&page::complete(user_code)),
        "expires_in": LIFETIME.as_secs(),
        "interval": INTERVAL.as_secs(),
    });
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
