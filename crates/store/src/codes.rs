//! Authorization codes (RFC 6749 section 4.1): issued once, redeemed once.

use menshen_domain::code::{AuthorizationCode, CodeChallenge};
use menshen_domain::mac_key::MacKeyId;
use menshen_domain::refresh_token::{Seed, Verdict};
use menshen_domain::session::Device;
use menshen_domain::{Client, SecretHash, User};
use menshen_token::{ClientId, GrantId, Reason, SessionId, Thumbprint, Timestamp};

use crate::database::Tx;
use crate::database::row::{Cells, as_column};
use crate::revocations::{self, Covered};
use crate::{Issued, Receipt, Result, Store, clients, users};

mod opening;

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
    /// Everything of the user was ended after the password was looked at.
    Superseded,
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
        let sql = "INSERT INTO authorization_codes (hash, client_id, user_id, scope, challenge, \
            confirmation, device_name, device_platform, device_address, amr, auth_time_ms, \
            sign_in_epoch, expires_at_ms) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
        let insert = || {
            sqlx::query(sql)
                .bind(code.hash.as_str())
                .bind(code.client_id.as_str())
                .bind(code.user_id.as_str())
                .bind(code.scope.as_str())
                .bind(code.challenge.as_ref().map(CodeChallenge::as_str))
                .bind(code.confirmation.as_ref().map(Thumbprint::as_str))
                .bind(code.device.name.as_deref())
                .bind(code.device.platform.as_deref())
                .bind(code.device.address.as_deref())
                .bind(as_json(&code.amr))
                .bind(code.auth_time.as_millis())
                .bind(as_column(code.sign_in_epoch))
                .bind(code.expires_at.as_millis())
        };
        self.database.change(insert).await.map(|_| ())
    }

    /// Opens a session for a code: exactly once, whoever else tries at the same moment.
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
                    if let Some(refusal) = judge_redeemer(&found.code, redemption) {
                        return Ok(Redeemed::Refused(refusal));
                    }
                    if let Some(session_id) = found.redeemed_as {
                        let (covered, reason) =
                            (Covered::WholeSession(session_id), Reason::AuthorizationCodeReuse);
                        let receipt = revocations::end(tx, &covered, reason, now).await?;
                        return Ok(Redeemed::Replayed(receipt));
                    }
                    if let Some(refusal) = judge_moment(&found, now) {
                        return Ok(Redeemed::Refused(refusal));
                    }
                    let sql = "UPDATE authorization_codes SET session_id = $2 \
                    WHERE hash = $1 AND session_id IS NULL";
                    let claim = sqlx::query(sql)
                        .bind(redemption.code.as_str())
                        .bind(redemption.fresh.session_id.to_string());
                    tx.execute(claim).await?;
                    let displaced = opening::make_room(tx, &found.user, &found.client, now).await?;
                    let mut lineage = opening::lineage(found, redemption, now);
                    let issued = lineage.issue(Verdict::Rotate, tx.access_token_ceiling, now);
                    opening::insert(tx, &lineage).await?;
                    Ok(Redeemed::Opened { issued: Box::new(issued), displaced })
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
    redeemed_as: Option<SessionId>,
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
        "SELECT codes.hash, codes.session_id, codes.client_id, codes.user_id, codes.scope, \
         codes.challenge, codes.confirmation, codes.device_name, codes.device_platform, \
         codes.device_address, codes.amr, codes.auth_time_ms, codes.sign_in_epoch, \
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
        scope: cells.parse()?,
        challenge: cells.optional()?,
        confirmation: cells.optional()?,
        device: Device {
            name: cells.optional_text()?,
            platform: cells.optional_text()?,
            address: cells.optional_text()?,
        },
        amr: cells.json()?,
        auth_time: cells.instant()?,
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
fn judge_redeemer(code: &AuthorizationCode, redemption: &Redemption) -> Option<CodeRefusal> {
    if code.client_id != redemption.client_id {
        return Some(CodeRefusal::WrongClient);
    }
    if code.confirmation.is_some() && code.confirmation != redemption.proof {
        return Some(CodeRefusal::WrongKey);
    }
    let answered = match (&code.challenge, &redemption.verifier) {
        (Some(challenge), Some(verifier)) => challenge.is_answered_by(verifier),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    (!answered).then_some(CodeRefusal::WrongVerifier)
}

fn judge_moment(found: &Found, now: Timestamp) -> Option<CodeRefusal> {
    if now >= found.code.expires_at {
        Some(CodeRefusal::Expired)
    } else if found.user.disabled_at.is_some() {
        Some(CodeRefusal::UserDisabled)
    } else if found.code.sign_in_epoch != found.user.sign_in_epoch {
        Some(CodeRefusal::Superseded)
    } else if found.client.disabled_at.is_some() {
        Some(CodeRefusal::ClientDisabled)
    } else {
        None
    }
}

fn as_json(amr: &[String]) -> String {
    serde_json::to_string(amr).expect("strings always serialize")
}
