//! Names of things, each a type of its own so that one cannot stand for another.
//!
//! Ids that we mint are 128 random bits, written as 22 characters of base64url: small enough
//! to index by the million. Ids that an operator may choose (users, clients, keys) are text.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::base64url;

/// The text is not an id of the kind asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id")]
pub struct InvalidId;

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// From 16 bytes, which the caller drew at random.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(u128::from_be_bytes(bytes))
            }

            /// The 128 bits as one number.
            pub const fn as_u128(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&base64url::encode(self.0.to_be_bytes()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Accepts exactly what [`fmt::Display`] writes.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                base64url::decode_array(text).map(Self::from_bytes).ok_or(InvalidId)
            }
        }

        wire_as_text!($name);
    };
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 1 to 255 visible ASCII characters.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let valid = (1..=255).contains(&text.len())
                    && text.bytes().all(|byte| byte.is_ascii_graphic());
                if valid { Ok(Self(text.into())) } else { Err(InvalidId) }
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        wire_as_text!($name);
    };
}

macro_rules! wire_as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl de::Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("a ", stringify!($name)))
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

random_id! {
    /// The name of one token: the `jti` claim (RFC 7519 section 4.1.7).
    Jti
}
random_id! {
    /// The name of one Session: the `sid` claim (OpenID Connect Front-Channel Logout 1.0).
    SessionId
}
random_id! {
    /// The name of one Grant: what a Session allowed one Client.
    GrantId
}
text_id! {
    /// The name of a User: the `sub` claim (RFC 7519 section 4.1.2).
    UserId
}
text_id! {
    /// The name of a Client: `client_id` (RFC 6749 section 2.2).
    ClientId
}
text_id! {
    /// The name of a signing key: `kid` (RFC 7517 section 4.5).
    KeyId
}

impl UserId {
    /// A fresh id from 16 bytes, which the caller drew at random.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(base64url::encode(bytes).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_wrote() {
        let jti = Jti::from_bytes([7; 16]);
        assert_eq!(jti.to_string().len(), 22);
        assert_eq!(jti.to_string().parse(), Ok(jti));
    }

    #[test]
    fn only_the_canonical_text_is_an_id() {
        let text = Jti::from_bytes([0; 16]).to_string();
        assert_eq!(format!("{text}==").parse::<Jti>(), Err(InvalidId));
        // The last character carries four unused bits: setting one would be a second spelling.
        let twin = format!("{}B", &text[..21]);
        assert_eq!(twin.parse::<Jti>(), Err(InvalidId));
        assert_eq!("".parse::<Jti>(), Err(InvalidId));
    }

    #[test]
    fn a_text_id_is_visible_ascii_of_a_bounded_length() {
        assert!("https://app.example/1".parse::<ClientId>().is_ok());
        for bad in ["", "with space", "new\nline", "caf\u{e9}", &"x".repeat(256)] {
            assert_eq!(bad.parse::<ClientId>(), Err(InvalidId), "{bad:?}");
        }
    }
}
