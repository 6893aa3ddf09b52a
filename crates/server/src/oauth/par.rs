//! `POST /par`: a client leaves an authorization request with us before the browser comes (RFC 9126),
//! and so proves who it is before anybody is asked anything.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use menshen_store::PushedRequest;
use serde_json::json;

use super::authorize::request::{self, Lost};
use super::client_auth;
use super::request_object::{self, Source};
use crate::app::App;
use crate::client_cache::Known;
use crate::error::OAuthError;
use crate::form::Form;
use crate::sender;

/// The path.
pub(crate) const PATH: &str = "/par";

/// What a client proves who it is by, and which is no part of the request.
const CREDENTIALS: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];

/// Keeps a request.
pub(crate) async fn post(
    State(app): State<App>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, OAuthError> {
    let client = client_auth::authenticate(&app, &headers, &form).await?;
    if form.text("request_uri").is_some() {
        return Err(OAuthError::InvalidRequest("request_uri has no place in a pushed request"));
    }
    let parameters = parameters(&app, &client, &form).await?;
    let proof = sender::proof(&app, &Method::POST, PATH, &headers).await?;
    let proven = proof.map(|proof| proof.thumbprint);
    let checked = Form::from_pairs(parameters.clone())?;
    let reply = request::reply(&client, &checked).map_err(told)?;
    if !reply.mode_is_known {
        return Err(OAuthError::InvalidRequest("this response_mode is not supported here"));
    }
    let understood = request::understand(&client, &checked, proven.as_ref())?;
    let (uri, hash) = request::fresh_uri(app.random());
    let lifetime = app.config.pushed_request_lifetime;
    let pushed = PushedRequest {
        hash,
        client_id: client.id.clone(),
        parameters,
        confirmation: understood.confirmation,
        expires_at: app.now() + lifetime,
    };
    app.store.push_request(&pushed).await?;
    let body = Json(json!({ "request_uri": uri, "expires_in": lifetime.as_secs() }));
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], body).into_response())
}

/// What is asked for: what is signed, when something is (RFC 9126 section 3).
async fn parameters(
    app: &App,
    client: &Known,
    form: &Form,
) -> Result<Vec<(String, String)>, OAuthError> {
    let mut parameters = match form.text("request") {
        Some(object) => request_object::parameters(app, client, Source::Value(object)).await?,
        None if client.metadata.require_signed_request_object => {
            return Err(OAuthError::MissingParameter("request"));
        }
        None => {
            let kept = form.pairs().filter(|(name, _)| !CREDENTIALS.contains(name));
            kept.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        }
    };
    parameters.retain(|(name, _)| name != "client_id");
    parameters.push(("client_id".to_owned(), client.id.to_string()));
    Ok(parameters)
}

/// Here the client can be told.
fn told(lost: Lost) -> OAuthError {
    match lost {
        Lost::Mistake("missing redirect_uri") => OAuthError::MissingParameter("redirect_uri"),
        Lost::Mistake(_) | Lost::Expired => {
            OAuthError::InvalidRequest("the redirect_uri is not registered")
        }
        Lost::Error(error) => error,
    }
}
