//! `POST /authorize-challenge`: an app of ours signs a user in on its own screen
//! (draft-ietf-oauth-first-party-apps), and gets a code to redeem at `/token`. Where a one-time
//! password is wanted as well, the request is sent once more, with `auth_session` and the code in
//! place of name and password.

mod sign_in;

use std::net::{IpAddr, SocketAddr};

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use menshen_domain::code::{AuthorizationCode, CodeChallenge, OpenIdRequest};
use menshen_domain::session::{Acr, Authentication, Device};
use menshen_domain::{Client, Secret, SecretHash, User};
use menshen_token::dpop::Proof;
use menshen_token::{Scope, Thumbprint};
use serde_json::json;

use super::authorize::request;
use super::{client_auth, subject};
use crate::app::App;
use crate::error::OAuthError;
use crate::form::Form;
use crate::pages::Chrome;
use crate::router::cors;
use crate::sender;

/// The path.
pub(crate) const PATH: &str = "/authorize-challenge";

/// Signs a user in. The answer can be read by scripts of the sites that the client is registered
/// with, and of no other: a page elsewhere must not guess passwords by the browsers of its visitors.
pub(crate) async fn post(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    chrome: Chrome,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, OAuthError> {
    let client = client_auth::authenticate(&app, &headers, &form).await?;
    let site = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let site = site.filter(|origin| client.metadata.has_page_at(origin)).map(str::to_owned);
    let address = sender::address(&app, peer, &headers);
    let request = Request { app: &app, client: &client, address, headers: &headers, form: &form };
    let answer = request.answer(&chrome).await.into_response();
    Ok(match site {
        Some(origin) => (cors::one_site(&origin), answer).into_response(),
        None => answer,
    })
}

/// A request of a client.
struct Request<'a> {
    app: &'a App,
    client: &'a Client,
    address: IpAddr,
    headers: &'a HeaderMap,
    form: &'a Form,
}

impl Request<'_> {
    async fn answer(&self, chrome: &Chrome) -> Result<Response, OAuthError> {
        let Self { app, client, address, headers, form } = *self;
        if !client.policy.first_party {
            return Err(OAuthError::UnauthorizedClient);
        }
        let asked = Asked::read(app, client, headers, form)?;
        let attempt = sign_in::Attempt { app, chrome, address, form, asked: &asked };
        let proved = attempt.prove().await;
        let is_right = matches!(proved, Ok(_) | Err(OAuthError::OneTimePasswordRequired(_)));
        if let (true, Some(proof)) = (is_right, &asked.proof) {
            sender::use_up(app, proof).await?;
        }
        let (user, authentication) = proved?;
        let device = Device::new(
            form.text("device_name"),
            form.text("device_platform"),
            Some(address.to_string()),
        );
        let code = issue(app, client, asked, SignedIn { user, authentication, device }).await?;
        let body = Json(json!({ "authorization_code": code.expose() }));
        Ok(([(header::CACHE_CONTROL, "no-store")], body).into_response())
    }
}

/// Who has signed in, how and where.
struct SignedIn {
    user: User,
    authentication: Authentication,
    device: Device,
}

async fn issue(
    app: &App,
    client: &Client,
    asked: Asked,
    signed_in: SignedIn,
) -> Result<Secret, OAuthError> {
    let SignedIn { user, authentication, device } = signed_in;
    let code = Secret::from_random(app.random());
    app.store
        .issue_code(&AuthorizationCode {
            hash: code.hash(),
            client_id: client.id.clone(),
            subject: subject::of(app, client, &user.id).await?,
            user_id: user.id,
            session_id: None,
            audience: asked.audience,
            redirect_uri: None,
            openid: OpenIdRequest::default(),
            sign_in_epoch: user.sign_in_epoch,
            scope: asked.scope,
            challenge: asked.challenge,
            confirmation: asked.confirmation,
            device,
            authentication,
            expires_at: app.now() + app.config.code_lifetime,
        })
        .await?;
    Ok(code)
}

/// What a request asks for.
struct Asked {
    scope: Scope,
    audience: Vec<String>,
    challenge: Option<CodeChallenge>,
    /// The key that the code is bound to.
    confirmation: Option<Thumbprint>,
    /// The proof of that key, which is not used up yet.
    proof: Option<Proof>,
    /// The least that the sign-in must be worth.
    acr: Acr,
    /// Who asks, with which key and which challenge: who else cannot go on with what this began.
    sender: SecretHash,
}

impl Asked {
    fn read(
        app: &App,
        client: &Client,
        headers: &HeaderMap,
        form: &Form,
    ) -> Result<Self, OAuthError> {
        let scope = scope(client, form.text("scope"))?;
        let audience = request::audience(client, form)?;
        let challenge = request::challenge(client, form)?;
        let (confirmation, proof) = confirmation(app, headers, form)?;
        let sender = json!([
            client.id.as_str(),
            confirmation.as_ref().map(Thumbprint::as_str),
            challenge.as_ref().map(CodeChallenge::as_str),
        ]);
        let sender = SecretHash::of(sender.to_string().as_bytes());
        let acr = request::acr(client, form);
        Ok(Self { scope, audience, challenge, confirmation, proof, acr, sender })
    }
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
