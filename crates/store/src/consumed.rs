//! Things that may happen once.

use menshen_token::Timestamp;

use crate::{Result, Store};

/// What kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OneTime {
    /// The `jti` of a DPoP proof (RFC 9449 section 11.1).
    DpopProof,
    /// The `jti` of a client assertion (RFC 7523 section 3).
    ClientAssertion,
}

impl Store {
    /// Uses a value up until it expires; `false` when somebody has before.
    pub async fn consume(
        &self,
        kind: OneTime,
        value: &str,
        expires_at: Timestamp,
    ) -> Result<bool> {
        todo!()
    }
}
