//! Why a request is refused, and how that is said over HTTP (RFC 6750 section 3).
//!
//! The only place that turns a refusal into bytes.

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use menshen_token::{Flaw, dpop};

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// No token was sent, or not in a way that we take one.
    #[error("no access token was sent")]
    Missing,
    /// Not a token at all, longer than 16 KiB, or sent twice.
    #[error("token is malformed")]
    Malformed,
    /// Signed with `none`, a symmetric algorithm, or another one than the key is for.
    #[error("token is signed with an unsupported algorithm")]
    UnsupportedAlgorithm,
    /// A genuine document of another kind: an ID token, a logout token.
    #[error("token is not an access token")]
    WrongType,
    /// Signed with a key that the issuer does not publish.
    #[error("token is signed with an unknown key")]
    UnknownKey,
    /// The signature does not fit.
    #[error("token signature is invalid")]
    BadSignature,
    /// Its time is over.
    #[error("token has expired")]
    Expired,
    /// Its time has not come.
    #[error("token is not valid yet")]
    NotYetValid,
    /// Issued by someone else.
    #[error("token was issued by someone else")]
    WrongIssuer,
    /// Meant for someone else.
    #[error("token is meant for someone else")]
    WrongAudience,
    /// A claim that every access token must have is not there.
    #[error("token lacks the claim {0}")]
    MissingClaim(&'static str),
    /// The claims are not of the form that this route reads.
    #[error("token claims are not what this resource reads")]
    UnreadableClaims,
    /// Its session was ended, or it was revoked in another way.
    #[error("token was revoked")]
    Revoked,
    /// It is bound to a key (RFC 9449) and came without a proof.
    #[error("token is bound to a key and needs a DPoP proof")]
    ProofMissing,
    /// The DPoP proof does not hold for this request and this token.
    #[error("DPoP proof is not valid for this request")]
    WrongProof,
    /// We cannot prove that it was not revoked. Not the client's fault: 503, never 401.
    #[error("revocations are not known to be current")]
    Stale,
    /// A genuine token that does not allow this.
    #[error("token lacks the scope {required}")]
    InsufficientScope {
        /// The scope values asked for, separated by spaces.
        required: String,
    },
    /// A genuine token whose user may not do this.
    #[error("token lacks the role {required}")]
    InsufficientRole {
        /// The role asked for.
        required: String,
    },
}

/// The ways in which a resource takes tokens; each is named in a challenge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Schemes {
    /// `Authorization: Bearer` (RFC 6750).
    #[default]
    Bearer,
    /// Also `Authorization: DPoP` (RFC 9449 section 7.1).
    BearerAndDpop,
}

impl Rejection {
    /// 401, 403 or 503.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Stale => StatusCode::SERVICE_UNAVAILABLE,
            Self::InsufficientScope { .. } | Self::InsufficientRole { .. } => StatusCode::FORBIDDEN,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// The error code of RFC 6750 section 3.1 or RFC 9449 section 7.1; none when no token was
    /// sent, and none when the fault is ours.
    pub const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Missing | Self::Stale => None,
            Self::InsufficientScope { .. } | Self::InsufficientRole { .. } => {
                Some("insufficient_scope")
            }
            Self::WrongProof => Some("invalid_dpop_proof"),
            _ => Some("invalid_token"),
        }
    }

    /// The values of the `WWW-Authenticate` headers; none for a 503.
    pub fn challenges(&self, schemes: Schemes) -> Vec<String> {
        if matches!(self, Self::Stale) {
            return Vec::new();
        }
        let mut challenges = vec![format!("Bearer{}", self.parameters(None))];
        let about_proof = matches!(self, Self::ProofMissing | Self::WrongProof);
        if about_proof || schemes == Schemes::BearerAndDpop {
            let algorithms = dpop::ALGORITHMS.map(menshen_token::Algorithm::as_str).join(" ");
            let challenge = format!("DPoP{}", self.parameters(Some(&algorithms)));
            if about_proof {
                challenges.clear();
            }
            challenges.push(challenge);
        }
        challenges
    }

    /// The whole answer: status, challenges, `Retry-After: 1` for a 503, and an empty body.
    pub fn response<B: Default>(&self, schemes: Schemes) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        for challenge in self.challenges(schemes) {
            if let Ok(challenge) = HeaderValue::from_str(&challenge) {
                headers.append(WWW_AUTHENTICATE, challenge);
            }
        }
        if matches!(self, Self::Stale) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    fn parameters(&self, algorithms: Option<&str>) -> String {
        let mut parameters = Vec::new();
        if let Some(code) = self.code() {
            parameters.push(format!("error=\"{code}\""));
            parameters.push(format!("error_description=\"{}\"", quotable(&self.to_string())));
        }
        if let Self::InsufficientScope { required } = self {
            parameters.push(format!("scope=\"{}\"", quotable(required)));
        }
        if let Some(algorithms) = algorithms {
            parameters.push(format!("algs=\"{algorithms}\""));
        }
        if parameters.is_empty() { String::new() } else { format!(" {}", parameters.join(", ")) }
    }
}

impl From<Flaw> for Rejection {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Malformed => Self::Malformed,
            Flaw::UnsupportedAlgorithm => Self::UnsupportedAlgorithm,
            Flaw::WrongType => Self::WrongType,
            Flaw::UnknownKey => Self::UnknownKey,
            Flaw::BadSignature => Self::BadSignature,
            Flaw::Expired => Self::Expired,
            Flaw::NotYetValid => Self::NotYetValid,
            Flaw::WrongIssuer => Self::WrongIssuer,
            Flaw::WrongAudience => Self::WrongAudience,
            Flaw::MissingClaim(claim) => Self::MissingClaim(claim),
        }
    }
}

/// The characters that RFC 6750 section 3 allows in a parameter.
fn quotable(text: &str) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect()
}

#[cfg(test)]
mod tests;
