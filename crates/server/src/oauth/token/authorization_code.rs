//! `grant_type=authorization_code`: a code opens a session, or lets its client into the one that a
//! browser holds (RFC 6749 section 4.1.3).

use axum::response::Response;
use menshen_domain::SecretHash;
use menshen_domain::refresh_token::Seed;
use menshen_store::{CodeRefusal, Fresh, Receipt, Redeemed, Redemption};
use menshen_token::{GrantId, Reason, SessionId};

use super::TokenRequest;
use super::resource;
use super::response::{self, Narrowing, Occasion};
use crate::app::App;
use crate::error::OAuthError;
use crate::revoke;

/// The length of a code of ours: 32 bytes as base64url. Other texts need no look-up.
const CODE_CHARACTERS: usize = 43;

/// Redeems a code. One that is presented twice ends what it opened.
pub(super) async fn answer(request: &TokenRequest<'_>) -> Result<Response, OAuthError> {
    let app = request.app;
    let code = request.form.require("code")?;
    let audience = resource::named(request)?;
    let proof = response::proof(request).await?;
    if code.len() != CODE_CHARACTERS {
        return Err(OAuthError::InvalidGrant(None));
    }
    let redemption = Redemption {
        code: SecretHash::of(code.as_bytes()),
        client_id: request.client.id.clone(),
        redirect_uri: request.form.text("redirect_uri").map(str::to_owned),
        verifier: request.form.text("code_verifier").map(str::to_owned),
        proof: proof.clone(),
        resources: audience.clone().unwrap_or_default(),
        fresh: fresh(app),
    };
    match app.store.redeem_code(&redemption, app.now()).await? {
        Redeemed::Opened { issued, openid, displaced } => {
            displaced.iter().for_each(revoke::count);
            let narrowing = Narrowing { audience, proof, ..Narrowing::default() };
            let occasion = Occasion::SignIn { nonce: openid.nonce };
            response::of_session(app, *issued, narrowing, occasion).await
        }
        Redeemed::Refused(refusal) => Err(refused(request, refusal)),
        Redeemed::Replayed(receipt) => Err(replayed(request, &receipt)),
    }
}

/// The random parts of what a code opens.
pub(crate) fn fresh(app: &App) -> Fresh {
    Fresh {
        session_id: SessionId::from_bytes(app.random()),
        grant_id: GrantId::from_bytes(app.random()),
        seed: Seed::from_random(app.random()),
        mac_key_id: app.keyring.mac_keys().current().id().clone(),
    }
}

fn refused(request: &TokenRequest<'_>, refusal: CodeRefusal) -> OAuthError {
    tracing::info!(client.id = %request.client.id, code.refusal = ?refusal, "code refused");
    match refusal {
        CodeRefusal::Unknown
        | CodeRefusal::Expired
        | CodeRefusal::Superseded
        | CodeRefusal::WrongClient
        | CodeRefusal::WrongRedirect
        | CodeRefusal::WrongVerifier => OAuthError::InvalidGrant(None),
        CodeRefusal::WrongKey => {
            OAuthError::InvalidDpopProof("the code is bound to a key that was not proved")
        }
        CodeRefusal::WrongTarget => OAuthError::InvalidTarget,
        CodeRefusal::SessionEnded(reason) => OAuthError::InvalidGrant(Some(reason)),
        CodeRefusal::UserDisabled => OAuthError::InvalidGrant(Some(Reason::UserDisabled)),
        CodeRefusal::ClientDisabled => OAuthError::InvalidClient,
    }
}

fn replayed(request: &TokenRequest<'_>, receipt: &Receipt) -> OAuthError {
    tracing::warn!(
        client.id = %request.client.id,
        sessions = receipt.sessions,
        "an authorization code was presented twice; what it opened has been ended"
    );
    revoke::count(receipt);
    OAuthError::InvalidGrant(Some(Reason::AuthorizationCodeReuse))
}
