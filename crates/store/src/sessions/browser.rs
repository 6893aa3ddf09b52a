//! Sessions that a browser holds by a cookie: one sign-in for every app that asks.

use std::time::Duration;

use menshen_domain::session::{Authentication, Device};
use menshen_domain::{SecretHash, Session, User};
use menshen_token::{Reason, SessionId, Timestamp, UserId};

use super::{columns, last_use, read_with_last_use};
use crate::database::Tx;
use crate::database::row::{Cells, as_column};
use crate::revocations::{self, Covered};
use crate::{Receipt, Result, Store, users};

/// How exactly the last use of a session is known.
const TOUCH_EVERY: Duration = Duration::from_mins(1);

/// Somebody has proved who they are in a browser.
#[derive(Clone, Debug)]
pub struct BrowserSignIn {
    /// Who.
    pub user_id: UserId,
    /// The user's [`User::sign_in_epoch`], read together with what was proved.
    pub sign_in_epoch: u64,
    /// When and how.
    pub authentication: Authentication,
    /// Where.
    pub device: Device,
    /// The session that this raises, which the browser must still hold; `None` when whatever it
    /// holds gives way.
    pub raises: Option<SessionId>,
    /// The id of the session, if one has to be opened.
    pub session_id: SessionId,
    /// Of the cookie by which the browser will hold it.
    pub cookie_hash: SecretHash,
    /// Of the cookie by which it held one before.
    pub previous: Option<SecretHash>,
    /// How long the session may lie unused.
    pub idle_lifetime: Duration,
    /// How long it may live at all.
    pub absolute_lifetime: Duration,
}

/// What became of a sign-in in a browser.
#[derive(Clone, Debug)]
pub enum SignedIn {
    /// The browser holds this session from now on, by the new cookie only.
    Held {
        /// The session: a new one, or the user's own from before with a newer sign-in.
        session: Box<Session>,
        /// The end of the session that somebody else had in this browser.
        displaced: Option<Receipt>,
    },
    /// The user may not sign in, everything of theirs was ended after they proved who they are, or
    /// the session that was to be raised is over.
    Refused,
}

impl Store {
    /// Gives a browser a session. Who was signed in there before and is somebody else, is signed
    /// out: one browser, one account at a time.
    pub async fn sign_in_browser(
        &self,
        sign_in: &BrowserSignIn,
        now: Timestamp,
    ) -> Result<SignedIn> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    let user = "SELECT id FROM users WHERE id = $1 FOR UPDATE";
                    tx.lock(sqlx::query(user).bind(sign_in.user_id.as_str())).await?;
                    if !may_sign_in(tx, sign_in).await? {
                        return Ok(SignedIn::Refused);
                    }
                    let previous = match &sign_in.previous {
                        Some(cookie) => find_held(tx, cookie, now).await?,
                        None => None,
                    };
                    let held = previous.as_ref().map(|session| session.id);
                    if sign_in.raises.is_some() && sign_in.raises != held {
                        return Ok(SignedIn::Refused);
                    }
                    let (session, displaced) = match previous {
                        Some(session) if session.user_id == sign_in.user_id => {
                            (renew(tx, session, sign_in, now).await?, None)
                        }
                        previous => {
                            let session = open(tx, sign_in, now).await?;
                            let displaced = match previous {
                                Some(previous) => Some(displace(tx, previous.id, now).await?),
                                None => None,
                            };
                            (session, displaced)
                        }
                    };
                    Ok(SignedIn::Held { session: Box::new(session), displaced })
                })
            })
            .await
    }

    /// The live session that a browser holds by this cookie, and whose it is. Looking at it is a
    /// use.
    pub async fn find_browser_session(
        &self,
        cookie_hash: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<(Session, User)>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            ", ",
            last_use!(),
            ", ",
            users::columns!(),
            " FROM sessions JOIN users ON users.id = sessions.user_id \
              WHERE sessions.cookie_hash = $1 AND sessions.ended_at_ms IS NULL \
              AND users.disabled_at_ms IS NULL"
        );
        let query = sqlx::query(sql).bind(cookie_hash.as_str());
        let Some(row) = query.fetch_optional(self.database.reader()).await? else {
            return Ok(None);
        };
        let mut cells = Cells::of(&row, "sessions");
        let mut session = read_with_last_use(&mut cells)?;
        cells.table("users");
        let user = users::read(&mut cells)?;
        if session.expired(now).is_some() {
            return Ok(None);
        }
        if session.last_seen_at + TOUCH_EVERY <= now {
            let sql = "UPDATE sessions SET last_seen_at_ms = $2 \
                WHERE id = $1 AND last_seen_at_ms < $2 AND ended_at_ms IS NULL";
            let touch = || sqlx::query(sql).bind(session.id.to_string()).bind(now.as_millis());
            self.database.change(touch).await?;
            session.last_seen_at = now;
        }
        Ok(Some((session, user)))
    }
}

