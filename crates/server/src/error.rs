//! Where errors become bytes: one enum and one table for OAuth endpoints here, one for the JSON APIs
//! in [`api`].
//!
//! The public sentence never names a table, a user or a reason that an attacker could use; the
//! internal cause is logged here, once.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use menshen_domain::Secret;
use menshen_token::Reason;
use serde_json::{Map, Value};

use crate::sign_in::code::Method;

mod api;
mod conversions;

pub(crate) use api::ApiError;

/// An answer of an OAuth endpoint other than success (RFC 6749 section 5.2, RFC 6750 section
/// 3.1, RFC 9449 section 5, OAuth 2.0 for First-Party Applications section 5.2.2, and those named below).
#[derive(Debug, thiserror::Error)]
pub(crate) enum OAuthError {
    /// A parameter is missing, malformed or given twice. The sentence says which.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// A parameter that must be there is not.
    #[error("the parameter {0} is missing")]
    MissingParameter(&'static str),
    /// The token to exchange is worth nothing (RFC 8693 section 2.2.2 asks for this code); with
    /// the reason, for the client that owned it.
    #[error("the subject token is invalid, expired or revoked")]
    InvalidSubjectToken(Option<Reason>),
    /// The body is not `application/x-www-form-urlencoded`.
    #[error("the request body must be application/x-www-form-urlencoded")]
    UnsupportedMediaType,
    /// The body is longer than allowed.
    #[error("the request body is too long")]
    TooLarge,
    /// The body is not `application/json`.
    #[error("the request body must be application/json")]
    NotJson,
    /// A redirect URI cannot be registered (RFC 7591 section 3.2.2). The sentence says why.
    #[error("{0}")]
    InvalidRedirectUri(String),
    /// Something else cannot be registered. The sentence says what.
    #[error("{0}")]
    InvalidClientMetadata(String),
    /// A statement of somebody whom we would have to believe.
    #[error("software statements are not accepted here")]
    UnapprovedSoftwareStatement,
    /// Nobody has decided about the device yet (RFC 8628 section 3.5).
    #[error("nobody has decided about this device yet")]
    AuthorizationPending,
    /// The device asks too often.
    #[error("ask 5 seconds later than before")]
    PolledTooOften,
    /// Nobody has decided about the device in time.
    #[error("the codes of the device have expired")]
    ExpiredDeviceCode,
    /// Client authentication failed, or the client is unknown or disabled.
    #[error("client authentication failed")]
    InvalidClient,
    /// The code or refresh token is worth nothing; with the reason, for the client that owned it.
    #[error("the authorization code, refresh token or handle is invalid, expired or revoked")]
    InvalidGrant(Option<Reason>),
    /// The client may not use this grant type or endpoint.
    #[error("this client may not do this")]
    UnauthorizedClient,
    /// The grant type is not one of ours.
    #[error("this grant type is not supported")]
    UnsupportedGrantType,
    /// The scope is malformed or beyond what the client may ask for.
    #[error("the requested scope is invalid or exceeds what this client may ask for")]
    InvalidScope,
    /// The request object does not hold (RFC 9101 section 6). The sentence says what.
    #[error("{0}")]
    InvalidRequestObject(&'static str),
    /// `request_uri` may not be used, or leads to no request object (RFC 9101 section 6).
    #[error("{0}")]
    InvalidRequestUri(&'static str),
    /// Request objects of this kind are not read here. The sentence says which kind.
    #[error("{0}")]
    RequestNotSupported(&'static str),
    /// The response type is not one of ours, or not one that the client may ask for.
    #[error("this response type is not supported, or not allowed for this client")]
    UnsupportedResponseType,
    /// Nothing may be shown, and nobody is signed in, or not as is asked (OpenID Connect Core 1.0
    /// section 3.1.2.6).
    #[error("the user has to sign in")]
    LoginRequired,
    /// Nothing may be shown, and the user would have to allow something first.
    #[error("the user has to allow this first")]
    ConsentRequired,
    /// How the user can sign in here is not worth what is asked (OpenID Connect Core Error Code
    /// `unmet_authentication_requirements` 1.0).
    #[error("no way to sign in here is worth what is asked")]
    UnmetAuthenticationRequirements,
    /// A resource is none that the client may ask for (RFC 8707 section 2).
    #[error("the requested resource is unknown, or not for this client")]
    InvalidTarget,
    /// The user was asked and said no.
    #[error("the user did not allow it")]
    Denied,
    /// User name or password is wrong, or the user may not sign in: one answer for all.
    #[error("the user name or password is wrong")]
    AccessDenied,
    /// More is needed from the user: without a password nothing has begun, so this attempt has no
    /// `auth_session`, and the next one begins anew.
    #[error("a user name and a password are needed to sign in")]
    InsufficientAuthorization,
    /// The password was right, and a one-time password is needed as well; with what to go on with,
    /// where one can.
    #[error("a one-time password is needed to sign in")]
    OneTimePasswordRequired(Option<AuthSession>),
    /// The one-time password is wrong.
    #[error("the one-time password is wrong, was used before, or has expired")]
    WrongOneTimePassword,
    /// There is nothing to go on with (OAuth 2.0 for First-Party Applications section 5.2.2.1).
    #[error("the auth_session is unknown, expired or used up, or belongs to another client or key")]
    InvalidSession,
    /// The DPoP proof does not hold. The sentence says what.
    #[error("{0}")]
    InvalidDpopProof(&'static str),
    /// The DPoP proof must carry this nonce.
    #[error("the DPoP proof must carry the nonce given")]
    UseDpopNonce(String),
    /// At a resource: the DPoP proof does not hold (RFC 9449 section 7.1).
    #[error("{0}")]
    RefusedProof(&'static str),
    /// At a resource: the DPoP proof must carry this nonce (RFC 9449 section 9).
    #[error("the DPoP proof must carry the nonce given")]
    NonceRequired(String),
    /// At a resource: the access token is missing. No error code, as RFC 6750 section 3 asks.
    #[error("an access token is required")]
    MissingToken,
    /// At a resource: the access token is worth nothing.
    #[error("the access token is invalid, expired or revoked")]
    InvalidToken,
    /// At a resource: the access token is bound to a key, and was not sent as that asks
    /// (RFC 9449 section 7.1). The sentence says what is wrong.
    #[error("{0}")]
    UnprovenToken(&'static str),
    /// At a resource: the access token lacks this scope.
    #[error("the access token lacks a required scope")]
    InsufficientScope(&'static str),
    /// Too many attempts; try again after so long.
    #[error("too many attempts; try again later")]
    TooManyAttempts(Duration),
    /// We cannot tell right now; try again.
    #[error("temporarily unavailable; try again")]
    Unavailable,
    /// A defect of ours.
    #[error("internal error")]
    Internal,
}

/// What a client goes on with after the password (OAuth 2.0 for First-Party Applications section
/// 5.3.1), and by which methods.
#[derive(Debug)]
pub(crate) struct AuthSession {
    /// `auth_session`.
    pub(crate) secret: Secret,
    /// `methods`.
    pub(crate) methods: Vec<Method>,
}

impl OAuthError {
    /// The one table: HTTP status and error code.
    const fn row(&self) -> (StatusCode, &'static str) {
        match self {
            Self::InvalidRequest(_) | Self::MissingParameter(_) | Self::InvalidSubjectToken(_) => {
                (StatusCode::BAD_REQUEST, "invalid_request")
            }
            Self::UnsupportedMediaType | Self::NotJson => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request")
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request"),
            Self::InvalidRedirectUri(_) => (StatusCode::BAD_REQUEST, "invalid_redirect_uri"),
            Self::InvalidClientMetadata(_) => (StatusCode::BAD_REQUEST, "invalid_client_metadata"),
            Self::UnapprovedSoftwareStatement => {
                (StatusCode::BAD_REQUEST, "unapproved_software_statement")
            }
            Self::AuthorizationPending => (StatusCode::BAD_REQUEST, "authorization_pending"),
            Self::PolledTooOften => (StatusCode::BAD_REQUEST, "slow_down"),
            Self::ExpiredDeviceCode => (StatusCode::BAD_REQUEST, "expired_token"),
            Self::InvalidClient => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::InvalidGrant(_) => (StatusCode::BAD_REQUEST, "invalid_grant"),
            Self::UnauthorizedClient => (StatusCode::BAD_REQUEST, "unauthorized_client"),
            Self::UnsupportedGrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            Self::InvalidScope => (StatusCode::BAD_REQUEST, "invalid_scope"),
            Self::InvalidRequestObject(_) => (StatusCode::BAD_REQUEST, "invalid_request_object"),
            Self::InvalidRequestUri(_) => (StatusCode::BAD_REQUEST, "invalid_request_uri"),
            Self::RequestNotSupported(_) => (StatusCode::BAD_REQUEST, "request_not_supported"),
            Self::UnsupportedResponseType => (StatusCode::BAD_REQUEST, "unsupported_response_type"),
            Self::LoginRequired => (StatusCode::BAD_REQUEST, "login_required"),
            Self::ConsentRequired => (StatusCode::BAD_REQUEST, "consent_required"),
            Self::UnmetAuthenticationRequirements => {
                (StatusCode::BAD_REQUEST, "unmet_authentication_requirements")
            }
            Self::InvalidTarget => (StatusCode::BAD_REQUEST, "invalid_target"),
            Self::AccessDenied | Self::WrongOneTimePassword | Self::Denied => {
                (StatusCode::BAD_REQUEST, "access_denied")
            }
            Self::InsufficientAuthorization | Self::OneTimePasswordRequired(_) => {
                (StatusCode::FORBIDDEN, "insufficient_authorization")
            }
            Self::InvalidSession => (StatusCode::BAD_REQUEST, "invalid_session"),
            Self::InvalidDpopProof(_) => (StatusCode::BAD_REQUEST, "invalid_dpop_proof"),
            Self::UseDpopNonce(_) => (StatusCode::BAD_REQUEST, "use_dpop_nonce"),
            Self::RefusedProof(_) => (StatusCode::UNAUTHORIZED, "invalid_dpop_proof"),
            Self::NonceRequired(_) => (StatusCode::UNAUTHORIZED, "use_dpop_nonce"),
            Self::MissingToken => (StatusCode::UNAUTHORIZED, ""),
            Self::InvalidToken | Self::UnprovenToken(_) => {
                (StatusCode::UNAUTHORIZED, "invalid_token")
            }
            Self::InsufficientScope(_) => (StatusCode::FORBIDDEN, "insufficient_scope"),
            Self::TooManyAttempts(_) => (StatusCode::TOO_MANY_REQUESTS, "slow_down"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        }
    }

    /// The code alone, for answers that travel by redirect (RFC 6749 section 4.1.2.1).
    pub(crate) const fn code(&self) -> &'static str {
        self.row().1
    }

    /// The status alone, for pages.
    pub(crate) const fn status(&self) -> StatusCode {
        self.row().0
    }

    /// The same finding at a resource, which answers with a challenge.
    #[must_use]
    pub(crate) fn at_resource(self) -> Self {
        match self {
            Self::InvalidDpopProof(sentence) => Self::RefusedProof(sentence),
            Self::UseDpopNonce(nonce) => Self::NonceRequired(nonce),
            other => other,
        }
    }

    /// The `WWW-Authenticate` challenge that belongs to it, if one does.
    fn challenge(&self) -> Option<String> {
        let (_, code) = self.row();
        let error = || format!("error=\"{code}\", error_description=\"{self}\"");
        match self {
            Self::InvalidClient => Some("Basic realm=\"menshen\"".to_owned()),
            Self::MissingToken => Some(ANY_TOKEN.to_owned()),
            Self::InvalidToken => Some(format!("Bearer {}", error())),
            Self::InsufficientScope(scope) => {
                Some(format!("Bearer {}, scope=\"{scope}\"", error()))
            }
            Self::RefusedProof(_) | Self::NonceRequired(_) | Self::UnprovenToken(_) => {
                Some(format!("DPoP {}, algs=\"{PROOF_ALGORITHMS}\"", error()))
            }
            _ => None,
        }
    }
}

/// What a DPoP proof may be signed with: [`menshen_token::dpop::ALGORITHMS`].
const PROOF_ALGORITHMS: &str = "ES256 EdDSA PS256";

/// The challenge when no access token was sent: no error code, as RFC 6750 section 3 asks.
const ANY_TOKEN: &str = "Bearer, DPoP algs=\"ES256 EdDSA PS256\"";

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let (status, code) = self.row();
        tracing::Span::current().record("error.code", code);
        let mut body = Map::new();
        if !code.is_empty() {
            body.insert("error".to_owned(), code.into());
            body.insert("error_description".to_owned(), self.to_string().into());
        }
        if let Self::InvalidGrant(Some(reason)) | Self::InvalidSubjectToken(Some(reason)) = self {
            body.insert("reason".to_owned(), reason.as_str().into());
            body.insert("reason_description".to_owned(), reason.sentence().into());
        }
        if let Self::OneTimePasswordRequired(Some(session)) = &self {
            let methods: Vec<&str> = session.methods.iter().map(|method| method.as_str()).collect();
            body.insert("auth_session".to_owned(), session.secret.expose().into());
            body.insert("methods".to_owned(), methods.into());
        }
        let mut response = (status, Json(Value::Object(body))).into_response();
        let mut set = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(name, value);
            }
        };
        set(header::CACHE_CONTROL, "no-store");
        if let Some(challenge) = self.challenge() {
            set(header::WWW_AUTHENTICATE, &challenge);
        }
        match &self {
            Self::UseDpopNonce(nonce) | Self::NonceRequired(nonce) => {
                set(HeaderName::from_static("dpop-nonce"), nonce);
            }
            Self::TooManyAttempts(wait) => {
                set(header::RETRY_AFTER, &whole_seconds(*wait).to_string());
            }
            Self::Unavailable => set(header::RETRY_AFTER, "1"),
            _ => {}
        }
        response
    }
}

/// Rounded up, so that nobody comes back early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests;
