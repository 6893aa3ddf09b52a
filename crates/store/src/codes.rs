//! Authorization codes (RFC 6749 section 4.1): issued once, redeemed once.

use menshen_domain::SecretHash;
use menshen_domain::code::AuthorizationCode;
use menshen_domain::mac_key::MacKeyId;
use menshen_domain::refresh_token::Seed;
use menshen_token::{ClientId, GrantId, SessionId, Thumbprint, Timestamp};

use crate::{Issued, Receipt, Result, Store};

/// A code together with who redeems it and how.
#[derive(Clone, Debug)]
pub struct Redemption {
    /// The hash of the code.
    pub code: SecretHash,
    /// The client that redeems it; authenticated, when it is one that can be.
    pub client_id: ClientId,
    /// `code_verifier` (RFC 7636 section 4.5).
    pub verifier: Option<String>,
    /// The key that the request proved possession of (RFC 9449).
    pub proof: Option<Thumbprint>,
    /// What the new session is made with.
    pub fresh: Fresh,
}

/// The random parts of a new session, drawn by the caller.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// The id of the session.
    pub session_id: SessionId,
    /// The id of its grant.
    pub grant_id: GrantId,
    /// The seed of the grant's refresh tokens.
    pub seed: Seed,
    /// The MAC key that the first of them is made with.
    pub mac_key_id: MacKeyId,
}

/// What became of a redemption.
#[derive(Clone, Debug)]
pub enum Redeemed {
    /// A session was opened.
    Opened {
        /// What its first tokens are made from.
        issued: Box<Issued>,
        /// The sessions that had to give way, by the client's policy.
        displaced: Vec<Receipt>,
    },
    /// Nothing is given and nothing has changed.
    Refused(CodeRefusal),
    /// The code had been redeemed before; the session that it opened has been ended.
    Replayed(Receipt),
}

/// Why a code opens no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeRefusal {
    /// No such code; perhaps cleaned up long ago.
    Unknown,
    /// Its time is over.
    Expired,
    /// It was issued to another client.
    WrongClient,
    /// The verifier does not answer the challenge, or there is one without the other.
    WrongVerifier,
    /// It is bound to a key that the request did not prove possession of.
    WrongKey,
    /// The user may not sign in.
    UserDisabled,
    /// The client may do nothing.
    ClientDisabled,
}

impl Store {
    /// Keeps a code that was just issued.
    pub async fn issue_code(&self, code: &AuthorizationCode) -> Result<()> {
        todo!()
    }

    /// Opens a session for a code: exactly once, whoever else tries at the same moment.
    pub async fn redeem_code(&self, redemption: &Redemption, now: Timestamp) -> Result<Redeemed> {
        todo!()
    }
}
