//! Ending sessions and grants: the only statements that do, each with its rule.

use menshen_token::{
    ClientId, Entry, GrantId, MAX_LEEWAY, Reason, Revocation, SessionId, Timestamp, UserId,
};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::{Receipt, append, longest, nothing_left};
use crate::access_tokens::sessionless;
use crate::codes::issuing;
use crate::database::row::Cells;
use crate::database::{Statement, Tx};
use crate::{Result, device_authorizations, logout_deliveries};

/// What is ended together.
#[derive(Clone, Debug)]
pub(crate) enum Covered {
    /// A grant, and its session when the same client opened it and nothing else lives in it.
    Grant(GrantId),
    /// A session, and its grants except those that outlive it.
    Session(SessionId),
    /// A session and all its grants.
    WholeSession(SessionId),
    /// The session of a grant, and all its grants.
    SessionOf(GrantId),
    /// All that a user has.
    User(UserId),
    /// All that a client has, and the sessions it opened in which nothing else lives.
    Client(ClientId),
    /// A grant whose time is over, and its session when nothing else lives in it, whichever app
    /// opened it. A session that a browser holds has a lifetime of its own.
    ExpiredGrant(GrantId),
}

/// Ends what is covered and appends the rules that kill its tokens.
pub(crate) async fn end(
    tx: &mut Tx<'_>,
    covered: &Covered,
    reason: Reason,
    now: Timestamp,
) -> Result<Receipt> {
    lock_owner(tx, covered).await?;
    end_sign_ins(tx, covered).await?;
    lock(tx, covered).await?;
    let latest = latest(tx, covered).await?;
    let unnamed = unnamed_grants(tx, covered).await?;
    let aliases = aliases(tx, covered).await?;
    let queued = logout_deliveries::queue(tx, covered, reason, now).await?;
    let (sessions, grants) = close(tx, covered, reason, now).await?;
    // A client has tokens that belong to no grant: those it got for itself.
    let live = sessions + grants > 0 || latest.lives(now);
    if !live && !matches!(covered, Covered::Client(_)) {
        return nothing_left(tx).await;
    }
    for (grant_id, access_expires_at) in unnamed {
        let expires_at = access_expires_at.max(now) + MAX_LEEWAY;
        append(tx, Revocation::Grant(grant_id), reason, now, expires_at).await?;
    }
    for alias in aliases {
        let rule = Revocation::UserBefore(alias, latest.cut_off(now));
        append(tx, rule, reason, now, latest.rule_expires_at(now)).await?;
    }
    let entry = append_rule(tx, covered, &latest, reason, now).await?;
    Ok(Receipt { sessions, grants, queued, ..Receipt::of(entry) })
}

/// Ends what is on its way to becoming a session, also when nothing else is left to end.
async fn end_sign_ins(tx: &mut Tx<'_>, covered: &Covered) -> Result<()> {
    match covered {
        Covered::User(id) => {
            let sql = "UPDATE users SET sign_in_epoch = sign_in_epoch + 1 WHERE id = $1";
            tx.execute(sqlx::query(sql).bind(id.as_str())).await.map(|_| ())
        }
        Covered::Client(id) => {
            issuing::take_back(tx, id, None).await?;
            device_authorizations::take_back(tx, id, None).await
        }
        _ => Ok(()),
    }
}

/// The pairwise subjects by which tokens of a user's live grants call them.
async fn aliases(tx: &mut Tx<'_>, covered: &Covered) -> Result<Vec<UserId>> {
    match covered {
        Covered::User(id) => aliases_of_user(tx, id).await,
        _ => Ok(Vec::new()),
    }
}

/// The same for a user who is locked.
pub(crate) async fn aliases_of_user(tx: &mut Tx<'_>, id: &UserId) -> Result<Vec<UserId>> {
    let sql = "SELECT DISTINCT subject FROM grants \
        WHERE user_id = $1 AND subject <> $1 AND ended_at_ms IS NULL ORDER BY subject";
    let rows = sqlx::query(sql).bind(id.as_str()).fetch_all(tx.db()).await?;
    rows.iter().map(|row| Cells::of(row, "grants").parse()).collect()
}

