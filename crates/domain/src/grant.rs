//! What a session allowed one client; the one row behind a lineage of refresh tokens.

use menshen_token::{ClientId, GrantId, Reason, Scope, SessionId, Thumbprint, Timestamp, UserId};

use crate::SecretHash;
use crate::claim::ClaimsRequest;
use crate::mac_key::MacKeyId;
use crate::refresh_token::{Generation, Seed};
use crate::session::{Authentication, Ended};

/// What a session allowed one client.
#[derive(Clone, Debug)]
pub struct Grant {
    /// `grant` in tokens.
    pub id: GrantId,
    /// The session it belongs to.
    pub session_id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// Who may use it.
    pub client_id: ClientId,
    /// `sub` of its tokens: who the user is to that client.
    pub subject: UserId,
    /// What was allowed.
    pub scope: Scope,
    /// `aud` of its access tokens.
    pub audience: Vec<String>,
    /// When and how the user had signed in.
    pub authentication: Authentication,
    /// The claims that the client asked for by name.
    pub claims: ClaimsRequest,
    /// The secret that its refresh tokens derive from.
    pub seed: Seed,
    /// The MAC key that the current generation was derived with.
    pub mac_key_id: MacKeyId,
    /// The generation that is current.
    pub generation: Generation,
    /// When the current generation was made.
    pub rotated_at: Timestamp,
    /// The hash of the `Idempotency-Key` that the rotation to the current generation carried.
    pub retry_key_hash: Option<SecretHash>,
    /// The key that must prove possession (RFC 9449).
    pub confirmation: Option<Thumbprint>,
    /// When it dies of disuse; slides on use.
    pub idle_expires_at: Timestamp,
    /// When it dies of age.
    pub absolute_expires_at: Timestamp,
    /// Whether it outlives its session: a third-party client's `offline_access`. Its access
    /// tokens then carry no `sid`.
    pub outlives_session: bool,
    /// The latest issue time of any of its access tokens.
    pub issued_at: Timestamp,
    /// The latest expiry of any of its access tokens.
    pub access_expires_at: Timestamp,
    /// When and why it ended; `None` while it lives.
    pub ended: Option<Ended>,
}

impl Grant {
    /// Which lifetime is over at `now`, if one is.
    pub fn expired(&self, now: Timestamp) -> Option<Reason> {
        if now >= self.absolute_expires_at {
            Some(Reason::AbsoluteTimeout)
        } else if now >= self.idle_expires_at {
            Some(Reason::IdleTimeout)
        } else {
            None
        }
    }
}