impl Store {
    /// Why the session that a browser held by this cookie is over; `None` while it lives, and once
    /// it is long forgotten.
    pub async fn why_browser_session_ended(
        &self,
        cookie_hash: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<Reason>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            ", ",
            last_use!(),
            " FROM sessions WHERE cookie_hash = $1"
        );
        let query = sqlx::query(sql).bind(cookie_hash.as_str());
        let row = query.fetch_optional(self.database.reader()).await?;
        let session = row.map(|row| read_with_last_use(&mut Cells::of(&row, "sessions")));
        let session = session.transpose()?;
        let reason = |session: Session| {
            session.ended.map(|ended| ended.reason).or_else(|| session.expired(now))
        };
        Ok(session.and_then(reason))
    }
}

async fn may_sign_in(tx: &mut Tx<'_>, sign_in: &BrowserSignIn) -> Result<bool> {
    let sql = "SELECT id FROM users WHERE id = $1 AND sign_in_epoch = $2 \
        AND disabled_at_ms IS NULL";
    let query = sqlx::query(sql).bind(sign_in.user_id.as_str());
    let query = query.bind(as_column(sign_in.sign_in_epoch));
    Ok(query.fetch_optional(tx.db()).await?.is_some())
}

async fn find_held(
    tx: &mut Tx<'_>,
    cookie_hash: &SecretHash,
    now: Timestamp,
) -> Result<Option<Session>> {
    let lock = "SELECT id FROM sessions WHERE cookie_hash = $1 FOR UPDATE";
    tx.lock(sqlx::query(lock).bind(cookie_hash.as_str())).await?;
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", ",
        last_use!(),
        " FROM sessions WHERE cookie_hash = $1 AND ended_at_ms IS NULL"
    );
    let row = sqlx::query(sql).bind(cookie_hash.as_str()).fetch_optional(tx.db()).await?;
    let session =
        row.map(|row| read_with_last_use(&mut Cells::of(&row, "sessions"))).transpose()?;
    Ok(session.filter(|session| session.expired(now).is_none()))
}

/// The user proves again who they are: the session stays, its cookie does not.
async fn renew(
    tx: &mut Tx<'_>,
    mut session: Session,
    sign_in: &BrowserSignIn,
    now: Timestamp,
) -> Result<Session> {
    session.authentication = sign_in.authentication.clone();
    session.last_seen_at = now;
    let sql = "UPDATE sessions SET cookie_hash = $2, auth_time_ms = $3, amr = $4, acr = $5, \
        last_seen_at_ms = $6 WHERE id = $1";
    let update = sqlx::query(sql)
        .bind(session.id.to_string())
        .bind(sign_in.cookie_hash.as_str())
        .bind(sign_in.authentication.time.as_millis())
        .bind(as_json(&sign_in.authentication.amr))
        .bind(sign_in.authentication.acr.as_deref())
        .bind(now.as_millis());
    tx.execute(update).await?;
    Ok(session)
}

async fn open(tx: &mut Tx<'_>, sign_in: &BrowserSignIn, now: Timestamp) -> Result<Session> {
    let session = Session {
        id: sign_in.session_id,
        user_id: sign_in.user_id.clone(),
        client_id: None,
        device: sign_in.device.clone(),
        authentication: sign_in.authentication.clone(),
        created_at: now,
        last_seen_at: now,
        idle_lifetime: Some(sign_in.idle_lifetime),
        absolute_expires_at: now + sign_in.absolute_lifetime,
        ended: None,
    };
    insert(tx, &session, Some(&sign_in.cookie_hash)).await?;
    Ok(session)
}

async fn displace(tx: &mut Tx<'_>, id: SessionId, now: Timestamp) -> Result<Receipt> {
    revocations::end(tx, &Covered::Session(id), Reason::AccountSwitched, now).await
}

/// Writes a new session.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    session: &Session,
    cookie_hash: Option<&SecretHash>,
) -> Result<()> {
    let sql = "INSERT INTO sessions (id, user_id, client_id, cookie_hash, device_name, \
        device_platform, device_address, amr, acr, auth_time_ms, created_at_ms, \
        last_seen_at_ms, idle_lifetime_ms, sweep_at_ms, absolute_expires_at_ms) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    let idle = session.idle_lifetime;
    let idle_ms = idle.map(|idle| i64::try_from(idle.as_millis()).unwrap_or(i64::MAX));
    let insert = sqlx::query(sql)
        .bind(session.id.to_string())
        .bind(session.user_id.as_str())
        .bind(session.client_id.as_ref().map(menshen_token::ClientId::as_str))
        .bind(cookie_hash.map(SecretHash::as_str))
        .bind(session.device.name.as_deref())
        .bind(session.device.platform.as_deref())
        .bind(session.device.address.as_deref())
        .bind(as_json(&session.authentication.amr))
        .bind(session.authentication.acr.as_deref())
        .bind(session.authentication.time.as_millis())
        .bind(session.created_at.as_millis())
        .bind(session.last_seen_at.as_millis())
        .bind(idle_ms)
        .bind(idle.map(|idle| (session.created_at + idle).as_millis()))
        .bind(session.absolute_expires_at.as_millis());
    tx.opened_session = true;
    tx.execute(insert).await.map(|_| ())
}

fn as_json(amr: &[String]) -> String {
    serde_json::to_string(amr).expect("strings always serialize")
}
