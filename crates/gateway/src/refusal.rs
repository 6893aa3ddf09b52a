//! Why a request does not get through, and how that is said over HTTP. The one place where a
//! refusal becomes a status and headers.

use std::time::Duration;

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use menshen_verifier::{Rejection, Schemes};

use crate::{AmbiguousTarget, InvalidHost};

/// Why a request does not get through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The target could be read in two ways.
    #[error(transparent)]
    Target(#[from] AmbiguousTarget),
    /// The host is no name.
    #[error(transparent)]
    Host(#[from] InvalidHost),
    /// A header by which services behind may be told another method or path than the rule saw.
    #[error("the header {0} would change the request behind the rule's back")]
    OverridingHeader(HeaderName),
    /// Credentials came twice, or in two ways at once.
    #[error("more than one set of credentials was sent")]
    SeveralCredentials,
    /// No rule is about the request.
    #[error("no rule is about this request")]
    NoRule,
    /// The rule lets nobody in.
    #[error("the rule lets nobody in")]
    Denied,
    /// The credentials do not hold, or there are none.
    #[error("{reason}")]
    Unauthenticated {
        /// Why.
        reason: Rejection,
        /// The values of `WWW-Authenticate`.
        challenges: Vec<String>,
    },
    /// The user must sign in again, or in another way (RFC 9470).
    #[error("the user must sign in again, or in a stronger way")]
    InsufficientAuthentication {
        /// The value of `WWW-Authenticate`.
        challenge: String,
    },
    /// A genuine token that does not allow this.
    #[error("{reason}")]
    Forbidden {
        /// Why.
        reason: Rejection,
    },
    /// A request that changes something came without proof that the site itself sent it.
    #[error("the request may have been sent by another site")]
    CrossSite,
    /// Too many requests.
    #[error("too many requests")]
    TooMany {
        /// When to try again.
        retry_after: Duration,
    },
    /// We cannot tell at the moment. Never the client's fault, and never a logout.
    #[error("it cannot be told at the moment whether the credentials hold")]
    Unavailable,
}

impl Refusal {
    /// 400, 401, 403, 429 or 503.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Target(_)
            | Self::Host(_)
            | Self::OverridingHeader(_)
            | Self::SeveralCredentials => StatusCode::BAD_REQUEST,
            Self::Unauthenticated { .. } | Self::InsufficientAuthentication { .. } => {
                StatusCode::UNAUTHORIZED
            }
            Self::NoRule | Self::Denied | Self::Forbidden { .. } | Self::CrossSite => {
                StatusCode::FORBIDDEN
            }
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// One word for metrics and logs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Target(_) => "ambiguous_target",
            Self::Host(_) => "invalid_host",
            Self::OverridingHeader(_) => "overriding_header",
            Self::SeveralCredentials => "several_credentials",
            Self::NoRule => "no_rule",
            Self::Denied => "denied",
            Self::Unauthenticated { .. } => "unauthenticated",
            Self::InsufficientAuthentication { .. } => "insufficient_authentication",
            Self::Forbidden { .. } => "forbidden",
            Self::CrossSite => "cross_site",
            Self::TooMany { .. } => "too_many_requests",
            Self::Unavailable => "unavailable",
        }
    }

    /// `WWW-Authenticate` and `Retry-After`, as far as they are due.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut add = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.append(name, value);
            }
        };
        match self {
            Self::Unauthenticated { challenges, .. } => {
                for challenge in challenges {
                    add(WWW_AUTHENTICATE, challenge);
                }
            }
            Self::InsufficientAuthentication { challenge } => add(WWW_AUTHENTICATE, challenge),
            Self::Forbidden { reason } => {
                for challenge in reason.challenges(Schemes::Bearer) {
                    add(WWW_AUTHENTICATE, &challenge);
                }
            }
            Self::TooMany { retry_after } => {
                // Rounded up: whoever obeys is let in.
                let seconds = retry_after.as_millis().div_ceil(1_000).max(1);
                add(RETRY_AFTER, &seconds.to_string());
            }
            Self::Unavailable => add(RETRY_AFTER, "1"),
            _ => {}
        }
        headers
    }
}
