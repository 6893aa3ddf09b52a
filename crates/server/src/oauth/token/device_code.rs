//! `grant_type=urn:ietf:params:oauth:grant-type:device_code`: a device asks whether somebody has
//! let it in (RFC 8628 section 3.4).

use axum::response::Response;
use menshen_domain::SecretHash;
use menshen_store::{DevicePoll, Polled};

use super::authorization_code::fresh;
use super::response::{self, Narrowing, Occasion};
use super::{TokenRequest, resource};
use crate::error::OAuthError;
use crate::revoke;

/// The length of a device code of ours: 32 bytes as base64url. Other texts need no look-up.
const CODE_CHARACTERS: usize = 43;

/// Lets a device in, or tells it to ask again.
pub(super) async fn answer(request: &TokenRequest<'_>) -> Result<Response, OAuthError> {
    let app = request.app;
    let code = request.form.require("device_code")?;
    let audience = resource::named(request)?;
    let proof = response::proof(request).await?;
    if code.len() != CODE_CHARACTERS {
        return Err(OAuthError::InvalidGrant(None));
    }
    let poll = DevicePoll {
        device_code: SecretHash::of(code.as_bytes()),
        client_id: request.client.id.clone(),
        proof: proof.clone(),
        resources: audience.clone().unwrap_or_default(),
        fresh: fresh(app),
    };
    match app.store.poll_device(&poll, app.now()).await? {
        Polled::Opened { issued, displaced } => {
            displaced.iter().for_each(revoke::count);
            let narrowing = Narrowing { audience, proof, ..Narrowing::default() };
            let occasion = Occasion::SignIn { nonce: None };
            response::of_session(app, *issued, narrowing, occasion).await
        }
        Polled::Pending => Err(OAuthError::AuthorizationPending),
        Polled::SlowDown => Err(OAuthError::PolledTooOften),
        Polled::Denied => Err(OAuthError::Denied),
        Polled::Expired => Err(OAuthError::ExpiredDeviceCode),
        Polled::WrongKey => Err(OAuthError::InvalidDpopProof(
            "the device code is bound to a key that was not proved",
        )),
        Polled::WrongTarget => Err(OAuthError::InvalidTarget),
        Polled::Refused => Err(OAuthError::InvalidGrant(None)),
    }
}
