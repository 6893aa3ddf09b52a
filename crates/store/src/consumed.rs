//! Things that may happen once.

use menshen_domain::SecretHash;
use menshen_token::Timestamp;

use crate::{Result, Store};

/// What kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OneTime {
    /// The `jti` of a DPoP proof (RFC 9449 section 11.1).
    DpopProof,
    /// The `jti` of a client assertion (RFC 7523 section 3).
    ClientAssertion,
    /// The `jti` of an assertion about a user (RFC 7523 section 3).
    UserAssertion,
    /// The `jti` of a logout token of another provider (OpenID Connect Back-Channel Logout 1.0).
    LogoutToken,
}

impl OneTime {
    const fn as_str(self) -> &'static str {
        match self {
            Self::DpopProof => "dpop_proof",
            Self::ClientAssertion => "client_assertion",
            Self::UserAssertion => "user_assertion",
            Self::LogoutToken => "logout_token",
        }
    }
}

impl Store {
    /// Uses a value up until it expires; `false` when somebody has before.
    pub async fn consume(&self, kind: OneTime, value: &str, expires_at: Timestamp) -> Result<bool> {
        // Hashed, because the value comes from outside, as long and as odd as they like.
        let hash = SecretHash::of(value.as_bytes());
        let sql = "INSERT INTO consumed (kind, value, expires_at_ms) VALUES ($1, $2, $3) \
            ON CONFLICT (kind, value) DO NOTHING";
        let insert = || {
            sqlx::query(sql).bind(kind.as_str()).bind(hash.as_str()).bind(expires_at.as_millis())
        };
        self.database.change(insert).await.map(|rows| rows > 0)
    }
}
