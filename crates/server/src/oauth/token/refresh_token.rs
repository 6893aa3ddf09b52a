//! `grant_type=refresh_token`: the next generation for the current one (RFC 6749 section 6).
//!
//! The judgement is `menshen_domain::refresh_token::judge`, taken inside the store's
//! transaction; here it becomes an answer, an alarm and a number.

use axum::response::Response;
use menshen_domain::refresh_token::{Presentation, Presented, Refusal, Verdict};
use menshen_domain::{Grant, SecretHash};
use menshen_store::Refreshed;
use menshen_token::{GrantId, Reason, Scope};

use super::TokenRequest;
use super::resource;
use super::response::{self, Narrowing, Occasion};
use crate::error::OAuthError;
use crate::revoke;

/// Refreshes.
pub(super) async fn answer(request: &TokenRequest<'_>) -> Result<Response, OAuthError> {
    let app = request.app;
    let keys = app.keyring.mac_keys();
    let token = request.form.require("refresh_token")?;
    let retry_key = response::one_line(
        request.headers,
        "idempotency-key",
        "Idempotency-Key must be one line of 1 to 255 visible characters",
    )?;
    let Some(token) = Presented::parse(&keys, token) else {
        count("refuse_foreign");
        return Err(OAuthError::InvalidGrant(None));
    };
    let (scope, audience) = asked(request, &token).await?;
    let proof = response::proof(request).await?;
    let grant_id = token.grant_id;
    let presentation = Presentation {
        token,
        client_id: request.client.id.clone(),
        proof: proof.clone(),
        retry_key_hash: retry_key.map(SecretHash::of),
    };
    match app.store.refresh(presentation, &keys, app.now()).await? {
        Refreshed::Issued(issued) => {
            count(if issued.verdict == Verdict::Reissue { "reissue" } else { "rotate" });
            let narrowing = Narrowing { scope, audience, proof };
            response::of_session(app, *issued, narrowing, Occasion::Refresh).await
        }
        Refreshed::Refused(refusal) => Err(refused(request, grant_id, refusal)),
        Refreshed::Ended { reason, receipt, grant } => {
            revoke::count(&receipt);
            Err(ended(request, reason, &grant).await)
        }
        Refreshed::Unknown => {
            count("refuse_unknown");
            Err(OAuthError::InvalidGrant(None))
        }
    }
}

/// The scope and the resources asked for. They are judged before the token is: a client that asks
/// for too much must not find its token superseded by a request that gave it nothing.
async fn asked(
    request: &TokenRequest<'_>,
    token: &Presented,
) -> Result<(Option<Scope>, Option<Vec<String>>), OAuthError> {
    let audience = resource::named(request)?;
    if audience.is_none() && request.form.text("scope").is_none() {
        return Ok((None, None));
    }
    let grant = request.app.store.find_grant(token.grant_id).await?;
    let own =
        |grant: &Grant| grant.client_id == request.client.id && token.derives_from(&grant.seed);
    match grant.filter(own) {
        Some(grant) => {
            resource::check(audience.as_deref(), &grant.audience, &request.client.policy)?;
            Ok((response::narrowed(request, &grant.scope)?, audience))
        }
        // Not this client's: what it asks for does not matter, the store will refuse it.
        None => Ok((None, None)),
    }
}

fn refused(request: &TokenRequest<'_>, grant_id: GrantId, refusal: Refusal) -> OAuthError {
    let client_id = &request.client.id;
    match refusal {
        Refusal::Ended(reason) => {
            count("refuse_ended");
            OAuthError::InvalidGrant(Some(reason))
        }
        Refusal::WrongClient => {
            count("refuse_client");
            OAuthError::InvalidGrant(None)
        }
        // Not "gone": the client may still hold the right key.
        Refusal::WrongKey => {
            count("refuse_key");
            OAuthError::InvalidDpopProof("the refresh token is bound to a key that was not proved")
        }
        Refusal::Forged => {
            count("refuse_forged");
            tracing::error!(client.id = %client_id, grant.id = %grant_id,
                "a refresh token was forged with the server key: replace the key");
            OAuthError::InvalidGrant(None)
        }
        Refusal::NeverIssued => {
            count("refuse_never_issued");
            tracing::error!(client.id = %client_id, grant.id = %grant_id,
                "a refresh token was presented that was never issued: the keys have leaked");
            OAuthError::InvalidGrant(None)
        }
    }
}

/// The presentation ended the session: too old, or superseded and presented by somebody else.
async fn ended(request: &TokenRequest<'_>, reason: Reason, grant: &Grant) -> OAuthError {
    if reason != Reason::RefreshTokenReuse {
        count("expire");
        return OAuthError::InvalidGrant(Some(reason));
    }
    count("kill");
    // Known for the log only; that it cannot be read changes nothing.
    let session = request.app.store.find_session(grant.session_id).await.ok().flatten();
    let signed_in_from = session.and_then(|session| session.device.address);
    tracing::warn!(
        client.id = %grant.client_id,
        user.id = %grant.user_id,
        session.id = %grant.session_id,
        signed_in_from = signed_in_from.as_deref().unwrap_or("unknown"),
        presented_from = %request.address(),
        "a superseded refresh token was presented again; its session has been ended"
    );
    OAuthError::InvalidGrant(Some(reason))
}

fn count(verdict: &'static str) {
    metrics::counter!("menshen_refreshes_total", "verdict" => verdict).increment(1);
}
