//! One rule that kills tokens.

use std::time::Duration;

use crate::{AccessToken, ClientId, GrantId, Jti, KeyId, SessionId, Timestamp, UserId};

/// The furthest that a verifier may let clocks disagree. A rule outlives the last token it
/// could kill by this much, so that a token still accepted somewhere is still refused there.
pub const MAX_LEEWAY: Duration = Duration::from_mins(1);

/// A rule: which access tokens are dead although they have not expired.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Revocation {
    /// One token.
    Token(Jti),
    /// Every token of a session, whenever issued.
    Session(SessionId),
    /// Every token of a grant, whenever issued.
    Grant(GrantId),
    /// A user's tokens issued before an instant.
    UserBefore(UserId, Timestamp),
    /// A client's tokens issued before an instant.
    ClientBefore(ClientId, Timestamp),
    /// Every token signed by a key.
    Key(KeyId),
    /// Every token issued before an instant.
    AllBefore(Timestamp),
}

impl Revocation {
    /// Whether this rule kills this token. "Before" is strict and counts milliseconds.
    pub fn kills(&self, token: &AccessToken) -> bool {
        match self {
            Self::Token(jti) => token.jti == *jti,
            Self::Session(session_id) => token.session_id == Some(*session_id),
            Self::Grant(grant_id) => token.grant_id == Some(*grant_id),
            Self::UserBefore(user_id, before) => {
                token.subject == *user_id && token.issued_at < *before
            }
            Self::ClientBefore(client_id, before) => {
                token.client_id == *client_id && token.issued_at < *before
            }
            Self::Key(key_id) => token.key_id == *key_id,
            Self::AllBefore(before) => token.issued_at < *before,
        }
    }

    /// The name of the kind, on the wire and in the database.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Token(_) => "jti",
            Self::Session(_) => "sid",
            Self::Grant(_) => "grant",
            Self::UserBefore(..) => "sub_before",
            Self::ClientBefore(..) => "client_before",
            Self::Key(_) => "kid",
            Self::AllBefore(_) => "all_before",
        }
    }

    /// What the rule names; `all_before` names nothing.
    pub fn value(&self) -> Option<String> {
        match self {
            Self::Token(jti) => Some(jti.to_string()),
            Self::Session(session_id) => Some(session_id.to_string()),
            Self::Grant(grant_id) => Some(grant_id.to_string()),
            Self::UserBefore(user_id, _) => Some(user_id.to_string()),
            Self::ClientBefore(client_id, _) => Some(client_id.to_string()),
            Self::Key(key_id) => Some(key_id.to_string()),
            Self::AllBefore(_) => None,
        }
    }

    /// The cut-off of the kinds that have one.
    pub const fn before(&self) -> Option<Timestamp> {
        match self {
            Self::UserBefore(_, before)
            | Self::ClientBefore(_, before)
            | Self::AllBefore(before) => Some(*before),
            Self::Token(_) | Self::Session(_) | Self::Grant(_) | Self::Key(_) => None,
        }
    }

    /// Puts a rule together from its three columns; `None` when they make no rule.
    pub fn from_parts(kind: &str, value: Option<&str>, before: Option<Timestamp>) -> Option<Self> {
        Some(match (kind, value, before) {
            ("jti", Some(value), None) => Self::Token(value.parse().ok()?),
            ("sid", Some(value), None) => Self::Session(value.parse().ok()?),
            ("grant", Some(value), None) => Self::Grant(value.parse().ok()?),
            ("sub_before", Some(value), Some(at)) => Self::UserBefore(value.parse().ok()?, at),
            ("client_before", Some(value), Some(at)) => Self::ClientBefore(value.parse().ok()?, at),
            ("kid", Some(value), None) => Self::Key(value.parse().ok()?),
            ("all_before", None, Some(at)) => Self::AllBefore(at),
            _ => return None,
        })
    }
}
