//! The revocation log: the one way to kill anything.

use menshen_token::{
    AccessToken, ClientId, Entry, GrantId, Jti, Reason, Seq, SessionId, Timestamp, UserId,
};

use crate::{Result, Store};

pub(crate) mod feed_streams;
pub(crate) mod log;

/// What is to be ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One access token.
    Token {
        /// Its name.
        jti: Jti,
        /// When it expires by itself.
        expires_at: Timestamp,
    },
    /// One grant; with it the session, when the same client opened it and no other live grant
    /// is left in it.
    Grant(GrantId),
    /// One session and its grants, except those that outlive it.
    Session(SessionId),
    /// Every session and grant of a user.
    User(UserId),
    /// Every grant of a client, and the sessions that only it used.
    Client(ClientId),
    /// Every access token issued before an instant; nothing else ends.
    All {
        /// The instant.
        before: Timestamp,
    },
}

/// What ending something did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The position of the last rule that was appended, or of the last in the log when
    /// nothing was left to end.
    pub seq: Seq,
    /// Sessions ended by this call.
    pub sessions: u64,
    /// Grants ended by this call.
    pub grants: u64,
    /// The rule at `seq`, if it was appended by this call.
    pub appended: Option<Entry>,
}

impl Store {
    /// Ends something. Ending what has ended already is a success that changes nothing.
    pub async fn revoke(&self, target: &Target, reason: Reason, now: Timestamp) -> Result<Receipt> {
        todo!()
    }

    /// Why an access token is dead although it has not expired, if it is: by a rule, because
    /// what it belongs to has ended, or because its user or client is disabled.
    pub async fn is_revoked(&self, token: &AccessToken, now: Timestamp) -> Result<Option<Reason>> {
        todo!()
    }
}
