//! `POST /authorize-challenge`: an app of ours signs a user in on its own screen
//! (draft-ietf-oauth-first-party-apps), and gets a code to redeem at `/token`.

use std::net::{IpAddr, SocketAddr};

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use menshen_domain::code::{AuthorizationCode, CodeChallenge, OpenIdRequest};
use menshen_domain::credential::{MAX_PASSWORD_BYTES, PasswordHash, PasswordVerdict};
use menshen_domain::session::{Authentication, Device};
use menshen_domain::user::Username;
use menshen_domain::{Client, Secret, User};
use menshen_store::{Admission, Attempt};
use menshen_token::dpop::Proof;
use menshen_token::{Scope, Thumbprint};
use serde_json::json;

use super::{client_auth, subject};
use crate::app::App;
use crate::error::OAuthError;
use crate::form::Form;
use crate::sender;

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
    let challenge = challenge(&client, &form)?;
    let (confirmation, proof) = confirmation(&app, &headers, &form)?;
    let (Some(username), Some(password)) = (form.text("username"), form.text("password")) else {
        return Err(OAuthError::InsufficientAuthorization);
    };
    let address = sender::address(&app, peer, &headers);
    let user = sign_in(&app, address, username, password).await?;
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
            audience: client.policy.audience.clone(),
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

/// What the redeemer of the code must know (RFC 7636): S256 and nothing weaker. Nobody but a
/// client that authenticates may do without.
fn challenge(client: &Client, form: &Form) -> Result<Option<CodeChallenge>, OAuthError> {
    match (form.text("code_challenge"), form.text("code_challenge_method")) {
        (Some(challenge), Some("S256")) => {
            let malformed = OAuthError::InvalidRequest("the code challenge is malformed");
            challenge.parse().map(Some).map_err(|_| malformed)
        }
        (None, None) if client.is_confidential() => Ok(None),
        (None, _) => Err(OAuthError::MissingParameter("code_challenge")),
        (Some(_), _) => Err(OAuthError::InvalidRequest("code_challenge_method must be S256")),
    }
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

/// The user of this name and password. Unknown, wrong, disabled and without a password are one
/// answer, given after the same work.
async fn sign_in(
    app: &App,
    address: IpAddr,
    username: &str,
    password: &str,
) -> Result<User, OAuthError> {
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(OAuthError::InvalidRequest("the password is too long"));
    }
    let malformed = OAuthError::InvalidRequest("the user name is malformed");
    let username: Username = username.parse().map_err(|_| malformed)?;
    let found = app.store.find_user_by_username(&username).await?;
    let (user, hash) = found.map_or((None, None), |(user, hash)| (Some(user), hash));
    let account = user.as_ref().map(|user| user.id.clone());
    let attempt = Attempt { address, account, username };
    if let Admission::Wait(wait) = app.store.begin_attempt(&attempt, app.now()).await? {
        count("throttled");
        return Err(OAuthError::TooManyAttempts(wait));
    }
    let password = Secret::new(password.to_owned());
    let verdict = match app.hashing.verify(password.clone(), hash.clone()).await {
        Ok(verdict) => verdict,
        Err(busy) => {
            // Nobody has looked at the password: an overload is not a wrong guess.
            app.store.withdraw_attempt(&attempt).await?;
            count("busy");
            return Err(busy.into());
        }
    };
    let user = match (verdict, user) {
        (PasswordVerdict::Match | PasswordVerdict::MatchOutdated, Some(user))
            if user.disabled_at.is_none() =>
        {
            user
        }
        (verdict, _) => {
            if verdict == PasswordVerdict::Corrupt {
                tracing::error!("a stored password hash is corrupt");
            }
            count("refused");
            return Err(OAuthError::AccessDenied);
        }
    };
    app.store.forgive_attempt(&attempt, app.now()).await?;
    if let (PasswordVerdict::MatchOutdated, Some(old)) = (verdict, hash) {
        upgrade(app, &user, old, password).await?;
    }
    count("success");
    Ok(user)
}

/// Keeps the password under a hash of today's cost. When the pool is busy, the next sign-in
/// will do.
async fn upgrade(
    app: &App,
    user: &User,
    old: PasswordHash,
    password: Secret,
) -> Result<(), OAuthError> {
    if let Ok(new) = app.hashing.hash(password).await {
        app.store.upgrade_password(&user.id, &old, &new).await?;
    }
    Ok(())
}

fn count(outcome: &'static str) {
    metrics::counter!("menshen_logins_total", "outcome" => outcome).increment(1);
}
