//! A person or robot that can sign in.

use std::fmt;
use std::str::FromStr;

use menshen_token::{Timestamp, UserId};
use serde_json::{Map, Value};

/// A person or robot that can sign in.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// Never changes, never reused.
    pub id: UserId,
    /// What the user types to sign in.
    pub username: Username,
    /// Roles, as access tokens carry them.
    pub roles: Vec<String>,
    /// Further claims, as access tokens carry them.
    pub claims: Map<String, Value>,
    /// Tokens issued before this instant are dead; a new one must not be issued before it,
    /// whatever the clock of the issuing node says.
    pub tokens_not_before: Timestamp,
    /// Counts how often everything of this user was ended. What was begun under an earlier
    /// count, such as a sign-in that is not yet a session, is worth nothing.
    pub sign_in_epoch: u64,
    /// When the user was created.
    pub created_at: Timestamp,
    /// Since when the user may not sign in; `None` for one who may.
    pub disabled_at: Option<Timestamp>,
}

/// A user name in the one spelling that is compared: trimmed and in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Username(String);

/// The text is empty, longer than 255 bytes, or holds control characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a username is 1 to 255 bytes without control characters")]
pub struct InvalidUsername;

impl Username {
    /// The canonical spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Username {
    type Err = InvalidUsername;

    fn from_str(text: &str) -> Result<Self, InvalidUsername> {
        let text = text.trim().to_lowercase();
        let valid = (1..=255).contains(&text.len()) && !text.chars().any(char::is_control);
        if valid { Ok(Self(text)) } else { Err(InvalidUsername) }
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
