//! Token exchange (RFC 8693) for a service that has to call another one for whoever has called it:
//! the token it was called with gives one for the other service, which says who acts.
//!
//! The new token belongs to the grant of the one it was made from, so that everything that ends
//! that ends it as well; it allows no more, and lives no longer.

use axum::response::Response;
use menshen_domain::claim::{self, ClaimPlace};
use menshen_token::{AccessToken, Scope};
use serde_json::{Map, Value, json};

use super::TokenRequest;
use super::response::{self, ACCESS_TOKEN, Extras, Narrowing};
use crate::error::OAuthError;
use crate::sender::own_token;

/// How many may have acted before.
const MOST_ACTORS: usize = 8;

/// Whether a request asks for a token for somebody else.
pub(super) fn is_asked(request: &TokenRequest<'_>) -> bool {
    let policy = &request.client.policy;
    let named = ["audience", "resource", "actor_token"];
    !policy.exchange_audience.is_empty()
        || named.iter().any(|name| request.form.text(name).is_some())
}

/// Gives a token for another service.
pub(super) async fn answer(
    request: &TokenRequest<'_>,
    subject_token: &str,
) -> Result<Response, OAuthError> {
    let (app, client) = (request.app, &request.client);
    if !client.is_confidential() || client.policy.exchange_audience.is_empty() {
        return Err(OAuthError::UnauthorizedClient);
    }
    let audience = audience(request)?;
    let proof = response::proof(request).await?;
    let worthless = OAuthError::InvalidSubjectToken;
    let subject = own_token::live(app, subject_token).await?.ok_or(worthless(None))?;
    let is_own = subject.client_id == client.id;
    let is_meant = subject.audience.iter().any(|meant| meant == client.id.as_str());
    let grant_id = subject.grant_id.filter(|_| is_own || is_meant).ok_or(worthless(None))?;
    if is_own && subject.confirmation.is_some() && subject.confirmation != proof {
        return Err(OAuthError::InvalidDpopProof("the token is bound to a key not proved"));
    }
    let scope = scope(request, &subject)?;
    let actor = actor(request, &subject).await?;
    if app.store.is_revoked(&subject, app.now()).await?.is_some() {
        return Err(worthless(None));
    }
    let issued = app.store.derive(grant_id, subject.expires_at, app.now()).await?;
    let issued = issued.ok_or(worthless(None))?;
    let narrowing = Narrowing { scope: Some(scope), audience: Some(audience.clone()), proof: None };
    let custom =
        claim::mapped(ClaimPlace::AccessToken, &issued.user, client, Some(&issued.session));
    let token = AccessToken {
        audience,
        client_id: client.id.clone(),
        // As they were for the one who is acted for.
        subject: subject.subject,
        session_id: subject.session_id,
        expires_at: subject.expires_at.min(issued.access_expires_at),
        confirmation: proof,
        actor: Some(actor),
        custom,
        ..response::access_token(app, &issued, narrowing)
    };
    response::of_token(app, client, token, Extras::of_exchange(ACCESS_TOKEN)).await
}

/// Whom the token is for: by name or by address, each of them allowed.
fn audience(request: &TokenRequest<'_>) -> Result<Vec<String>, OAuthError> {
    let form = request.form;
    let mut audience: Vec<String> = Vec::new();
    for named in form.all("audience").chain(form.all("resource")) {
        if !request.client.policy.exchange_audience.iter().any(|known| known == named) {
            return Err(OAuthError::InvalidTarget);
        }
        if !audience.iter().any(|known| known == named) {
            audience.push(named.to_owned());
        }
    }
    if audience.is_empty() { Err(OAuthError::MissingParameter("audience")) } else { Ok(audience) }
}

/// No more than before, and nothing that opens endpoints of ours.
fn scope(request: &TokenRequest<'_>, subject: &AccessToken) -> Result<Scope, OAuthError> {
    let asked = response::narrowed(request, &subject.scope)?;
    let scope = asked.as_ref().unwrap_or(&subject.scope);
    let kept = scope.iter().filter(|value| !response::OWN_SCOPES.contains(value));
    kept.collect::<Vec<_>>().join(" ").parse().map_err(|_| OAuthError::Internal)
}

/// Who acts: the client, or whom its `actor_token` names; and who has acted before.
async fn actor(
    request: &TokenRequest<'_>,
    subject: &AccessToken,
) -> Result<Map<String, Value>, OAuthError> {
    let (app, client, form) = (request.app, &request.client, request.form);
    let mut actor = Map::new();
    match form.text("actor_token") {
        None => {
            actor.insert("sub".to_owned(), client.id.as_str().into());
        }
        Some(token) => {
            if form.require("actor_token_type")? != ACCESS_TOKEN {
                return Err(OAuthError::InvalidRequest("an actor shows an access token"));
            }
            let refused = OAuthError::InvalidRequest("the actor token is not worth anything here");
            let token = own_token::live(app, token).await?;
            let token = token.filter(|token| token.client_id == client.id);
            let Some(token) = token else { return Err(refused) };
            if app.store.is_revoked(&token, app.now()).await?.is_some() {
                return Err(refused);
            }
            actor.insert("sub".to_owned(), token.subject.as_str().into());
        }
    }
    actor.insert("client_id".to_owned(), client.id.as_str().into());
    if let Some(before) = &subject.actor {
        if depth(before) >= MOST_ACTORS {
            return Err(OAuthError::InvalidRequest("too many have acted for one another"));
        }
        actor.insert("act".to_owned(), json!(before));
    }
    Ok(actor)
}

fn depth(actor: &Map<String, Value>) -> usize {
    let mut depth = 1;
    let mut next = actor.get("act");
    while let Some(before) = next {
        depth += 1;
        next = before.get("act");
    }
    depth
}
