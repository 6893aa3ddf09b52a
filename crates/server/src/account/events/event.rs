//! What a stream says: at most that it listens, and then what it has listened for.

use menshen_token::{Reason, SessionId};
use serde_json::{Map, Value, json};

/// What a stream says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// From now on nothing is missed. Grants that outlive their session name none.
    Ready(Option<SessionId>),
    /// What the token belongs to has ended.
    SessionEnded(Option<SessionId>, Reason),
    /// The token is dead, and the session lives: a new one is to be fetched.
    AccessTokenRevoked,
}

impl Event {
    /// Whether nothing comes after it.
    pub(super) fn is_last(self) -> bool {
        !matches!(self, Self::Ready(_))
    }

    /// As one Server-Sent Event.
    pub(super) fn server_sent(self) -> String {
        format!("event: {}\ndata: {}\n\n", self.name(), Value::Object(self.members()))
    }

    /// As the text of one WebSocket message.
    pub(super) fn message(self) -> String {
        let mut members = self.members();
        members.insert("event".to_owned(), self.name().into());
        Value::Object(members).to_string()
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ready(_) => "ready",
            Self::SessionEnded(..) => "session_ended",
            Self::AccessTokenRevoked => "access_token_revoked",
        }
    }

    fn members(self) -> Map<String, Value> {
        let value = match self {
            Self::Ready(session_id) => json!({ "sid": session_id }),
            Self::SessionEnded(session_id, reason) => json!({
                "sid": session_id,
                "reason": reason.as_str(),
                "reason_description": reason.sentence(),
            }),
            Self::AccessTokenRevoked => json!({}),
        };
        match value {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }
}
