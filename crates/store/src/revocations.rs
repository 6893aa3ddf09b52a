//! The revocation log: the one way to kill anything.
//!
//! Locks are always taken in the same order: the user or client, codes, sessions, grants by id,
//! and the head of the log last.

use std::time::Duration;

use menshen_token::{
    ClientId, Entry, GrantId, Jti, MAX_LEEWAY, Reason, Revocation, Seq, SessionId, Timestamp,
    UserId,
};

use crate::database::Tx;
use crate::database::row::{Cells, as_column};
use crate::{Result, Store};

mod elsewhere;
mod ending;
pub(crate) mod feed_streams;
pub(crate) mod log;

pub(crate) use ending::{
    Covered, aliases_of_user, end, end_expired, latest_of_user, lock, lock_sessions_with,
    raise_cut_off,
};

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
    /// Clients that will be told by a back-channel logout, each once, in the order of their ids.
    pub queued: Vec<ClientId>,
    /// The rule at `seq`, if it was appended by this call.
    pub appended: Option<Entry>,
}

impl Receipt {
    /// For ending what has ended already, in a log that has come this far.
    pub const fn nothing(seq: Seq) -> Self {
        Self { seq, sessions: 0, grants: 0, queued: Vec::new(), appended: None }
    }

    /// For a rule that was appended and ended nothing else.
    pub(crate) fn of(entry: Entry) -> Self {
        let nothing = Self::nothing(entry.seq);
        Self { appended: Some(entry), ..nothing }
    }
}

impl Store {
    /// Ends something. Ending what has ended already is a success that changes nothing.
    pub async fn revoke(&self, target: &Target, reason: Reason, now: Timestamp) -> Result<Receipt> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    match target {
                        Target::Token { jti, expires_at } => {
                            let rule = Revocation::Token(*jti);
                            append_once(tx, rule, reason, now, *expires_at + MAX_LEEWAY).await
                        }
                        Target::All { before } => {
                            let expires_at = *before + longest(tx);
                            append_once(tx, Revocation::AllBefore(*before), reason, now, expires_at)
                                .await
                        }
                        Target::Grant(id) => end(tx, &Covered::Grant(*id), reason, now).await,
                        Target::Session(id) => end(tx, &Covered::Session(*id), reason, now).await,
                        Target::User(id) => end(tx, &Covered::User(id.clone()), reason, now).await,
                        Target::Client(id) => {
                            end(tx, &Covered::Client(id.clone()), reason, now).await
                        }
                    }
                })
            })
            .await
    }
}

/// How long a rule must live that covers tokens whose expiry nobody has noted: the ceiling,
/// the second that expiries are rounded up by, and clocks that disagree, both where the token
/// was made and where it is checked.
pub(crate) fn longest(tx: &Tx<'_>) -> Duration {
    tx.access_token_ceiling + Duration::from_secs(1) + MAX_LEEWAY + MAX_LEEWAY
}

/// Appends a rule. Every other lock that the transaction needs must be held already: whoever
/// holds the head keeps everyone else from appending until the commit, which is what makes the
/// positions appear in order and without holes.
pub(crate) async fn append(
    tx: &mut Tx<'_>,
    revocation: Revocation,
    reason: Reason,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<Entry> {
    let sql = "UPDATE revocation_head SET seq = seq + 1 WHERE id = 1 RETURNING seq";
    let row = sqlx::query(sql).fetch_one(tx.db()).await?;
    let seq = Cells::of(&row, "revocation_head").seq()?;
    let entry = Entry { seq, revocation, reason, appended_at: now, expires_at };
    let sql = "INSERT INTO revocations \
        (seq, kind, value, before_ms, reason, appended_at_ms, expires_at_ms) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let insert = sqlx::query(sql)
        .bind(as_column(seq.0))
        .bind(entry.revocation.kind())
        .bind(entry.revocation.value())
        .bind(entry.revocation.before().map(Timestamp::as_millis))
        .bind(reason.as_str())
        .bind(now.as_millis())
        .bind(expires_at.as_millis());
    tx.execute(insert).await?;
    tx.appended = Some(seq);
    Ok(entry)
}

/// Appends a rule that ends no rows, unless one that says as much is in the log.
async fn append_once(
    tx: &mut Tx<'_>,
    revocation: Revocation,
    reason: Reason,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<Receipt> {
    lock_head(tx).await?;
    let sql = "SELECT seq FROM revocations WHERE kind = $1 \
        AND (value = $2 OR value IS NULL) AND (before_ms >= $3 OR before_ms IS NULL) LIMIT 1";
    let found = sqlx::query(sql)
        .bind(revocation.kind())
        .bind(revocation.value())
        .bind(revocation.before().map(Timestamp::as_millis))
        .fetch_optional(tx.db())
        .await?;
    if found.is_some() {
        return nothing_left(tx).await;
    }
    let entry = append(tx, revocation, reason, now, expires_at).await?;
    Ok(Receipt::of(entry))
}

/// Makes this transaction the only one that appends, before it has decided whether to.
pub(crate) async fn lock_head(tx: &mut Tx<'_>) -> Result<()> {
    tx.lock(sqlx::query("SELECT seq FROM revocation_head WHERE id = 1 FOR UPDATE")).await
}

/// The receipt for ending what has ended already.
pub(crate) async fn nothing_left(tx: &mut Tx<'_>) -> Result<Receipt> {
    let sql = "SELECT seq FROM revocation_head WHERE id = 1";
    let row = sqlx::query(sql).fetch_one(tx.db()).await?;
    let seq = Cells::of(&row, "revocation_head").seq()?;
    Ok(Receipt::nothing(seq))
}
