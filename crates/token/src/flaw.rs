//! Why a token is not accepted, as data.

/// What is wrong with a token. Each check has its own answer, so that a caller can tell a
/// client what to do and an operator what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Flaw {
    /// Not a JWS in compact form, not strict JSON, a duplicate member, a critical header
    /// parameter, a claim of the wrong type, or too long.
    #[error("token is malformed")]
    Malformed,
    /// The header names `none`, a symmetric algorithm or one we do not know.
    #[error("token is signed with an unsupported algorithm")]
    UnsupportedAlgorithm,
    /// The header's `typ` is not that of the kind of token asked for.
    #[error("token is of the wrong type")]
    WrongType,
    /// No key of that `kid` for that algorithm is in our own key set.
    #[error("token is signed with an unknown key")]
    UnknownKey,
    /// The signature does not fit.
    #[error("token signature is invalid")]
    BadSignature,
    /// `exp` has passed.
    #[error("token has expired")]
    Expired,
    /// `nbf` or the issue time lies in the future.
    #[error("token is not valid yet")]
    NotYetValid,
    /// `iss` is not the issuer asked for.
    #[error("token was issued by someone else")]
    WrongIssuer,
    /// `aud` holds none of the audiences asked for.
    #[error("token is meant for someone else")]
    WrongAudience,
    /// A claim that RFC 9068 section 2.2 requires is not there.
    #[error("token lacks the claim `{0}`")]
    MissingClaim(&'static str),
}