/// Ends a session or grant whose time is over. No rule is needed, because none of its tokens
/// can be alive; should one be, it gets one.
pub(crate) async fn end_expired(
    tx: &mut Tx<'_>,
    covered: &Covered,
    reason: Reason,
    now: Timestamp,
) -> Result<Receipt> {
    lock(tx, covered).await?;
    if latest(tx, covered).await?.access_expires_at > now {
        return end(tx, covered, reason, now).await;
    }
    let (sessions, grants) = close(tx, covered, reason, now).await?;
    Ok(Receipt { sessions, grants, ..nothing_left(tx).await? })
}

/// The latest instants over what is about to end.
pub(crate) struct Latest {
    /// Of the live grants, and of what a user got without one, the latest issue time of an access
    /// token.
    pub(crate) issued_at: Timestamp,
    /// And the latest expiry.
    pub(crate) access_expires_at: Timestamp,
    /// How many grants live.
    pub(crate) grants: u64,
}

impl Latest {
    /// Whether there is a token that a rule has to reach.
    pub(crate) fn lives(&self, now: Timestamp) -> bool {
        self.grants > 0 || self.access_expires_at + MAX_LEEWAY > now
    }
}

impl Latest {
    /// An instant after everything that has been issued, and not in the past.
    pub(crate) fn cut_off(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.max(self.issued_at).as_millis().saturating_add(1))
    }

    /// When a rule over these grants can be forgotten.
    pub(crate) fn rule_expires_at(&self, now: Timestamp) -> Timestamp {
        self.access_expires_at.max(now) + MAX_LEEWAY
    }
}

/// The latest instants over a user's live grants, locked.
pub(crate) async fn latest_of_user(tx: &mut Tx<'_>, id: &UserId) -> Result<Latest> {
    let covered = Covered::User(id.clone());
    lock(tx, &covered).await?;
    latest(tx, &covered).await
}

/// Lets no token of a user be made any more that is issued before an instant. Never moves back:
/// an earlier rule may have been made by a clock that is ahead.
pub(crate) async fn raise_cut_off(tx: &mut Tx<'_>, id: &UserId, before: Timestamp) -> Result<()> {
    let sql = "UPDATE users SET tokens_not_before_ms = $2 \
        WHERE id = $1 AND tokens_not_before_ms < $2";
    let raise = sqlx::query(sql).bind(id.as_str()).bind(before.as_millis());
    tx.execute(raise).await.map(|_| ())
}

async fn append_rule(
    tx: &mut Tx<'_>,
    covered: &Covered,
    latest: &Latest,
    reason: Reason,
    now: Timestamp,
) -> Result<Entry> {
    let cut_off = latest.cut_off(now);
    let mut expires_at = latest.rule_expires_at(now);
    let rule = match covered {
        Covered::Grant(id) | Covered::ExpiredGrant(id) => Revocation::Grant(*id),
        Covered::Session(id) | Covered::WholeSession(id) => Revocation::Session(*id),
        Covered::SessionOf(id) => match session_of(tx, *id).await? {
            Some(id) => Revocation::Session(id),
            None => Revocation::Grant(*id),
        },
        Covered::User(id) => {
            raise_cut_off(tx, id, cut_off).await?;
            sessionless::forget(tx, id).await?;
            Revocation::UserBefore(id.clone(), cut_off)
        }
        Covered::Client(id) => {
            expires_at = cut_off + longest(tx);
            Revocation::ClientBefore(id.clone(), cut_off)
        }
    };
    append(tx, rule, reason, now, expires_at).await
}

async fn session_of(tx: &mut Tx<'_>, id: GrantId) -> Result<Option<SessionId>> {
    let sql = "SELECT session_id FROM grants WHERE id = $1";
    let row = sqlx::query(sql).bind(id.to_string()).fetch_optional(tx.db()).await?;
    row.map(|row| Cells::of(&row, "grants").parse()).transpose()
}

/// Locks whoever has all that is covered, if that is somebody.
async fn lock_owner(tx: &mut Tx<'_>, covered: &Covered) -> Result<()> {
    let sql = match covered {
        Covered::User(_) => "SELECT id FROM users WHERE id = $1 FOR UPDATE",
        Covered::Client(_) => "SELECT id FROM clients WHERE id = $1 FOR UPDATE",
        _ => return Ok(()),
    };
    tx.lock(sqlx::query(sql).bind(covered.id())).await
}

