#![doc = include_str!("../README.md")]

mod access_token;
mod algorithm;
mod claims;
mod encoding;
mod entropy;
mod feed;
mod flaw;
mod foreign_keys;
mod id;
mod id_index;
pub mod jws;
mod key_set;
mod proof;
mod reason;
mod revocation;
mod revocation_set;
mod scope;
mod time;
mod verify;

use encoding::{base64url, strict_json};

pub use access_token::{AccessToken, TOKEN_TYPE as ACCESS_TOKEN_TYPE};
pub use algorithm::{Algorithm, UnsupportedAlgorithm};
pub use claims::Claims;
pub use entropy::{Entropy, SystemEntropy};
pub use feed::{Entry, Frame, MalformedFrame, Poll, Seq};
pub use flaw::Flaw;
pub use foreign_keys::ForeignKeys;
pub use id::{ClientId, GrantId, InvalidId, Jti, KeyId, SessionId, UserId};
pub use key_set::{InvalidKey, Jwk, KeySet, PublicKey, Thumbprint};
pub use proof::{digest, dpop};
pub use reason::{Reason, UnknownReason};
pub use revocation::{MAX_LEEWAY, Revocation};
pub use revocation_set::RevocationSet;
pub use scope::{InvalidScope, Scope};
pub use time::{Clock, ManualClock, SystemClock, Timestamp, parse_duration};
pub use verify::{Expectations, MAX_TOKEN_BYTES, authenticate, verify};
