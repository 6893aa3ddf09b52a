//! Grants: the one row behind a lineage of refresh tokens.

use menshen_domain::mac_key::MacKeys;
use menshen_domain::refresh_token::{Presentation, Refusal, Verdict};
use menshen_domain::{Client, Grant, Session, User};
use menshen_token::{GrantId, Reason, Timestamp};

use crate::{Receipt, Result, Store};

/// What the next tokens are made from.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The grant, after the change. `issued_at` is the issue time of the access token to
    /// mint, `generation` and `mac_key_id` those of the refresh token to derive.
    pub grant: Grant,
    /// Its session.
    pub session: Session,
    /// Whose it is.
    pub user: User,
    /// Who uses it.
    pub client: Client,
    /// Whether the refresh token moved on or is given again.
    pub verdict: Verdict,
    /// When the access token to mint expires; whole seconds.
    pub access_expires_at: Timestamp,
}

/// What became of a presented refresh token.
#[derive(Clone, Debug)]
pub enum Refreshed {
    /// New tokens may be made.
    Issued(Box<Issued>),
    /// Nothing is given and nothing has changed.
    Refused(Refusal),
    /// It ended what it belongs to: superseded and presented again, or too old.
    Ended {
        /// Why.
        reason: Reason,
        /// What was ended.
        receipt: Receipt,
        /// The grant it belongs to.
        grant: Box<Grant>,
    },
    /// No such grant: it ended and was cleaned up long ago.
    Unknown,
}

impl Store {
    /// Judges a presented refresh token and does what the verdict says. Many that are
    /// presented at the same time share one transaction.
    pub async fn refresh(
        &self,
        presentation: Presentation,
        keys: &MacKeys,
        now: Timestamp,
    ) -> Result<Refreshed> {
        todo!()
    }

    /// Lets a live access token of this grant be exchanged for a new one: the single-token
    /// scheme. `None` when the grant has ended or expired.
    pub async fn renew(&self, grant: GrantId, now: Timestamp) -> Result<Option<Issued>> {
        todo!()
    }

    /// The grant of this id, live or ended.
    pub async fn find_grant(&self, id: GrantId) -> Result<Option<Grant>> {
        todo!()
    }
}
