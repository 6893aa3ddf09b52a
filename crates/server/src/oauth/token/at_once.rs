//! A session that the token endpoint opens by itself: by a code that nobody sees, so that it is
//! judged and counted like every other.

use menshen_domain::code::{AuthorizationCode, OpenIdRequest};
use menshen_domain::session::{Authentication, Device};
use menshen_domain::{Secret, User};
use menshen_store::{Redeemed, Redemption};
use menshen_token::{Scope, Thumbprint};

use axum::response::Response;

use super::super::authorize::request;
use super::super::subject;
use super::TokenRequest;
use super::authorization_code::fresh;
use super::response::{self, Narrowing, Occasion};
use crate::error::OAuthError;
use crate::revoke;

/// What is asked for, looked at before anybody is let in.
pub(super) struct Entrance {
    scope: Scope,
    audience: Vec<String>,
    proof: Option<Thumbprint>,
}

impl Entrance {
    /// Reads a request.
    pub(super) async fn read(request: &TokenRequest<'_>) -> Result<Self, OAuthError> {
        Ok(Self {
            scope: request::scope(&request.client, request.form)?,
            audience: request::audience(&request.client, request.form)?,
            proof: response::proof(request).await?,
        })
    }

    /// Opens a session for a user who has proved who they are.
    pub(super) async fn open(
        self,
        request: &TokenRequest<'_>,
        user: &User,
        authentication: Authentication,
    ) -> Result<Response, OAuthError> {
        let (app, client, form) = (request.app, &request.client, request.form);
        let address = request.address().to_string();
        let code = AuthorizationCode {
            hash: Secret::from_random(app.random()).hash(),
            client_id: client.id.clone(),
            user_id: user.id.clone(),
            subject: subject::of(app, client, &user.id).await?,
            session_id: None,
            scope: self.scope,
            audience: self.audience,
            redirect_uri: None,
            openid: OpenIdRequest::default(),
            challenge: None,
            confirmation: None,
            device: Device::new(
                form.text("device_name"),
                form.text("device_platform"),
                Some(address),
            ),
            authentication,
            sign_in_epoch: user.sign_in_epoch,
            expires_at: app.now() + app.config.code_lifetime,
        };
        app.store.issue_code(&code).await?;
        let redemption = Redemption {
            code: code.hash,
            client_id: code.client_id,
            redirect_uri: None,
            verifier: None,
            proof: self.proof.clone(),
            resources: Vec::new(),
            fresh: fresh(app),
        };
        match app.store.redeem_code(&redemption, app.now()).await? {
            Redeemed::Opened { issued, displaced, .. } => {
                displaced.iter().for_each(revoke::count);
                let narrowing = Narrowing { proof: self.proof, ..Narrowing::default() };
                let occasion = Occasion::SignIn { nonce: None };
                response::of_session(app, *issued, narrowing, occasion).await
            }
            // Whoever was let in a moment ago has been shut out since.
            Redeemed::Refused(_) | Redeemed::Replayed(_) => Err(OAuthError::InvalidGrant(None)),
        }
    }
}
