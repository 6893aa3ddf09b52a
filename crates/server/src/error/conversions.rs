//! What becomes of the errors of the store, the keys and the hashing threads when they reach an
//! endpoint.

use menshen_domain::client::{InvalidMetadata, InvalidPolicy};
use menshen_domain::user::InvalidClaims;
use menshen_store::StoreError;

use super::{ApiError, OAuthError};
use crate::hashing::Busy;
use crate::keyring::KeyringError;

impl From<KeyringError> for OAuthError {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::Store(error) => error.into(),
            // Logged when it happened.
            KeyringError::Unread => Self::Unavailable,
            defect => {
                tracing::error!(error = %defect, cause = ?defect, "cannot sign");
                Self::Internal
            }
        }
    }
}

impl From<Busy> for OAuthError {
    fn from(_: Busy) -> Self {
        Self::Unavailable
    }
}

impl From<StoreError> for OAuthError {
    /// An outage is never said to be a logout.
    fn from(error: StoreError) -> Self {
        if log_store_error(&error) { Self::Unavailable } else { Self::Internal }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if log_store_error(&error) { Self::Unavailable } else { Self::Internal }
    }
}

impl From<KeyringError> for ApiError {
    fn from(error: KeyringError) -> Self {
        OAuthError::from(error).into()
    }
}

impl From<Busy> for ApiError {
    fn from(_: Busy) -> Self {
        Self::Unavailable
    }
}

impl From<OAuthError> for ApiError {
    /// For the checks that both kinds of endpoint share: the access token and its proof.
    fn from(error: OAuthError) -> Self {
        match error {
            OAuthError::MissingToken => Self::MissingToken,
            OAuthError::InvalidToken => Self::InvalidToken,
            OAuthError::UnprovenToken(sentence) => Self::UnprovenToken(sentence),
            // Not a word about the token: it may well be alive.
            OAuthError::InvalidDpopProof(sentence) | OAuthError::RefusedProof(sentence) => {
                Self::RefusedProof(sentence)
            }
            OAuthError::UseDpopNonce(nonce) | OAuthError::NonceRequired(nonce) => {
                Self::NonceRequired(nonce)
            }
            OAuthError::InsufficientScope(scope) => Self::InsufficientScope(scope),
            OAuthError::TooManyAttempts(wait) => Self::TooManyAttempts(wait),
            OAuthError::Unavailable => Self::Unavailable,
            OAuthError::UnsupportedMediaType => Self::NotAForm,
            OAuthError::TooLarge => Self::TooLarge,
            OAuthError::Internal => Self::Internal,
            other => Self::Invalid(other.to_string()),
        }
    }
}

/// Logs a store error, once; `true` when trying again may help.
fn log_store_error(error: &StoreError) -> bool {
    match error {
        StoreError::Unavailable(_) => {
            tracing::error!(error = %error, cause = ?error, "store unavailable");
            true
        }
        StoreError::Conflict(_) | StoreError::Corrupt { .. } => {
            tracing::error!(error = %error, cause = ?error, "store refused");
            false
        }
    }
}

impl From<InvalidClaims> for ApiError {
    fn from(error: InvalidClaims) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<InvalidPolicy> for ApiError {
    fn from(error: InvalidPolicy) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<InvalidMetadata> for ApiError {
    fn from(error: InvalidMetadata) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<InvalidMetadata> for OAuthError {
    fn from(error: InvalidMetadata) -> Self {
        match error {
            InvalidMetadata::Redirect(_) | InvalidMetadata::WebRedirect(_) => {
                Self::InvalidRedirectUri(error.to_string())
            }
            _ => Self::InvalidClientMetadata(error.to_string()),
        }
    }
}