/// Locks everything that may be covered, in the order that everyone follows.
pub(crate) async fn lock(tx: &mut Tx<'_>, covered: &Covered) -> Result<()> {
    lock_owner(tx, covered).await?;
    // Counting, because of many rows only the locks are wanted.
    let sql = "SELECT count(*) FROM (SELECT id FROM sessions WHERE {} \
        AND ended_at_ms IS NULL ORDER BY id FOR UPDATE) AS locked";
    tx.lock(covered.statement(sql, covered.sessions_to_lock())).await?;
    let sql = "SELECT count(*) FROM (SELECT id FROM grants WHERE {} \
        AND ended_at_ms IS NULL ORDER BY id FOR UPDATE) AS locked";
    tx.lock(covered.statement(sql, covered.grants())).await
}

/// Locks the sessions of a user that a client has signed in to, and all grants in them, for whoever
/// ends several one by one: having ended the first, they hold the head of the log and may wait for
/// nobody.
pub(crate) async fn lock_sessions_with(
    tx: &mut Tx<'_>,
    user: &UserId,
    client: &ClientId,
) -> Result<()> {
    let sessions = "SELECT count(*) FROM (SELECT id FROM sessions WHERE user_id = $1 \
        AND EXISTS (SELECT 1 FROM session_clients \
        WHERE session_clients.session_id = sessions.id AND session_clients.client_id = $2) \
        AND ended_at_ms IS NULL ORDER BY id FOR UPDATE) AS locked";
    let grants = "SELECT count(*) FROM (SELECT id FROM grants WHERE user_id = $1 \
        AND EXISTS (SELECT 1 FROM session_clients \
        WHERE session_clients.session_id = grants.session_id AND session_clients.client_id = $2) \
        AND ended_at_ms IS NULL ORDER BY id FOR UPDATE) AS locked";
    for sql in [sessions, grants] {
        tx.lock(sqlx::query(sql).bind(user.to_string()).bind(client.to_string())).await?;
    }
    Ok(())
}

async fn latest(tx: &mut Tx<'_>, covered: &Covered) -> Result<Latest> {
    let sql = "SELECT max(issued_at_ms), max(access_expires_at_ms), count(*) FROM grants \
        WHERE {} AND ended_at_ms IS NULL";
    let row = covered.statement(sql, covered.grants()).fetch_one(tx.db()).await?;
    let mut cells = Cells::of(&row, "grants");
    let long_ago = Timestamp::from_millis(i64::MIN);
    let mut latest = Latest {
        issued_at: cells.optional_instant()?.unwrap_or(long_ago),
        access_expires_at: cells.optional_instant()?.unwrap_or(long_ago),
        grants: cells.count()?,
    };
    if let Covered::User(id) = covered
        && let Some((issued_at, expires_at)) = sessionless::latest(tx, id).await?
    {
        latest.issued_at = latest.issued_at.max(issued_at);
        latest.access_expires_at = latest.access_expires_at.max(expires_at);
    }
    Ok(latest)
}

/// The live grants of which there are tokens that the rule does not name, and when those expire:
/// tokens for offline use name no session, and tokens in exchange for those of a client another
/// client.
async fn unnamed_grants(tx: &mut Tx<'_>, covered: &Covered) -> Result<Vec<(GrantId, Timestamp)>> {
    let sql = match covered {
        Covered::WholeSession(_) | Covered::SessionOf(_) => {
            "SELECT id, access_expires_at_ms FROM grants WHERE {} \
             AND outlives_session_since_ms IS NOT NULL AND ended_at_ms IS NULL ORDER BY id"
        }
        Covered::Client(_) => {
            "SELECT id, access_expires_at_ms FROM grants WHERE {} AND ended_at_ms IS NULL \
             AND id IN (SELECT grant_id FROM exchanged_grants) ORDER BY id"
        }
        _ => return Ok(Vec::new()),
    };
    let rows = covered.statement(sql, covered.grants()).fetch_all(tx.db()).await?;
    rows.iter()
        .map(|row| {
            let mut cells = Cells::of(row, "grants");
            Ok((cells.parse()?, cells.instant()?))
        })
        .collect()
}

