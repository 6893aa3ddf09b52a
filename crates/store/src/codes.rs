//! Authorization codes (RFC 6749 section 4.1): issued once, redeemed once.

use menshen_domain::code::{AuthorizationCode, OpenIdRequest};
use menshen_domain::mac_key::MacKeyId;
use menshen_domain::refresh_token::Seed;
use menshen_domain::session::Device;
use menshen_domain::{Client, SecretHash, Session, User};
use menshen_token::{ClientId, GrantId, Reason, SessionId, Thumbprint, Timestamp};

use crate::database::Tx;
use crate::database::row::Cells;
use crate::revocations::{self, Covered};
use crate::{Issued, Receipt, Result, Store, clients, sessions, users};

pub(crate) mod issuing;
pub(crate) mod opening;

/// A code together with who redeems it and how.
#[derive(Clone, Debug)]
pub struct Redemption {
    /// The hash of the code.
    pub code: SecretHash,
    /// The client that redeems it; authenticated, when it is one that can be.
    pub client_id: ClientId,
    /// `redirect_uri` (RFC 6749 section 4.1.3).
    pub redirect_uri: Option<String>,
    /// `code_verifier` (RFC 7636 section 4.5).
    pub verifier: Option<String>,
    /// The key that the request proved possession of (RFC 9449).
    pub proof: Option<Thumbprint>,
    /// `resource`: whom the access token is for (RFC 8707 section 2.2).
    pub resources: Vec<String>,
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
    /// A session was opened or joined.
    Opened {
        /// What its first tokens are made from.
        issued: Box<Issued>,
        /// What the ID token must say.
        openid: OpenIdRequest,
        /// The sessions that had to give way, by the client's policy.
        displaced: Vec<Receipt>,
    },
    /// Nothing is given and nothing has changed.
    Refused(CodeRefusal),
    /// The code had been redeemed before; what that opened has been ended.
    Replayed(Receipt),
}

/// Why a code opens no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeRefusal {
    /// No such code; perhaps cleaned up long ago.
    Unknown,
    /// Its time is over.
    Expired,
    /// Everything of the user was ended after the password was looked at.
    Superseded,
    /// It was issued to another client.
    WrongClient,
    /// It was sent to another address than the request says.
    WrongRedirect,
    /// The session that it would join has ended.
    SessionEnded(Reason),
    /// The verifier does not answer the challenge, or there is one without the other.
    WrongVerifier,
    /// It is bound to a key that the request did not prove possession of.
    WrongKey,
    /// It allows nothing at one of the resources.
    WrongTarget,
    /// The user may not sign in.
    UserDisabled,
    /// The client may do nothing.
    ClientDisabled,
}

impl Store {
    /// Keeps a code that was just issued.
    pub async fn issue_code(&self, code: &AuthorizationCode) -> Result<()> {
        self.database.change(|| issuing::insert(code)).await.map(|_| ())
    }

    /// Keeps a code that answers a pushed request (RFC 9126 section 4), which is used up with it;
    /// `false`, and no code, when somebody else was first.
    pub async fn issue_code_for(
        &self,
        pushed: &SecretHash,
        code: &AuthorizationCode,
    ) -> Result<bool> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let sql = "DELETE FROM pushed_requests WHERE hash = $1";
                    let used = tx.execute(sqlx::query(sql).bind(pushed.as_str())).await?;
                    if used == 1 {
                        tx.execute(issuing::insert(code)).await?;
                    }
                    Ok(used == 1)
                })
            })
            .await
    }

    /// Opens a session for a code, or lets its client into the session that it names: exactly
    /// once, whoever else tries at the same moment.
    pub async fn redeem_code(&self, redemption: &Redemption, now: Timestamp) -> Result<Redeemed> {
        // Guesses are turned away without a write transaction.
        if !self.knows_code(&redemption.code).await? {
            return Ok(Redeemed::Refused(CodeRefusal::Unknown));
        }
        self.database
            .write(|tx| {
                Box::pin(async move {
                    lock_parties(tx, redemption).await?;
                    let Some(found) = find(tx, redemption).await? else {
                        return Ok(Redeemed::Refused(CodeRefusal::Unknown));
                    };
                    if let Some(refusal) = judge_redeemer(&found, redemption) {
                        return Ok(Redeemed::Refused(refusal));
                    }
                    if let Some(grant_id) = found.redeemed_as {
                        return end_replayed(tx, &found.code, grant_id, now).await;
                    }
                    let joined = match found.code.session_id {
                        Some(id) => Some(sessions::locked(tx, id).await?),
                        None => None,
                    };
                    if let Some(refusal) = judge_moment(&found, joined.as_ref(), now) {
                        return Ok(Redeemed::Refused(refusal));
                    }
                    let sql = "UPDATE authorization_codes SET grant_id = $2 \
                        WHERE hash = $1 AND grant_id IS NULL";
                    let claim = sqlx::query(sql)
                        .bind(redemption.code.as_str())
                        .bind(redemption.fresh.grant_id.to_string());
                    tx.execute(claim).await?;
                    let openid = found.code.openid.clone();
                    let entry = opening::Entry {
                        code: found.code,
                        user: found.user,
                        client: found.client,
                        joined: joined.flatten(),
                    };
                    let (issued, displaced) =
                        opening::open(tx, entry, &redemption.fresh, redemption.proof.as_ref(), now)
                            .await?;
                    Ok(Redeemed::Opened { issued: Box::new(issued), openid, displaced })
                })
            })
            .await
    }
}

