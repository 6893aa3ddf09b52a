//! Grants: the one row behind a lineage of refresh tokens.

use menshen_domain::mac_key::MacKeys;
use menshen_domain::refresh_token::{self, Generation, Presentation, Refusal, Verdict};
use menshen_domain::{Client, Grant, Session, User};
use menshen_token::{GrantId, Reason, Timestamp};

use crate::database::Tx;
use crate::database::row::Cells;
use crate::revocations::{self, Covered};
use crate::{Receipt, Result, Store, sessions};

mod batch;
mod lineage;
pub(crate) mod queue;

pub(crate) use lineage::{Lineage, idle_expiry};

use self::queue::{Answer, Ask};

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
    /// presented at the same time share one transaction, which goes on when the caller stops
    /// waiting.
    pub async fn refresh(
        &self,
        presentation: Presentation,
        keys: &MacKeys,
        now: Timestamp,
    ) -> Result<Refreshed> {
        loop {
            let mac_key_id = keys.current().id().clone();
            let ask = Ask::Refresh(Box::new(presentation.clone()), mac_key_id);
            match self.refreshes.ask(presentation.token.grant_id, ask, now).await? {
                Answer::Issued(issued) => return Ok(Refreshed::Issued(issued)),
                Answer::Refused(refusal) => return Ok(Refreshed::Refused(refusal)),
                Answer::Unknown => return Ok(Refreshed::Unknown),
                Answer::NotInBatch => {}
            }
            // `None` when somebody else was quicker and it lives after all: asked again.
            if let Some(refreshed) = self.end_presented(&presentation, now).await? {
                return Ok(refreshed);
            }
        }
    }

    /// Lets a live access token of this grant be exchanged for a new one: the single-token
    /// scheme. `None` when the grant has ended or expired.
    pub async fn renew(&self, grant: GrantId, now: Timestamp) -> Result<Option<Issued>> {
        match self.refreshes.ask(grant, Ask::Renew, now).await? {
            Answer::Issued(issued) => Ok(Some(*issued)),
            Answer::Refused(_) | Answer::Unknown | Answer::NotInBatch => Ok(None),
        }
    }

    /// Lets somebody else have an access token of this grant, that expires when the one they show
    /// for it does at the latest: token exchange (RFC 8693). The grant is not used by that. `None`
    /// when it has ended or expired.
    pub async fn derive(
        &self,
        grant: GrantId,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Issued>> {
        // Noted first: whatever ends the grant's client from now on names the grant.
        let sql = "INSERT INTO exchanged_grants (grant_id, expires_at_ms) \
            SELECT id, $2 FROM grants WHERE id = $1 ON CONFLICT (grant_id) DO UPDATE SET \
            expires_at_ms = CASE WHEN exchanged_grants.expires_at_ms < excluded.expires_at_ms \
            THEN excluded.expires_at_ms ELSE exchanged_grants.expires_at_ms END";
        let note = || sqlx::query(sql).bind(grant.to_string()).bind(expires_at.as_millis());
        if self.database.change(note).await? == 0 {
            return Ok(None);
        }
        match self.refreshes.ask(grant, Ask::Derive, now).await? {
            Answer::Issued(issued) => Ok(Some(*issued)),
            Answer::Refused(_) | Answer::Unknown | Answer::NotInBatch => Ok(None),
        }
    }

    /// The grant of this id, live or ended.
    pub async fn find_grant(&self, id: GrantId) -> Result<Option<Grant>> {
        let sql = concat!("SELECT ", columns!(), " FROM grants WHERE id = $1");
        let row =
            sqlx::query(sql).bind(id.to_string()).fetch_optional(self.database.reader()).await?;
        row.map(|row| read(&mut Cells::of(&row, "grants"))).transpose()
    }

    /// Judges again, with the whole session locked, a presentation that is about to end it.
    async fn end_presented(
        &self,
        presentation: &Presentation,
        now: Timestamp,
    ) -> Result<Option<Refreshed>> {
        let id = presentation.token.grant_id;
        self.database
            .write(|tx| {
                Box::pin(async move {
                    lock_session_of(tx, id).await?;
                    let Some(lineage) = lineage::load(tx, &[id]).await?.remove(&id) else {
                        return Ok(Some(Refreshed::Unknown));
                    };
                    let Lineage { grant, client, .. } = lineage?;
                    let (reason, receipt) =
                        match refresh_token::judge(presentation, &grant, &client, now) {
                            Verdict::Rotate | Verdict::Reissue => return Ok(None),
                            Verdict::Refuse(refusal) => {
                                return Ok(Some(Refreshed::Refused(refusal)));
                            }
                            Verdict::Kill => {
                                let reason = Reason::RefreshTokenReuse;
                                let covered = if grant.outlives_session {
                                    Covered::Grant(id)
                                } else {
                                    Covered::WholeSession(grant.session_id)
                                };
                                (reason, revocations::end(tx, &covered, reason, now).await?)
                            }
                            Verdict::Expire(reason) => {
                                let covered = Covered::ExpiredGrant(id);
                                (reason, revocations::end_expired(tx, &covered, reason, now).await?)
                            }
                        };
                    Ok(Some(Refreshed::Ended { reason, receipt, grant: Box::new(grant) }))
                })
            })
            .await
    }
}

async fn lock_session_of(tx: &mut Tx<'_>, id: GrantId) -> Result<()> {
    let session = "SELECT id FROM sessions \
        WHERE id = (SELECT session_id FROM grants WHERE id = $1) FOR UPDATE";
    tx.lock(sqlx::query(session).bind(id.to_string())).await?;
    let grants = "SELECT id FROM grants \
        WHERE session_id = (SELECT session_id FROM grants WHERE id = $1) ORDER BY id FOR UPDATE";
    tx.lock(sqlx::query(grants).bind(id.to_string())).await
}

/// What [`read`] reads.
macro_rules! columns {
    () => {
        "grants.id, grants.session_id, grants.user_id, grants.client_id, grants.subject, \
         grants.scope, grants.audience, grants.auth_time_ms, grants.amr, grants.acr, \
         grants.claims, grants.seed, grants.mac_key_id, grants.generation, \
         grants.rotated_at_ms, grants.retry_key_hash, grants.confirmation, \
         grants.idle_expires_at_ms, grants.absolute_expires_at_ms, \
         grants.outlives_session_since_ms, grants.issued_at_ms, grants.access_expires_at_ms, \
         grants.ended_at_ms, grants.ended_reason"
    };
}
use columns;

fn read(cells: &mut Cells<'_>) -> Result<Grant> {
    Ok(Grant {
        id: cells.parse()?,
        session_id: cells.parse()?,
        user_id: cells.parse()?,
        client_id: cells.parse()?,
        subject: cells.parse()?,
        scope: cells.parse()?,
        audience: cells.json()?,
        authentication: sessions::read_authentication(cells)?,
        claims: cells.json()?,
        seed: cells.parse()?,
        mac_key_id: cells.parse()?,
        generation: Generation(cells.count()?),
        rotated_at: cells.instant()?,
        retry_key_hash: cells.optional()?,
        confirmation: cells.optional()?,
        idle_expires_at: cells.instant()?,
        absolute_expires_at: cells.instant()?,
        outlives_session: cells.optional_instant()?.is_some(),
        issued_at: cells.instant()?,
        access_expires_at: cells.instant()?,
        ended: sessions::read_ended(cells)?,
    })
}
