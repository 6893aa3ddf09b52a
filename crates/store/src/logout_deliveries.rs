//! Logouts on their way to clients: an outbox. What ends a session queues them in the same
//! transaction; workers of every node take them from here, each at most one at a time.

use std::time::Duration;

use menshen_domain::LogoutDelivery;
use menshen_domain::logout_delivery::DeliveryState;
use menshen_token::{ClientId, Reason, SessionId, Timestamp};
use sqlx::any::AnyRow;

use crate::database::Tx;
use crate::database::row::{Cells, as_column};
use crate::revocations::Covered;
use crate::{Page, Result, Store};

/// What [`read`] reads.
macro_rules! columns {
    () => {
        "id, session_id, client_id, subject, state, attempts, created_at_ms, due_at_ms, \
         finished_at_ms, last_problem"
    };
}

/// A client that has logouts to be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Who.
    pub client_id: ClientId,
    /// When the first of them is due.
    pub due_at: Timestamp,
}

/// Queues a message to each client that must hear of what is about to end, before it does; to
/// whom. Time alone tells nobody, and nobody is told what they did themselves.
pub(crate) async fn queue(
    tx: &mut Tx<'_>,
    covered: &Covered,
    reason: Reason,
    now: Timestamp,
) -> Result<Vec<ClientId>> {
    if matches!(reason, Reason::IdleTimeout | Reason::AbsoluteTimeout) {
        return Ok(Vec::new());
    }
    let sql = format!(
        "INSERT INTO logout_deliveries (id, session_id, client_id, subject, state, attempts, \
         created_at_ms, due_at_ms) SELECT {event} || '.' || session_clients.client_id, \
         session_id, session_clients.client_id, subject, 'queued', 0, CAST($2 AS BIGINT), \
         CAST($2 AS BIGINT) FROM session_clients \
         JOIN clients ON clients.id = session_clients.client_id \
         WHERE clients.backchannel_logout_uri IS NOT NULL AND clients.disabled_at_ms IS NULL \
         AND ({told}) ON CONFLICT (id) DO NOTHING RETURNING client_id",
        event = event(covered),
        told = told(covered, reason),
    );
    let insert = covered.statement(&sql, covered.sessions()).bind(now.as_millis());
    let rows = insert.fetch_all(tx.db()).await?;
    let clients = rows.iter().map(|row| Cells::of(row, "logout_deliveries").parse());
    let mut clients = clients.collect::<Result<Vec<ClientId>>>()?;
    clients.sort();
    clients.dedup();
    Ok(clients)
}

/// What ends only once, and so makes ids that nothing else has.
fn event(covered: &Covered) -> &'static str {
    match covered {
        Covered::Grant(_) | Covered::ExpiredGrant(_) => "CAST($1 AS TEXT)",
        _ => "session_id",
    }
}

/// Which clients are told: all of the sessions that end, for which `{}` stands, but the one that
/// ended what was its own; and the one whose grant somebody else has ended.
fn told(covered: &Covered, reason: Reason) -> String {
    let ending = "session_id IN (SELECT id FROM sessions WHERE {} AND ended_at_ms IS NULL)";
    let more = match covered {
        Covered::Session(_)
        | Covered::WholeSession(_)
        | Covered::SessionOf(_)
        | Covered::User(_) => "",
        Covered::Client(_) => " AND session_clients.client_id <> $1",
        Covered::Grant(_) | Covered::ExpiredGrant(_) if is_own(reason) => {
            " AND session_clients.client_id <> (SELECT client_id FROM grants WHERE id = $1)"
        }
        Covered::Grant(_) | Covered::ExpiredGrant(_) => {
            " OR EXISTS (SELECT 1 FROM grants JOIN sessions ON sessions.id = grants.session_id \
             WHERE grants.id = $1 AND grants.session_id = session_clients.session_id \
             AND grants.client_id = session_clients.client_id \
             AND grants.ended_at_ms IS NULL AND sessions.ended_at_ms IS NULL)"
        }
    };
    format!("{ending}{more}")
}

/// Whether this is how a client ends a grant of its own.
fn is_own(reason: Reason) -> bool {
    matches!(reason, Reason::Logout | Reason::TokenRevoked)
}

impl Store {
    /// Clients that have queued deliveries, in the order of their ids. Takes a step in the index
    /// for each of them, however many deliveries they have.
    pub async fn list_receivers(&self) -> Result<Vec<Receiver>> {
        let sql = "WITH RECURSIVE receivers (client_id) AS ( \
            SELECT min(client_id) FROM logout_deliveries WHERE state = 'queued' \
            UNION ALL SELECT (SELECT min(client_id) FROM logout_deliveries \
            WHERE state = 'queued' AND client_id > receivers.client_id) \
            FROM receivers WHERE receivers.client_id IS NOT NULL) \
            SELECT client_id, (SELECT min(due_at_ms) FROM logout_deliveries \
            WHERE state = 'queued' AND logout_deliveries.client_id = receivers.client_id) \
            FROM receivers WHERE client_id IS NOT NULL";
        let rows = sqlx::query(sql).fetch_all(self.database.reader()).await?;
        let receiver = |row: &AnyRow| {
            let mut cells = Cells::of(row, "logout_deliveries");
            Ok(Receiver { client_id: cells.parse()?, due_at: cells.instant()? })
        };
        rows.iter().map(receiver).collect()
    }

