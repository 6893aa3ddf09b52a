//! `grant_type=urn:ietf:params:oauth:grant-type:token-exchange` (RFC 8693), for one purpose: the
//! single-token scheme, where a live access token is exchanged for the next until the session
//! has reached its absolute limit.

use axum::response::Response;
use menshen_domain::client::Renewal;

use super::TokenRequest;
use super::response::{self, ACCESS_TOKEN, Narrowing, Occasion};
use crate::error::OAuthError;
use crate::sender::own_token;

/// Exchanges an access token for the next one of the same grant.
pub(super) async fn answer(request: &TokenRequest<'_>) -> Result<Response, OAuthError> {
    let (app, client, form) = (request.app, &request.client, request.form);
    if client.policy.renewal != Renewal::AccessToken {
        return Err(OAuthError::UnauthorizedClient);
    }
    let subject = form.require("subject_token")?;
    if form.require("subject_token_type")? != ACCESS_TOKEN
        || form.text("requested_token_type").is_some_and(|wanted| wanted != ACCESS_TOKEN)
    {
        return Err(OAuthError::InvalidRequest("only access tokens can be exchanged"));
    }
    if ["actor_token", "audience", "resource"].iter().any(|name| form.text(name).is_some()) {
        return Err(OAuthError::InvalidRequest("a token is exchanged for its own kind only"));
    }
    let worthless = OAuthError::InvalidSubjectToken;
    let proof = response::proof(request).await?;
    let token = own_token::live(app, subject).await?.ok_or(worthless(None))?;
    let grant_id = token.grant_id.filter(|_| token.client_id == client.id);
    let grant_id = grant_id.ok_or(worthless(None))?;
    if token.confirmation.is_some() && token.confirmation != proof {
        return Err(OAuthError::InvalidDpopProof("the token is bound to a key not proved"));
    }
    let scope = response::narrowed(request, &token.scope)?;
    // A change of roles or a cut-off for all ends no session: it asks for this very renewal.
    if let Some(reason) = app.store.bars_renewal(&token, app.now()).await? {
        return Err(worthless(Some(reason)));
    }
    let issued = app.store.renew(grant_id, app.now()).await?.ok_or(worthless(None))?;
    // A token may not grow by being exchanged.
    let narrowing =
        Narrowing { scope: Some(scope.unwrap_or(token.scope)), proof, ..Narrowing::default() };
    response::of_session(app, issued, narrowing, Occasion::Exchange).await
}
