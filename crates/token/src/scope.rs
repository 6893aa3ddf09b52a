//! A set of scope values, in the order given.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::strict_json::Text;

/// Space-separated scope values, each once (RFC 6749 section 3.3). May be empty; at most 4 KiB
/// and 256 values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scope(Box<str>);

/// A scope is too long, or holds characters that RFC 6749 section 3.3 does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed scope")]
pub struct InvalidScope;

const MAX_BYTES: usize = 4 * 1024;
const MAX_VALUES: usize = 256;

impl Scope {
    /// The values, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|value| !value.is_empty())
    }

    /// Whether it holds this value.
    pub fn contains(&self, value: &str) -> bool {
        self.iter().any(|held| held == value)
    }

    /// Whether every value of `other` is held.
    pub fn includes(&self, other: &Self) -> bool {
        other.iter().all(|value| self.contains(value))
    }

    /// Whether it holds no value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values as one string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        let allowed = |byte: u8| matches!(byte, b' ' | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        // Bounded before anything is compared: finding twins takes quadratic time.
        let too_long = text.len() > MAX_BYTES || text.split(' ').count() > MAX_VALUES;
        if too_long || !text.bytes().all(allowed) {
            return Err(InvalidScope);
        }
        let mut kept = String::with_capacity(text.len());
        for value in text.split(' ').filter(|value| !value.is_empty()) {
            if !kept.split(' ').any(|held| held == value) {
                if !kept.is_empty() {
                    kept.push(' ');
                }
                kept.push_str(value);
            }
        }
        Ok(Self(kept.into()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer)?.0.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_keeps_each_value_once_and_in_order() {
        let scope: Scope = "openid  profile openid".parse().expect("valid");
        assert_eq!(scope.as_str(), "openid profile");
        assert!(scope.contains("profile") && !scope.contains("pro"));
        assert!(scope.includes(&Scope::default()));
    }

    #[test]
    fn quotes_backslashes_and_controls_are_no_scope() {
        for bad in ["a\"b", "a\\b", "a\tb", "\u{e9}"] {
            assert_eq!(bad.parse::<Scope>(), Err(InvalidScope), "{bad:?}");
        }
    }

    #[test]
    fn a_scope_is_bounded_before_it_is_looked_at() {
        let many: Vec<String> = (0..257).map(|number| number.to_string()).collect();
        assert_eq!(many.join(" ").parse::<Scope>(), Err(InvalidScope));
        assert!(many[..256].join(" ").parse::<Scope>().is_ok());
        assert_eq!("x".repeat(4097).parse::<Scope>(), Err(InvalidScope));
    }
}
