//! Sessions: reading them. They are opened by redeeming a code or by signing in in a browser, and
//! ended by the revocation log.

use std::time::Duration;

use menshen_domain::Session;
use menshen_domain::session::{Authentication, Device, Ended};
use menshen_token::{ClientId, SessionId, UserId};

use crate::database::Tx;
use crate::database::row::Cells;
use crate::{Page, Result, Store};

pub(crate) mod browser;
mod changes;
mod expiry;

pub use changes::SessionChange;
pub use expiry::Swept;

/// What [`read`] reads.
macro_rules! columns {
    () => {
        "sessions.id, sessions.user_id, sessions.client_id, sessions.device_name, \
         sessions.device_platform, sessions.device_address, sessions.auth_time_ms, sessions.amr, \
         sessions.acr, sessions.created_at_ms, sessions.last_seen_at_ms, \
         sessions.idle_lifetime_ms, sessions.absolute_expires_at_ms, sessions.ended_at_ms, \
         sessions.ended_reason"
    };
}
pub(crate) use columns;

pub(crate) fn read(cells: &mut Cells<'_>) -> Result<Session> {
    Ok(Session {
        id: cells.parse()?,
        user_id: cells.parse()?,
        client_id: cells.optional()?,
        device: Device {
            name: cells.optional_text()?,
            platform: cells.optional_text()?,
            address: cells.optional_text()?,
        },
        authentication: read_authentication(cells)?,
        created_at: cells.instant()?,
        last_seen_at: cells.instant()?,
        idle_lifetime: cells.optional_count()?.map(Duration::from_millis),
        absolute_expires_at: cells.instant()?,
        ended: read_ended(cells)?,
    })
}

pub(crate) fn read_authentication(cells: &mut Cells<'_>) -> Result<Authentication> {
    let (time, amr, acr) = (cells.instant()?, cells.json()?, cells.optional_text()?);
    Ok(Authentication { time, amr, acr })
}

/// Two columns that are there together or not at all.
pub(crate) fn read_ended(cells: &mut Cells<'_>) -> Result<Option<Ended>> {
    match (cells.optional_instant()?, cells.optional()?) {
        (Some(at), Some(reason)) => Ok(Some(Ended { at, reason })),
        (None, None) => Ok(None),
        _ => Err(cells.corrupt()),
    }
}

/// The session's last use: that of its grant used last. What an app does by itself while the user
/// is away keeps no browser signed in.
macro_rules! last_use {
    () => {
        "(SELECT max(grants.rotated_at_ms) FROM grants WHERE grants.session_id = sessions.id \
          AND (grants.outlives_session_since_ms IS NULL OR sessions.idle_lifetime_ms IS NULL))"
    };
}
pub(crate) use last_use;

impl Store {
    /// A user's live sessions, newest first.
    pub async fn list_sessions(&self, user: &UserId, page: &Page) -> Result<Vec<Session>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            ", ",
            last_use!(),
            " FROM sessions WHERE user_id = $1 AND ended_at_ms IS NULL \
              AND ($2 = '' OR (created_at_ms, id) < \
                  (SELECT created_at_ms, id FROM sessions WHERE id = $2)) \
              ORDER BY created_at_ms DESC, id DESC LIMIT $3"
        );
        let rows = sqlx::query(sql)
            .bind(user.as_str())
            .bind(page.after_text())
            .bind(i64::from(page.limit))
            .fetch_all(self.database.reader())
            .await?;
        rows.iter().map(|row| read_with_last_use(&mut Cells::of(row, "sessions"))).collect()
    }

    /// The session of this id, live or ended.
    pub async fn find_session(&self, id: SessionId) -> Result<Option<Session>> {
        let sql = concat!("SELECT ", columns!(), ", ", last_use!(), " FROM sessions WHERE id = $1");
        let row =
            sqlx::query(sql).bind(id.to_string()).fetch_optional(self.database.reader()).await?;
        row.map(|row| read_with_last_use(&mut Cells::of(&row, "sessions"))).transpose()
    }

    /// The clients that a session has signed in to, live or ended, in the order of their ids.
    pub async fn list_session_clients(&self, id: SessionId) -> Result<Vec<ClientId>> {
        let sql = "SELECT client_id FROM session_clients WHERE session_id = $1 ORDER BY client_id";
        let query = sqlx::query(sql).bind(id.to_string());
        let rows = query.fetch_all(self.database.reader()).await?;
        rows.iter().map(|row| Cells::of(row, "session_clients").parse()).collect()
    }
}

/// The session of this id, kept from everyone else until the commit; `None` when it is long gone.
pub(crate) async fn locked(tx: &mut Tx<'_>, id: SessionId) -> Result<Option<Session>> {
    let lock = "SELECT id FROM sessions WHERE id = $1 FOR UPDATE";
    tx.lock(sqlx::query(lock).bind(id.to_string())).await?;
    let sql = concat!("SELECT ", columns!(), ", ", last_use!(), " FROM sessions WHERE id = $1");
    let row = sqlx::query(sql).bind(id.to_string()).fetch_optional(tx.db()).await?;
    row.map(|row| read_with_last_use(&mut Cells::of(&row, "sessions"))).transpose()
}

pub(crate) fn read_with_last_use(cells: &mut Cells<'_>) -> Result<Session> {
    let mut session = read(cells)?;
    if let Some(last_use) = cells.optional_instant()? {
        session.last_seen_at = session.last_seen_at.max(last_use);
    }
    Ok(session)
}
