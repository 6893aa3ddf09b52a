//! Which client sends a request, and whether it proves so: by nothing, a secret, an assertion or
//! a certificate, in the one way it is registered for.

mod assertion;
mod certificate;
mod credentials;

use axum::http::HeaderMap;
use menshen_domain::client::{AuthMethod, SecurityProfile};
use menshen_domain::{Client, SecretHash};
use menshen_token::{Algorithm, ClientId};

use self::credentials::{Claim, Credentials};
use crate::app::App;
use crate::client_cache::Known;
use crate::config::Config;
use crate::error::OAuthError;
use crate::form::Form;

/// The methods that this server offers, as metadata lists them: certificates only where it asks
/// for them.
pub(super) fn methods(config: &Config) -> Vec<&'static str> {
    let certificates = config.tls.as_ref().is_some_and(|tls| tls.client_certificates);
    let offered =
        |method: &AuthMethod| certificates || *method != AuthMethod::SelfSignedTlsClientAuth;
    AuthMethod::ALL.into_iter().filter(offered).map(AuthMethod::as_str).collect()
}

/// Those of them by which a client proves something.
pub(super) fn confidential_methods(config: &Config) -> Vec<&'static str> {
    methods(config).into_iter().filter(|method| *method != AuthMethod::None.as_str()).collect()
}

/// What assertions may be signed with, as metadata lists it.
pub(super) fn signing_algorithms() -> Vec<&'static str> {
    let public = Algorithm::ALL.map(Algorithm::as_str);
    public.into_iter().chain([assertion::SYMMETRIC]).collect()
}

/// The client that sends a request. A public client is only named; a confidential one has
/// proved who it is. Unknown, disabled and wrong get the same answer.
///
/// # Errors
///
/// [`OAuthError::InvalidClient`]; [`OAuthError::InvalidRequest`] for two ways at once or none;
/// the store's.
pub(super) async fn authenticate(
    app: &App,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Known, OAuthError> {
    let claim = credentials::read(headers, form)?;
    let id: ClientId = claim.id.parse().map_err(|_| OAuthError::InvalidClient)?;
    tracing::Span::current().record("client.id", id.as_str());
    let Some(known) = app.clients.find(&app.store, app.clock.as_ref(), &id).await? else {
        if let Credentials::Basic(secret) | Credentials::Post(secret) = &claim.credentials {
            // Compared with something, as if there were such a client.
            let _ = SecretHash::of(b"").matches(secret);
        }
        return Err(OAuthError::InvalidClient);
    };
    if known.disabled_at.is_none() && proves(app, &known, &claim, form).await? {
        Ok(known)
    } else {
        Err(OAuthError::InvalidClient)
    }
}

/// Like [`authenticate`], for what only confidential clients may do.
///
/// # Errors
///
/// Those of [`authenticate`]; a public client is an [`OAuthError::InvalidClient`].
pub(super) async fn authenticate_confidential(
    app: &App,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Known, OAuthError> {
    let client = authenticate(app, headers, form).await?;
    if client.is_confidential() { Ok(client) } else { Err(OAuthError::InvalidClient) }
}

/// Whether it proves who it is in the way it is registered for. A public client has nothing to
/// prove, and must not pretend to.
async fn proves(
    app: &App,
    client: &Client,
    claim: &Claim,
    form: &Form,
) -> Result<bool, OAuthError> {
    use AuthMethod::{
        ClientSecretBasic, ClientSecretJwt, ClientSecretPost, PrivateKeyJwt,
        SelfSignedTlsClientAuth,
    };
    let method = client.metadata.token_endpoint_auth_method;
    // FAPI 2.0 section 5.3.2.1 knows no public clients, and no secret that both sides hold.
    let fapi = client.policy.security_profile == SecurityProfile::Fapi2;
    let weak = |method: AuthMethod| method == AuthMethod::None || method.needs_secret();
    if fapi && method.is_none_or(weak) {
        return Ok(false);
    }
    match (method, &claim.credentials) {
        (None | Some(ClientSecretBasic), Credentials::Basic(secret))
        | (None | Some(ClientSecretPost), Credentials::Post(secret)) => {
            Ok(client.authenticates(secret))
        }
        (None, Credentials::Nothing) => Ok(client.secret_hash.is_none()),
        (Some(AuthMethod::None), Credentials::Nothing) => Ok(true),
        (Some(ClientSecretJwt | PrivateKeyJwt), Credentials::Assertion(assertion)) => {
            assertion::proves(app, client, assertion).await
        }
        (Some(SelfSignedTlsClientAuth), Credentials::Nothing) => {
            Ok(certificate::proves(app, client, form.certificate()).await)
        }
        _ => Ok(false),
    }
}