impl Store {
    async fn knows_code(&self, hash: &SecretHash) -> Result<bool> {
        let sql = "SELECT hash FROM authorization_codes WHERE hash = $1";
        let query = sqlx::query(sql).bind(hash.as_str());
        Ok(query.fetch_optional(self.database.reader()).await?.is_some())
    }
}

/// A code with everyone concerned.
struct Found {
    code: AuthorizationCode,
    redeemed_as: Option<GrantId>,
    user: User,
    client: Client,
}

/// Keeps the user's other sign-ins, and anyone who disables the client, waiting until the
/// commit. Sign-ins of other users with the same client go on.
async fn lock_parties(tx: &mut Tx<'_>, redemption: &Redemption) -> Result<()> {
    let user = "SELECT id FROM users \
        WHERE id = (SELECT user_id FROM authorization_codes WHERE hash = $1) FOR UPDATE";
    tx.lock(sqlx::query(user).bind(redemption.code.as_str())).await?;
    let client = "SELECT id FROM clients \
        WHERE id = (SELECT client_id FROM authorization_codes WHERE hash = $1) FOR SHARE";
    tx.lock(sqlx::query(client).bind(redemption.code.as_str())).await
}

async fn find(tx: &mut Tx<'_>, redemption: &Redemption) -> Result<Option<Found>> {
    let sql = concat!(
        "SELECT codes.hash, codes.grant_id, codes.client_id, codes.user_id, codes.session_id, \
         codes.subject, codes.scope, codes.audience, codes.redirect_uri, codes.challenge, \
         codes.confirmation, codes.openid, codes.device_name, codes.device_platform, \
         codes.device_address, codes.auth_time_ms, codes.amr, codes.acr, codes.sign_in_epoch, \
         codes.expires_at_ms, ",
        users::columns!(),
        ", ",
        clients::columns!(),
        " FROM authorization_codes AS codes JOIN users ON users.id = codes.user_id \
          JOIN clients ON clients.id = codes.client_id WHERE codes.hash = $1"
    );
    let row = sqlx::query(sql).bind(redemption.code.as_str()).fetch_optional(tx.db()).await?;
    let Some(row) = row else { return Ok(None) };
    let mut cells = Cells::of(&row, "authorization_codes");
    let (hash, redeemed_as) = (cells.parse()?, cells.optional()?);
    let code = AuthorizationCode {
        hash,
        client_id: cells.parse()?,
        user_id: cells.parse()?,
        session_id: cells.optional()?,
        subject: cells.parse()?,
        scope: cells.parse()?,
        audience: cells.json()?,
        redirect_uri: cells.optional_text()?,
        challenge: cells.optional()?,
        confirmation: cells.optional()?,
        openid: cells.json()?,
        device: Device {
            name: cells.optional_text()?,
            platform: cells.optional_text()?,
            address: cells.optional_text()?,
        },
        authentication: sessions::read_authentication(&mut cells)?,
        sign_in_epoch: cells.count()?,
        expires_at: cells.instant()?,
    };
    cells.table("users");
    let user = users::read(&mut cells)?;
    cells.table("clients");
    let client = clients::read(&mut cells)?;
    Ok(Some(Found { code, redeemed_as, user, client }))
}

/// Whether whoever redeems it is the one it was issued to. Settled before anything is made of
/// a second redemption, so that a stranger can end nothing.
fn judge_redeemer(found: &Found, redemption: &Redemption) -> Option<CodeRefusal> {
    let code = &found.code;
    if code.client_id != redemption.client_id {
        return Some(CodeRefusal::WrongClient);
    }
    if code.confirmation.is_some() && code.confirmation != redemption.proof {
        return Some(CodeRefusal::WrongKey);
    }
    if code.redirect_uri != redemption.redirect_uri {
        return Some(CodeRefusal::WrongRedirect);
    }
    let answered = match (&code.challenge, &redemption.verifier) {
        (Some(challenge), Some(verifier)) => challenge.is_answered_by(verifier),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    if !answered {
        return Some(CodeRefusal::WrongVerifier);
    }
    let covered = found.client.policy.covers(&code.audience, &redemption.resources);
    (!covered).then_some(CodeRefusal::WrongTarget)
}

/// `joined` is the session that the code names, if it names one, and nothing when that is gone.
fn judge_moment(
    found: &Found,
    joined: Option<&Option<Session>>,
    now: Timestamp,
) -> Option<CodeRefusal> {
    let ended = joined.and_then(|joined| match joined {
        None => Some(Reason::AbsoluteTimeout),
        Some(session) => session.ended.map(|ended| ended.reason).or_else(|| session.expired(now)),
    });
    if now >= found.code.expires_at {
        Some(CodeRefusal::Expired)
    } else if found.user.disabled_at.is_some() {
        Some(CodeRefusal::UserDisabled)
    } else if found.code.sign_in_epoch != found.user.sign_in_epoch {
        Some(CodeRefusal::Superseded)
    } else if found.client.disabled_at.is_some() {
        Some(CodeRefusal::ClientDisabled)
    } else {
        ended.map(CodeRefusal::SessionEnded)
    }
}

/// Ends what the first redemption opened: the session, or the one grant in a session that the
/// code only joined.
async fn end_replayed(
    tx: &mut Tx<'_>,
    code: &AuthorizationCode,
    grant_id: GrantId,
    now: Timestamp,
) -> Result<Redeemed> {
    let reason = Reason::AuthorizationCodeReuse;
    let covered = match code.session_id {
        Some(_) => Covered::Grant(grant_id),
        None => Covered::SessionOf(grant_id),
    };
    revocations::end(tx, &covered, reason, now).await.map(Redeemed::Replayed)
}
