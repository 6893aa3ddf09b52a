//! The good answer: a code, and for those who may still have them, tokens beside it.

use std::time::Duration;

use menshen_domain::Secret;
use menshen_domain::client::SecurityProfile;
use menshen_domain::code::{AuthorizationCode, OpenIdRequest};
use menshen_store::{Issued, Redeemed, Redemption};

use axum::response::Response;

use super::{Pending, Visit};
use crate::app::App;
use crate::browser::Held;
use crate::error::OAuthError;
use crate::oauth::subject;
use crate::oauth::token::authorization_code::fresh;
use crate::oauth::token::id_token::IdToken;
use crate::oauth::token::response::{self, Narrowing};
use crate::revoke;

/// How long a code may live by FAPI 2.0 section 5.3.2.1, whatever the operator allows others.
const FAPI_CODE_LIFETIME: Duration = Duration::from_mins(1);

/// Gives the client what it asked for.
pub(super) async fn answer(
    visit: &Visit,
    pending: &Pending,
    held: &Held,
) -> Result<Response, OAuthError> {
    let app = &visit.app;
    let asked = pending.request.response_type;
    let secret = Secret::from_random(app.random());
    let code = code(app, pending, held, &secret).await?;
    let mut parameters = Vec::new();
    let given = asked.code.then(|| secret.expose().to_owned());
    let is_first = match (&pending.origin.pushed, asked.code) {
        (None, false) => true,
        (None, true) => app.store.issue_code(&code).await.map(|()| true)?,
        (Some(pushed), true) => app.store.issue_code_for(pushed, &code).await?,
        (Some(pushed), false) => app.store.drop_pushed_request(pushed).await?,
    };
    if !is_first {
        return Err(OAuthError::InvalidRequest("the pushed request was used before"));
    }
    if asked.code {
        parameters.push(("code", secret.expose().to_owned()));
    }
    if !asked.is_code_only() {
        let issued = let_in_at_once(app, pending, held).await?;
        parameters.extend(tokens(app, pending, &issued, given.as_deref()).await?);
    }
    Ok(pending.reply.send(app, &visit.chrome, parameters))
}

async fn code(
    app: &App,
    pending: &Pending,
    held: &Held,
    secret: &Secret,
) -> Result<AuthorizationCode, OAuthError> {
    let (request, client) = (&pending.request, &pending.origin.client);
    let lifetime = match client.policy.security_profile {
        SecurityProfile::Fapi2 => app.config.code_lifetime.min(FAPI_CODE_LIFETIME),
        SecurityProfile::None => app.config.code_lifetime,
    };
    let insisted_on = request.claims.essential_acr().unwrap_or_default();
    Ok(AuthorizationCode {
        hash: secret.hash(),
        client_id: client.id.clone(),
        user_id: held.user.id.clone(),
        subject: subject::of(app, client, &held.user.id).await?,
        session_id: Some(held.session.id),
        scope: request.scope.clone(),
        audience: request.audience.clone(),
        redirect_uri: Some(pending.reply.redirect_uri.clone()),
        openid: OpenIdRequest { nonce: request.nonce.clone(), claims: request.claims.clone() },
        challenge: request.challenge.clone(),
        confirmation: request.confirmation.clone(),
        device: held.session.device.clone(),
        authentication: held.session.authentication.clone().stated_as(&insisted_on),
        sign_in_epoch: held.user.sign_in_epoch,
        expires_at: app.now() + lifetime,
    })
}

/// A grant for tokens that are given right away: by a code that nobody sees.
async fn let_in_at_once(app: &App, pending: &Pending, held: &Held) -> Result<Issued, OAuthError> {
    let secret = Secret::from_random(app.random());
    let mut code = code(app, pending, held, &secret).await?;
    (code.challenge, code.redirect_uri) = (None, None);
    app.store.issue_code(&code).await?;
    let redemption = Redemption {
        code: code.hash.clone(),
        client_id: code.client_id.clone(),
        redirect_uri: None,
        verifier: None,
        proof: code.confirmation.clone(),
        resources: Vec::new(),
        fresh: fresh(app),
    };
    match app.store.redeem_code(&redemption, app.now()).await? {
        Redeemed::Opened { issued, displaced, .. } => {
            displaced.iter().for_each(revoke::count);
            Ok(*issued)
        }
        Redeemed::Refused(_) | Redeemed::Replayed(_) => Err(OAuthError::LoginRequired),
    }
}

async fn tokens(
    app: &App,
    pending: &Pending,
    issued: &Issued,
    code: Option<&str>,
) -> Result<Vec<(&'static str, String)>, OAuthError> {
    let asked = pending.request.response_type;
    let mut parameters = Vec::new();
    let mut access_token = None;
    if asked.token {
        let proof = pending.request.confirmation.clone();
        let narrowing = Narrowing { proof, ..Narrowing::default() };
        let mut token = response::access_token(app, issued, narrowing);
        let written = response::write(app, &issued.client, &mut token).await?;
        let kind = if token.confirmation.is_some() { "DPoP" } else { "Bearer" };
        let expires_in = token.expires_at.since(app.now()).as_secs();
        parameters.push(("access_token", written.clone()));
        parameters.push(("token_type", kind.to_owned()));
        parameters.push(("expires_in", expires_in.to_string()));
        parameters.push(("scope", token.scope.as_str().to_owned()));
        access_token = Some(written);
    }
    if asked.id_token {
        let id_token = IdToken {
            grant: &issued.grant,
            session: &issued.session,
            user: &issued.user,
            client: &issued.client,
            nonce: pending.request.nonce.as_deref(),
            access_token: access_token.as_deref(),
            code,
        };
        parameters.push(("id_token", id_token.mint(app, app.now()).await?));
    }
    Ok(parameters)
}
