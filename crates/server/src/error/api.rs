//! Problem documents (RFC 9457): what the account, admin and feed APIs answer other than success.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{OAuthError, whole_seconds};

/// An answer of the account, admin or feed API other than success: a problem document
/// (RFC 9457).
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The request is malformed. The sentence says how.
    #[error("{0}")]
    Invalid(String),
    /// No access token was sent.
    #[error("an access token is required")]
    MissingToken,
    /// The access token is worth nothing.
    #[error("the access token is invalid, expired or revoked")]
    InvalidToken,
    /// The access token is bound to a key, and was not sent as that asks.
    #[error("{0}")]
    UnprovenToken(&'static str),
    /// The DPoP proof does not hold (RFC 9449 section 7.1); the token may.
    #[error("{0}")]
    RefusedProof(&'static str),
    /// The DPoP proof must carry this nonce (RFC 9449 section 9).
    #[error("the DPoP proof must carry the nonce given")]
    NonceRequired(String),
    /// The access token lacks this scope.
    #[error("the access token lacks a required scope")]
    InsufficientScope(&'static str),
    /// The user behind the access token lacks this role.
    #[error("the user lacks the role {0}")]
    MissingRole(&'static str),
    /// The password given is wrong.
    #[error("the password is wrong")]
    WrongPassword,
    /// There is no such thing, or it is not the caller's.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The path is known, the method is not one of its own.
    #[error("this path does not answer to this method")]
    MethodNotAllowed,
    /// It cannot be said in any form that is accepted.
    #[error("this path answers with text/event-stream, or as a WebSocket")]
    NotAcceptable,
    /// It exists already.
    #[error("this {0} is taken")]
    Conflict(&'static str),
    /// The body is not `application/json`.
    #[error("the request body must be application/json")]
    UnsupportedMediaType,
    /// The body is not `application/x-www-form-urlencoded`.
    #[error("the request body must be application/x-www-form-urlencoded")]
    NotAForm,
    /// The body is longer than allowed.
    #[error("the request body is too long")]
    TooLarge,
    /// Too many attempts; try again after so long.
    #[error("too many attempts; try again later")]
    TooManyAttempts(Duration),
    /// The session, or its user, has as many streams open as they may.
    #[error("this session or its user has as many streams open as they may; try again later")]
    TooManyStreams,
    /// There are as many streams open as this server holds.
    #[error("this server holds as many streams as it may; try again later")]
    NoStreamLeft,
    /// We cannot tell right now; try again.
    #[error("temporarily unavailable; try again")]
    Unavailable,
    /// A defect of ours.
    #[error("internal error")]
    Internal,
}

impl ApiError {
    /// The one table: HTTP status and stable code.
    pub(super) const fn row(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid-request"),
            Self::MissingToken => (StatusCode::UNAUTHORIZED, "missing-token"),
            Self::InvalidToken | Self::UnprovenToken(_) => {
                (StatusCode::UNAUTHORIZED, "invalid-token")
            }
            Self::RefusedProof(_) => (StatusCode::UNAUTHORIZED, "invalid-dpop-proof"),
            Self::NonceRequired(_) => (StatusCode::UNAUTHORIZED, "use-dpop-nonce"),
            Self::InsufficientScope(_) => (StatusCode::FORBIDDEN, "insufficient-scope"),
            Self::MissingRole(_) => (StatusCode::FORBIDDEN, "missing-role"),
            Self::WrongPassword => (StatusCode::FORBIDDEN, "wrong-password"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not-found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"),
            Self::NotAcceptable => (StatusCode::NOT_ACCEPTABLE, "not-acceptable"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            Self::UnsupportedMediaType | Self::NotAForm => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type")
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            Self::TooManyAttempts(_) => (StatusCode::TOO_MANY_REQUESTS, "too-many-attempts"),
            Self::TooManyStreams => (StatusCode::TOO_MANY_REQUESTS, "too-many-streams"),
            Self::NoStreamLeft | Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    /// The challenge of what an OAuth endpoint would say.
    fn challenge(&self) -> Option<String> {
        match self {
            Self::MissingToken => OAuthError::MissingToken,
            Self::InvalidToken => OAuthError::InvalidToken,
            Self::UnprovenToken(sentence) => OAuthError::UnprovenToken(sentence),
            Self::RefusedProof(sentence) => OAuthError::RefusedProof(sentence),
            Self::NonceRequired(nonce) => OAuthError::NonceRequired(nonce.clone()),
            Self::InsufficientScope(scope) => OAuthError::InsufficientScope(scope),
            _ => return None,
        }
        .challenge()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = self.row();
        tracing::Span::current().record("error.code", code);
        let body = serde_json::json!({
            "type": format!("urn:menshen:problem:{code}"),
            "title": status.canonical_reason().unwrap_or("Error"),
            "status": status.as_u16(),
            "code": code,
            "detail": self.to_string(),
        });
        let mut response = (status, Json(body)).into_response();
        let mut set = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(name, value);
            }
        };
        set(header::CONTENT_TYPE, "application/problem+json");
        set(header::CACHE_CONTROL, "no-store");
        if let Some(challenge) = self.challenge() {
            set(header::WWW_AUTHENTICATE, &challenge);
        }
        match &self {
            Self::NonceRequired(nonce) => set(HeaderName::from_static("dpop-nonce"), nonce),
            Self::TooManyAttempts(wait) => {
                set(header::RETRY_AFTER, &whole_seconds(*wait).to_string());
            }
            Self::TooManyStreams | Self::NoStreamLeft => set(header::RETRY_AFTER, "30"),
            Self::Unavailable => set(header::RETRY_AFTER, "1"),
            _ => {}
        }
        response
    }
}