/// How many sessions and grants were live and have now ended.
async fn close(
    tx: &mut Tx<'_>,
    covered: &Covered,
    reason: Reason,
    now: Timestamp,
) -> Result<(u64, u64)> {
    let sessions = "UPDATE sessions SET ended_at_ms = $2, ended_reason = $3 \
        WHERE {} AND ended_at_ms IS NULL";
    let grants = "UPDATE grants SET ended_at_ms = $2, ended_reason = $3 \
        WHERE {} AND ended_at_ms IS NULL";
    let sessions = covered.statement(sessions, covered.sessions());
    let sessions = sessions.bind(now.as_millis()).bind(reason.as_str());
    let grants = covered.statement(grants, covered.grants());
    let grants = grants.bind(now.as_millis()).bind(reason.as_str());
    Ok((tx.execute(sessions).await?, tx.execute(grants).await?))
}

impl Covered {
    /// The sessions that end.
    pub(crate) fn sessions(&self) -> &'static str {
        match self {
            Self::Session(_) | Self::WholeSession(_) => "id = $1",
            Self::SessionOf(_) => "id = (SELECT session_id FROM grants WHERE id = $1)",
            Self::User(_) => "user_id = $1",
            Self::Client(_) => {
                "client_id = $1 AND NOT EXISTS (SELECT 1 FROM grants \
                 WHERE grants.session_id = sessions.id AND grants.client_id <> $1 \
                 AND grants.ended_at_ms IS NULL AND grants.outlives_session_since_ms IS NULL)"
            }
            Self::Grant(_) => {
                "(id, client_id) = (SELECT session_id, client_id FROM grants WHERE id = $1) \
                 AND NOT EXISTS (SELECT 1 FROM grants \
                 WHERE grants.session_id = sessions.id AND grants.id <> $1 \
                 AND grants.ended_at_ms IS NULL AND grants.outlives_session_since_ms IS NULL)"
            }
            Self::ExpiredGrant(_) => {
                "id = (SELECT session_id FROM grants WHERE id = $1) AND cookie_hash IS NULL \
                 AND NOT EXISTS (SELECT 1 FROM grants \
                 WHERE grants.session_id = sessions.id AND grants.id <> $1 \
                 AND grants.ended_at_ms IS NULL AND grants.outlives_session_since_ms IS NULL)"
            }
        }
    }

    /// The sessions that may end, told without looking at what else lives in them.
    fn sessions_to_lock(&self) -> &'static str {
        match self {
            Self::Session(_) | Self::WholeSession(_) => "id = $1",
            Self::User(_) => "user_id = $1",
            Self::Client(_) => "client_id = $1",
            Self::Grant(_) | Self::ExpiredGrant(_) | Self::SessionOf(_) => {
                "id = (SELECT session_id FROM grants WHERE id = $1)"
            }
        }
    }

    /// The grants that end.
    fn grants(&self) -> &'static str {
        match self {
            Self::Session(_) => "session_id = $1 AND outlives_session_since_ms IS NULL",
            Self::WholeSession(_) => "session_id = $1",
            Self::SessionOf(_) => "session_id = (SELECT session_id FROM grants WHERE id = $1)",
            Self::User(_) => "user_id = $1",
            Self::Client(_) => "client_id = $1",
            Self::Grant(_) | Self::ExpiredGrant(_) => "id = $1",
        }
    }

    fn id(&self) -> String {
        match self {
            Self::Grant(id) | Self::ExpiredGrant(id) | Self::SessionOf(id) => id.to_string(),
            Self::Session(id) | Self::WholeSession(id) => id.to_string(),
            Self::User(id) => id.to_string(),
            Self::Client(id) => id.to_string(),
        }
    }

    /// A statement with a condition of ours in place of `{}` and the id as its `$1`.
    pub(crate) fn statement(&self, sql: &str, condition: &'static str) -> Statement {
        sqlx::query(AssertSqlSafe(sql.replace("{}", condition)).into_sql_str()).bind(self.id())
    }
}
