//! `grant_type=urn:ietf:params:oauth:grant-type:token-exchange` (RFC 8693): for a token of another
//! service ([`delegation`]), of the same token in another form ([`reference_token`]), and for the single-token scheme, where a live access token is exchanged
//! for the next until the session has reached its absolute limit.

use axum::response::Response;
use menshen_domain::client::Renewal;

use super::response::{self, ACCESS_TOKEN, Narrowing, Occasion};
use super::{TokenRequest, delegation};
use crate::error::OAuthError;
use crate::oauth::gateway::reference_token;
use crate::sender::own_token;

/// Exchanges an access token for the next one of the same grant.
pub(super) async fn answer(request: &TokenRequest<'_>) -> Result<Response, OAuthError> {
    let (app, client, form) = (request.app, &request.client, request.form);
    if reference_token::is_asked(request) {
        return reference_token::answer(request).await;
    }
    let for_another = delegation::is_asked(request);
    if client.policy.renewal != Renewal::AccessToken && !for_another {
        return Err(OAuthError::UnauthorizedClient);
    }
    let subject = form.require("subject_token")?;
    if form.require("subject_token_type")? != ACCESS_TOKEN
        || form.text("requested_token_type").is_some_and(|wanted| wanted != ACCESS_TOKEN)
    {
        return Err(OAuthError::InvalidRequest("only access tokens can be exchanged"));
    }
    let named = ["actor_token", "audience", "resource"];
    let named = named.iter().any(|name| form.text(name).is_some());
    if named || client.policy.renewal != Renewal::AccessToken {
        return delegation::answer(request, subject).await;
    }
    let worthless = OAuthError::InvalidSubjectToken;
    let proof = response::proof(request).await?;
    let token = own_token::live(app, subject).await?.ok_or(worthless(None))?;
    // One that was got in exchange belongs to the grant of somebody else.
    let is_own = token.client_id == client.id && token.actor.is_none();
    let grant_id = token.grant_id.filter(|_| is_own);
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
