//! What must be kept for browsers, beyond a restart and between nodes: logins under way, sessions,
//! tickets. The gateway knows no database; whoever runs it brings a vault.

use std::fmt;
use std::pin::Pin;
use std::str::FromStr;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_token::Timestamp;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::Identity;

/// What a vault answers, some time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, VaultError>> + Send + 'a>>;

/// The vault does not answer. Never a reason to take something for gone.
#[derive(Debug, thiserror::Error)]
#[error("what is kept for browsers cannot be reached: {0}")]
pub struct VaultError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Where things are kept. What gives access is kept as a [`Fingerprint`] only, and what must be
/// used again is sealed.
pub trait Vault: fmt::Debug + Send + Sync {
    /// Keeps a login under the fingerprint of its `state`.
    fn keep_login<'a>(
        &'a self,
        state: &'a Fingerprint,
        login: &'a Login,
        until: Timestamp,
    ) -> Answer<'a, ()>;

    /// Uses a login up: exactly one of all who try gets it.
    fn take_login<'a>(
        &'a self,
        state: &'a Fingerprint,
        now: Timestamp,
    ) -> Answer<'a, Option<Login>>;

    /// Keeps a session, in the place of one that the same browser had.
    fn keep_session<'a>(
        &'a self,
        session: &'a Session,
        replaced: Option<&'a Fingerprint>,
    ) -> Answer<'a, ()>;

    /// A session that has neither expired nor ended.
    fn find_session<'a>(
        &'a self,
        cookie: &'a Fingerprint,
        now: Timestamp,
    ) -> Answer<'a, Option<Session>>;

    /// Takes on to exchange the tokens of a session, until an instant; `false` when another node
    /// has, or they are others by now.
    fn lease<'a>(
        &'a self,
        session: &'a Session,
        now: Timestamp,
        until: Timestamp,
    ) -> Answer<'a, bool>;

    /// Gives back what was taken on, without new tokens.
    fn release<'a>(&'a self, session: &'a Session) -> Answer<'a, ()>;

    /// Keeps new tokens; `false` when the session has ended meanwhile.
    fn renew<'a>(&'a self, session: &'a Session, held: &'a Held) -> Answer<'a, bool>;

    /// Notes how long a session lives because it was used.
    fn touch<'a>(&'a self, cookie: &'a Fingerprint, until: Timestamp) -> Answer<'a, ()>;

    /// Ends a session with its tickets; whether it was still there.
    fn end_session<'a>(&'a self, cookie: &'a Fingerprint) -> Answer<'a, bool>;

    /// Ends all sessions that a provider says have ended; which those were.
    fn end_sessions<'a>(&'a self, ended: &'a LoggedOut) -> Answer<'a, Vec<Fingerprint>>;

    /// Keeps a ticket; `false` when its session has ended meanwhile.
    fn keep_ticket<'a>(&'a self, ticket: &'a Ticket) -> Answer<'a, bool>;

    /// Uses a ticket up for the request that it is for: exactly one of all who try learns who asked
    /// for it.
    fn take_ticket<'a>(
        &'a self,
        ticket: &'a Fingerprint,
        request: &'a Fingerprint,
        now: Timestamp,
    ) -> Answer<'a, Option<Minter>>;

    /// Whether a logout token of this `jti` comes for the first time.
    fn is_first<'a>(&'a self, jti: &'a str, until: Timestamp) -> Answer<'a, bool>;

    /// Deletes what has expired.
    fn sweep(&self, now: Timestamp) -> Answer<'_, ()>;
}

/// SHA-256 of something that was drawn at random, as 43 characters of base64url.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Of a secret.
    pub fn of(secret: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(digest(&SHA256, secret.as_bytes())))
    }

    /// The 43 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is that of this secret; takes equal time whatever differs.
    pub(crate) fn is_of(&self, secret: &str) -> bool {
        self.0.as_bytes().ct_eq(Self::of(secret).0.as_bytes()).into()
    }
}

impl FromStr for Fingerprint {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.get(..8).unwrap_or_default())
    }
}

/// A login that a browser has begun.
#[derive(Clone, Serialize, Deserialize)]
pub struct Login {
    /// Where the browser signs in: the name of a login of the rules file; the provider itself
    /// without it.
    pub login: Option<String>,
    /// Of the cookie that the browser got with it.
    pub browser: Fingerprint,
    /// `host` as the browser knows it, with its port.
    pub host: String,
    /// `redirect_uri`.
    pub redirect_uri: String,
    /// Of PKCE (RFC 7636).
    pub verifier: String,
    /// What the ID token must repeat.
    pub nonce: String,
    /// How long ago the user may have signed in.
    pub max_age: Option<Duration>,
    /// Where to go on, a target on the same host.
    pub return_to: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("login", &self.login).finish_non_exhaustive()
    }
}

/// A session that a browser holds by a cookie.
#[derive(Clone, Debug)]
pub struct Session {
    /// Of the cookie.
    pub cookie: Fingerprint,
    /// Everything about it that is sealed.
    pub held: Held,
    /// How often its tokens were exchanged.
    pub generation: u64,
    /// From then on it is worth nothing, unless it is used before.
    pub expires_at: Timestamp,
}

/// What a session stands on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Held {
    /// Where the user signed in: the name of a login, or the provider itself.
    pub login: Option<String>,
    /// The issuer there.
    pub issuer: String,
    /// The host that it is for, with its port.
    pub host: String,
    /// The user. Of our own provider's, the access token has the last word.
    pub identity: Identity,
    /// The tokens.
    pub tokens: Tokens,
    /// When it ends however much it is used.
    pub ends_at: Timestamp,
}

/// The tokens of a session. They never reach a browser.
#[derive(Clone, Serialize, Deserialize)]
pub struct Tokens {
    /// The access token.
    pub access: Option<String>,
    /// The refresh token.
    pub refresh: Option<String>,
    /// The ID token, a hint for the logout.
    pub id: Option<String>,
    /// When the access token expires.
    pub expires_at: Timestamp,
    /// From when on new ones are fetched, with the refresh token.
    pub refresh_at: Timestamp,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// What a provider says has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedOut {
    /// Which provider.
    pub issuer: String,
    /// Whose sessions; of anybody without it.
    pub subject: Option<String>,
    /// Which session there; every one of the subject without it.
    pub session_id: Option<String>,
}

/// A ticket that opens one thing once.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// Of the ticket itself.
    pub ticket: Fingerprint,
    /// Of the request that it is for.
    pub request: Fingerprint,
    /// The session that it was made in, and ends with.
    pub session: Option<Fingerprint>,
    /// Who asked for it.
    pub minter: Minter,
    /// From then on it is worth nothing.
    pub expires_at: Timestamp,
}

/// Who asked for a ticket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Minter {
    /// Who signed them in.
    pub issuer: String,
    /// Who they are.
    pub identity: Identity,
}
