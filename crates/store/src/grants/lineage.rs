//! A grant with everything that judging and renewing it needs.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use menshen_domain::client::Renewal;
use menshen_domain::mac_key::MacKeyId;
use menshen_domain::refresh_token::Verdict;
use menshen_domain::{Client, Grant, SecretHash, Session, User};
use menshen_token::{GrantId, Timestamp};
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use super::columns;
use crate::database::row::{Cells, as_column};
use crate::database::{Statement, Tx};
use crate::{Issued, Result, clients, sessions, users};

/// A grant, its session, its user and its client.
#[derive(Clone, Debug)]
pub(crate) struct Lineage {
    pub(crate) grant: Grant,
    pub(crate) session: Session,
    pub(crate) user: User,
    pub(crate) client: Arc<Client>,
}

impl Lineage {
    /// The next generation takes the place of the current one.
    pub(super) fn rotate(
        &mut self,
        mac_key_id: MacKeyId,
        retry_key_hash: Option<SecretHash>,
        now: Timestamp,
    ) {
        self.grant.generation = self.grant.generation.next();
        self.grant.mac_key_id = mac_key_id;
        self.grant.retry_key_hash = retry_key_hash;
        self.touch(now);
    }

    /// It is used, and so lives on.
    pub(super) fn touch(&mut self, now: Timestamp) {
        let grant = &mut self.grant;
        grant.rotated_at = now;
        grant.idle_expires_at = idle_expiry(&self.client, now).min(grant.absolute_expires_at);
        self.session.last_seen_at = self.session.last_seen_at.max(now);
    }

    /// Notes that one more access token is made, so that what ends the grant covers it.
    pub(crate) fn issue(&mut self, verdict: Verdict, ceiling: Duration, now: Timestamp) -> Issued {
        let grant = &mut self.grant;
        // A token must not be born under a cut-off that another node's clock has set.
        grant.issued_at = now.max(grant.issued_at).max(self.user.tokens_not_before);
        let lifetime = self.client.policy.access_token_lifetime(ceiling);
        let expires_at = next_second(grant.issued_at + lifetime)
            .min(grant.absolute_expires_at)
            .min(grant.idle_expires_at);
        grant.access_expires_at = grant.access_expires_at.max(expires_at);
        Issued {
            grant: grant.clone(),
            session: self.session.clone(),
            user: self.user.clone(),
            client: Client::clone(&self.client),
            verdict,
            access_expires_at: Timestamp::from_seconds(expires_at.as_seconds()),
        }
    }
}

/// When a grant dies of disuse that was last used at `now`. One that cannot be renewed dies
/// with its access token.
pub(crate) fn idle_expiry(client: &Client, now: Timestamp) -> Timestamp {
    let policy = &client.policy;
    match policy.renewal {
        Renewal::RefreshToken | Renewal::AccessToken => now + policy.idle_lifetime(),
        Renewal::None => next_second(now + policy.access_token_lifetime(Duration::MAX)),
    }
}

/// Expiries are whole seconds in a token; rounding down would give less than was promised.
fn next_second(at: Timestamp) -> Timestamp {
    Timestamp::from_seconds((at + Duration::from_millis(999)).as_seconds())
}

/// How many rows a statement takes, so that a handful of prepared statements serve every size.
const SIZES: [usize; 5] = [1, 4, 16, 64, 256];

/// The smallest of the texts, one for each of [`SIZES`], that takes so many rows; and how many
/// it takes.
fn sized(texts: &[Arc<str>; 5], count: usize) -> (usize, AssertSqlSafe<Arc<str>>) {
    let index = SIZES.iter().position(|size| *size >= count).unwrap_or(SIZES.len() - 1);
    (SIZES[index], AssertSqlSafe(texts[index].clone()))
}

fn texts(before: &str, after: &str, row: impl Fn(&mut String, usize)) -> [Arc<str>; 5] {
    SIZES.map(|size| {
        let mut sql = before.to_owned();
        for index in 0..size {
            sql.push_str(if index == 0 { "" } else { ", " });
            row(&mut sql, index);
        }
        sql.push_str(after);
        sql.into()
    })
}

fn one_parameter(sql: &mut String, index: usize) {
    write!(sql, "${}", index + 1).expect("writing to a string never fails");
}

static LOCK: LazyLock<[Arc<str>; 5]> = LazyLock::new(|| {
    texts("SELECT id FROM grants WHERE id IN (", ") ORDER BY id FOR UPDATE", one_parameter)
});

