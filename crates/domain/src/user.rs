//! A person or robot that can sign in.

use std::fmt;
use std::str::FromStr;

use menshen_token::{AccessToken, Timestamp, UserId};
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

/// The most that roles and claims may take, in bytes of JSON: every access token carries them,
/// in a header.
const MOST_CLAIMS_BYTES: usize = 4 * 1024;

/// Why roles and claims cannot stand in a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClaims {
    /// A role is empty or too long.
    #[error("a role is 1 to 255 bytes")]
    Role,
    /// The name is one of [`AccessToken::RESERVED_CLAIMS`].
    #[error("the claim `{0}` cannot be chosen")]
    Reserved(String),
    /// All of them together are too long.
    #[error("roles and claims take more than 4 KiB")]
    TooLong,
}

/// Sees to it that roles and claims can stand in a token.
///
/// # Errors
///
/// [`InvalidClaims`], the first that is found.
pub fn check_claims(roles: &[String], claims: &Map<String, Value>) -> Result<(), InvalidClaims> {
    if roles.iter().any(|role| !(1..=255).contains(&role.len())) {
        return Err(InvalidClaims::Role);
    }
    let reserved = claims.keys().find(|name| AccessToken::RESERVED_CLAIMS.contains(&name.as_str()));
    if let Some(name) = reserved {
        return Err(InvalidClaims::Reserved(name.clone()));
    }
    match serde_json::to_string(&(roles, claims)) {
        Ok(json) if json.len() <= MOST_CLAIMS_BYTES => Ok(()),
        _ => Err(InvalidClaims::TooLong),
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_that_make_no_token_are_refused() {
        let check = |roles: &[&str], claims: Value| {
            let roles: Vec<String> = roles.iter().map(ToString::to_string).collect();
            check_claims(&roles, claims.as_object().expect("an object"))
        };
        assert_eq!(check(&["editor"], json!({ "tenant": "north" })), Ok(()));
        assert_eq!(check(&[""], json!({})), Err(InvalidClaims::Role));
        assert_eq!(
            check(&[], json!({ "sub": "x" })),
            Err(InvalidClaims::Reserved("sub".to_owned()))
        );
        assert_eq!(check(&[], json!({ "x": "y".repeat(4_096) })), Err(InvalidClaims::TooLong));
    }
}
