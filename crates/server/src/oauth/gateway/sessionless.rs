//! A token for one person and a minute, without a session: whoever sends a password with every
//! request has signed in nowhere, and is on no list of devices.

use std::net::IpAddr;
use std::time::Duration;

use axum::response::Response;
use menshen_domain::User;
use menshen_domain::claim::{self, ClaimPlace};
use menshen_domain::client::{Client, GATEWAY_SCOPE};
use menshen_domain::session::Authentication;
use menshen_store::Sessionless;
use menshen_token::digest::DigestKey;
use menshen_token::{AccessToken, Jti, Scope, Thumbprint};
use serde_json::{Map, Value};

use super::super::token::response::{self, Extras};
use super::super::token::{TokenRequest, resource};
use crate::error::OAuthError;
use crate::form::Form;

/// How long such a token lives at most: the gateway asks again, and so a password counts for no
/// longer than it is sent.
const LIFETIME: Duration = Duration::from_mins(1);

/// The address that the gateway was called from. It is what attempts are counted by, because the
/// gateway's own is everybody's.
pub(super) fn client_address(form: &Form) -> Result<IpAddr, OAuthError> {
    let malformed = OAuthError::InvalidRequest("client_address is an IP address");
    let address: IpAddr = form.require("client_address")?.parse().map_err(|_| malformed)?;
    Ok(address.to_canonical())
}

/// What is asked for, looked at before anybody proves anything.
pub(super) struct Order {
    scope: Scope,
    audience: Vec<String>,
    proof: Option<Thumbprint>,
    digest_key: Option<DigestKey>,
}

impl Order {
    /// Reads a request.
    pub(super) async fn read(request: &TokenRequest<'_>) -> Result<Self, OAuthError> {
        let policy = &request.client.policy;
        let asked = response::narrowed(request, &policy.scope)?;
        let audience = resource::named(request)?.unwrap_or_else(|| policy.audience.clone());
        let scope = meant_for_others(asked.as_ref().unwrap_or(&policy.scope));
        let scope = resource::scope_at(&audience, scope, policy);
        let proof = response::proof(request).await?;
        Ok(Self { scope, audience, proof, digest_key: None })
    }

    /// With the key that the gateway judges further requests by.
    pub(super) fn sharing(self, key: DigestKey) -> Self {
        Self { digest_key: Some(key), ..self }
    }

    /// Gives the token to a user who has proved who they are.
    pub(super) async fn give(
        self,
        request: &TokenRequest<'_>,
        user: &User,
        authentication: Authentication,
    ) -> Result<Response, OAuthError> {
        let (app, client) = (request.app, &request.client);
        let lifetime =
            LIFETIME.min(client.policy.access_token_lifetime(app.config.access_token_ceiling));
        let issued = app.store.issue_sessionless(user, lifetime, app.now()).await?;
        // Whoever was let in a moment ago has been shut out since.
        let Sessionless { user, issued_at, expires_at } =
            issued.ok_or(OAuthError::InvalidGrant(None))?;
        let custom = custom(client, &user);
        let token = AccessToken {
            key_id: response::unsigned(),
            issuer: app.config.issuer().to_owned(),
            audience: response::audience(app, &self.audience, &self.scope),
            expires_at,
            issued_at,
            not_before: None,
            jti: Jti::from_bytes(app.random()),
            client_id: client.id.clone(),
            session_id: None,
            grant_id: None,
            scope: self.scope,
            auth_time: Some(authentication.time),
            acr: authentication.acr,
            amr: authentication.amr,
            subject: user.id,
            roles: user.roles,
            confirmation: self.proof,
            actor: None,
            custom,
        };
        response::of_signed_token(app, client, token, Extras::of_digest(self.digest_key)).await
    }
}

/// Without what opens endpoints of ours: a password that is sent along with every request manages
/// no account.
fn meant_for_others(scope: &Scope) -> Scope {
    let own = |value: &&str| response::OWN_SCOPES.contains(value) || *value == GATEWAY_SCOPE;
    let kept: Vec<&str> = scope.iter().filter(|value| !own(value)).collect();
    kept.join(" ").parse().unwrap_or_default()
}

fn custom(client: &Client, user: &User) -> Map<String, Value> {
    if client.policy.claims.is_empty() {
        claim::beyond_standard(user)
    } else {
        claim::mapped(ClaimPlace::AccessToken, user, client, None)
    }
}