static LOAD: LazyLock<[Arc<str>; 5]> = LazyLock::new(|| {
    let select = concat!(
        "SELECT ",
        columns!(),
        ", ",
        sessions::columns!(),
        ", ",
        users::columns!(),
        ", ",
        clients::columns!(),
        " FROM grants JOIN sessions ON sessions.id = grants.session_id \
          JOIN users ON users.id = grants.user_id \
          JOIN clients ON clients.id = grants.client_id WHERE grants.id IN ("
    );
    texts(select, ")", one_parameter)
});

static UPDATE: LazyLock<[Arc<str>; 5]> = LazyLock::new(|| {
    let update = "WITH changed (id, generation, rotated_at_ms, retry_key_hash, mac_key_id, \
        idle_expires_at_ms, issued_at_ms, access_expires_at_ms) AS (VALUES ";
    let set = ") UPDATE grants SET generation = changed.generation, \
        rotated_at_ms = changed.rotated_at_ms, retry_key_hash = changed.retry_key_hash, \
        mac_key_id = changed.mac_key_id, idle_expires_at_ms = changed.idle_expires_at_ms, \
        issued_at_ms = changed.issued_at_ms, \
        access_expires_at_ms = changed.access_expires_at_ms \
        FROM changed WHERE grants.id = changed.id";
    let types = ["TEXT", "BIGINT", "BIGINT", "TEXT", "TEXT", "BIGINT", "BIGINT", "BIGINT"];
    texts(update, set, |sql, index| {
        for (column, kind) in types.iter().enumerate() {
            let separator = if column == 0 { "(" } else { ", " };
            let number = index * types.len() + column + 1;
            write!(sql, "{separator}CAST(${number} AS {kind})")
                .expect("writing to a string never fails");
        }
        sql.push(')');
    })
});

fn by_ids(texts: &[Arc<str>; 5], ids: &[GrantId]) -> Statement {
    let (size, sql) = sized(texts, ids.len());
    padded(ids, size).fold(sqlx::query(sql), |query, id| query.bind(id.to_string()))
}

/// The items, the last one repeated up to the size.
fn padded<T>(items: &[T], size: usize) -> impl Iterator<Item = &T> {
    let last = items.last().into_iter().flat_map(std::iter::repeat);
    items.iter().chain(last).take(size)
}

/// Locks grants, at most as many as a batch holds, in the order that everyone follows.
pub(super) async fn lock(tx: &mut Tx<'_>, ids: &[GrantId]) -> Result<()> {
    if ids.is_empty() { Ok(()) } else { tx.lock(by_ids(&LOCK, ids)).await }
}

/// Reads grants, at most as many as a batch holds. One that is corrupt spoils no other.
pub(super) async fn load(
    tx: &mut Tx<'_>,
    ids: &[GrantId],
) -> Result<HashMap<GrantId, Result<Lineage>>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = by_ids(&LOAD, ids).fetch_all(tx.db()).await?;
    // Most grants of a batch belong to few clients, whose policies need not be parsed again.
    let mut known = HashMap::new();
    rows.iter()
        .map(|row| {
            let id = Cells::of(row, "grants").parse()?;
            Ok((id, read(row, &mut known)))
        })
        .collect()
}

fn read(row: &AnyRow, known: &mut HashMap<String, Arc<Client>>) -> Result<Lineage> {
    let mut cells = Cells::of(row, "grants");
    let grant = super::read(&mut cells)?;
    cells.table("sessions");
    let mut session = sessions::read(&mut cells)?;
    session.last_seen_at = session.last_seen_at.max(grant.rotated_at);
    cells.table("users");
    let user = users::read(&mut cells)?;
    cells.table("clients");
    let client = if let Some(client) = known.get(grant.client_id.as_str()) {
        client.clone()
    } else {
        let client = Arc::new(clients::read(&mut cells)?);
        known.insert(grant.client_id.to_string(), client.clone());
        client
    };
    Ok(Lineage { grant, session, user, client })
}

/// Writes what rotating or issuing changes, of at most as many grants as a batch holds.
pub(super) async fn update(tx: &mut Tx<'_>, grants: &[&Grant]) -> Result<()> {
    if grants.is_empty() {
        return Ok(());
    }
    let (size, sql) = sized(&UPDATE, grants.len());
    let update = padded(grants, size).fold(sqlx::query(sql), |query, grant| {
        query
            .bind(grant.id.to_string())
            .bind(as_column(grant.generation.0))
            .bind(grant.rotated_at.as_millis())
            .bind(grant.retry_key_hash.as_ref().map(SecretHash::as_str))
            .bind(grant.mac_key_id.as_str())
            .bind(grant.idle_expires_at.as_millis())
            .bind(grant.issued_at.as_millis())
            .bind(grant.access_expires_at.as_millis())
    });
    tx.execute(update).await.map(|_| ())
}