    /// Takes deliveries to a client that are due, the most overdue first. Until the lease is over
    /// they are nobody else's; then whoever took them counts as gone.
    pub async fn claim_deliveries(
        &self,
        client: &ClientId,
        limit: u32,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<LogoutDelivery>> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    // In one order; whoever waited here finds what is left.
                    let lock = "SELECT count(*) FROM (SELECT id FROM logout_deliveries \
                        WHERE state = 'queued' AND client_id = $1 AND due_at_ms <= $2 \
                        ORDER BY due_at_ms, id LIMIT $3 FOR UPDATE) AS locked";
                    let lock = sqlx::query(lock).bind(client.as_str()).bind(now.as_millis());
                    tx.lock(lock.bind(i64::from(limit))).await?;
                    let sql = concat!(
                        "UPDATE logout_deliveries SET due_at_ms = $4, attempts = attempts + 1 \
                         WHERE state = 'queued' AND due_at_ms <= $2 AND id IN \
                         (SELECT id FROM logout_deliveries WHERE state = 'queued' \
                         AND client_id = $1 AND due_at_ms <= $2 ORDER BY due_at_ms, id LIMIT $3) \
                         RETURNING ",
                        columns!()
                    );
                    let claim = sqlx::query(sql)
                        .bind(client.as_str())
                        .bind(now.as_millis())
                        .bind(i64::from(limit))
                        .bind((now + lease).as_millis());
                    let rows = claim.fetch_all(tx.db()).await?;
                    rows.iter().map(read).collect()
                })
            })
            .await
    }

    /// The client has confirmed it: nobody tries it any more.
    pub async fn finish_delivery(&self, delivery: &LogoutDelivery, now: Timestamp) -> Result<()> {
        let sql = "UPDATE logout_deliveries SET state = 'delivered', finished_at_ms = $2, \
            last_problem = NULL WHERE id = $1 AND state <> 'delivered'";
        let finish = || sqlx::query(sql).bind(delivery.id.clone()).bind(now.as_millis());
        self.database.change(finish).await.map(|_| ())
    }

    /// It did not work, and is tried again; unless the lease was over and somebody else has tried.
    pub async fn delay_delivery(
        &self,
        delivery: &LogoutDelivery,
        problem: &str,
        due_at: Timestamp,
    ) -> Result<()> {
        let sql = "UPDATE logout_deliveries SET due_at_ms = $3, last_problem = $4 \
            WHERE id = $1 AND attempts = $2 AND state = 'queued'";
        self.settle(sql, delivery, problem, due_at).await
    }

    /// It did not work, and is not tried again; unless somebody else has tried.
    pub async fn abandon_delivery(
        &self,
        delivery: &LogoutDelivery,
        problem: &str,
        now: Timestamp,
    ) -> Result<()> {
        let sql = "UPDATE logout_deliveries SET state = 'abandoned', finished_at_ms = $3, \
            last_problem = $4 WHERE id = $1 AND attempts = $2 AND state = 'queued'";
        self.settle(sql, delivery, problem, now).await
    }

    async fn settle(
        &self,
        sql: &'static str,
        delivery: &LogoutDelivery,
        problem: &str,
        at: Timestamp,
    ) -> Result<()> {
        let attempts = as_column(delivery.attempts);
        let settle = || {
            let query = sqlx::query(sql).bind(delivery.id.clone()).bind(attempts);
            query.bind(at.as_millis()).bind(problem.to_owned())
        };
        self.database.change(settle).await.map(|_| ())
    }

    /// How many deliveries are queued.
    pub async fn count_queued_deliveries(&self) -> Result<u64> {
        let sql = "SELECT count(*) FROM logout_deliveries WHERE state = 'queued'";
        let row = sqlx::query(sql).fetch_one(self.database.reader()).await?;
        Cells::of(&row, "logout_deliveries").count()
    }

    /// Deliveries, of one state or of any, the newest first. Those that are finished are known for
    /// 30 days.
    pub async fn list_deliveries(
        &self,
        state: Option<DeliveryState>,
        page: &Page,
    ) -> Result<Vec<LogoutDelivery>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM logout_deliveries WHERE ($1 = '' OR state = $1) \
              AND ($2 = '' OR (created_at_ms, id) < \
                  (SELECT created_at_ms, id FROM logout_deliveries WHERE id = $2)) \
              ORDER BY created_at_ms DESC, id DESC LIMIT $3"
        );
        let rows = sqlx::query(sql)
            .bind(state.map_or("", DeliveryState::as_str))
            .bind(page.after_text())
            .bind(i64::from(page.limit))
            .fetch_all(self.database.reader())
            .await?;
        rows.iter().map(read).collect()
    }

    /// Who was told, or will be, that this session has ended.
    pub async fn list_deliveries_of(&self, session: SessionId) -> Result<Vec<LogoutDelivery>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM logout_deliveries WHERE session_id = $1 ORDER BY created_at_ms, id"
        );
        let query = sqlx::query(sql).bind(session.to_string());
        query.fetch_all(self.database.reader()).await?.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<LogoutDelivery> {
    let mut cells = Cells::of(row, "logout_deliveries");
    Ok(LogoutDelivery {
        id: cells.text()?,
        session_id: cells.parse()?,
        client_id: cells.parse()?,
        subject: cells.parse()?,
        state: cells.parse()?,
        attempts: cells.count()?,
        created_at: cells.instant()?,
        due_at: cells.instant()?,
        finished_at: cells.optional_instant()?,
        last_problem: cells.optional_text()?,
    })
}
