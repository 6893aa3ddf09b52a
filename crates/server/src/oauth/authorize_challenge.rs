//! `POST /authorize-challenge`: an app of ours signs a user in on its own screen
//! (draft-ietf-oauth-first-party-apps), and gets a code to redeem at `/token`.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use menshen_domain::code::{AuthorizationCode, OpenIdRequest};
use menshen_domain::session::{Authentication, Device};
use menshen_domain::{Client, Secret};
use menshen_token::dpop::Proof;
use menshen_token::{Scope, Thumbprint};
use serde_json::json;

use super::authorize::request;
use super::{client_auth, subject};
use crate::app::App;
use crate::error::OAuthError;
use crate::form::Form;
use crate::{sender, sign_in};

/// The path.
pub(crate) const PATH: &str = "/authorize-challenge";

/// Signs a user in.
pub(crate) async fn post(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, OAuthError> {
    let client = client_auth::authenticate(&app, &headers, &form).await?;
    if !client.policy.first_party {
        return Err(OAuthError::UnauthorizedClient);
    }
    let scope = scope(&client, form.text("scope"))?;
    let audience = request::audience(&client, &form)?;
    let challenge = request::challenge(&client, &form)?;
    let (confirmation, proof) = confirmation(&app, &headers, &form)?;
    let (Some(username), Some(password)) = (form.text("username"), form.text("password")) else {
        return Err(OAuthError::InsufficientAuthorization);
    };
    let address = sender::address(&app, peer, &headers);
    let user = sign_in::by_password(&app, address, username, password).await?;
    if let Some(proof) = &proof {
        sender::use_up(&app, proof).await?;
    }
    let now = app.now();
    let code = Secret::from_random(app.random());
    let device = Device::new(
        form.text("device_name"),
        form.text("device_platform"),
        Some(address.to_string()),
    );
    app.store
        .issue_code(&AuthorizationCode {
            hash: code.hash(),
            client_id: client.id.clone(),
            subject: subject::of(&app, &client, &user.id).await?,
            user_id: user.id,
            session_id: None,
            audience,
            redirect_uri: None,
            openid: OpenIdRequest::default(),
            sign_in_epoch: user.sign_in_epoch,
            scope,
            challenge,
            confirmation,
            device,
            authentication: Authentication::by_password(now),
            expires_at: now + app.config.code_lifetime,
        })
        .await?;
    let body = Json(json!({ "authorization_code": code.expose() }));
    Ok(([(header::CACHE_CONTROL, "no-store")], body).into_response())
}

/// What is asked for, which the client must be allowed; all of that when it asks for nothing.
fn scope(client: &Client, asked: Option<&str>) -> Result<Scope, OAuthError> {
    let Some(asked) = asked else { return Ok(client.policy.scope.clone()) };
    let scope: Scope = asked.parse().map_err(|_| OAuthError::InvalidScope)?;
    if client.policy.scope.includes(&scope) { Ok(scope) } else { Err(OAuthError::InvalidScope) }
}

/// The key that the code is bound to, proved or named (RFC 9449 section 10), and the proof,
/// which is not used up yet.
fn confirmation(
    app: &App,
    headers: &HeaderMap,
    form: &Form,
) -> Result<(Option<Thumbprint>, Option<Proof>), OAuthError> {
    let malformed = || OAuthError::InvalidRequest("dpop_jkt is malformed");
    let named = form.text("dpop_jkt").map(str::parse::<Thumbprint>);
    let named = named.transpose().map_err(|_| malformed())?;
    let proof = sender::judge_proof(app, &Method::POST, PATH, headers)?;
    match (named, proof.as_ref().map(|proof| proof.thumbprint.clone())) {
        (Some(named), Some(proved)) if named != proved => {
            Err(OAuthError::InvalidDpopProof("dpop_jkt names another key than the DPoP proof"))
        }
        (named, proved) => Ok((proved.or(named), proof)),
    }
}
