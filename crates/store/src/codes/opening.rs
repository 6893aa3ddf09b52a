//! Opening a session, and making room for it.

use std::sync::Arc;

use menshen_domain::client::SessionPolicy;
use menshen_domain::refresh_token::Generation;
use menshen_domain::{Client, Grant, SecretHash, Session, User};
use menshen_token::{Reason, SessionId, Thumbprint, Timestamp};

use super::{Found, Redemption, as_json};
use crate::database::Tx;
use crate::database::row::{Cells, as_column};
use crate::grants::{Lineage, idle_expiry};
use crate::revocations::{self, Covered};
use crate::{Receipt, Result, sessions};

/// Ends the user's sessions with this client that the client's policy leaves no room for
/// beside a new one. The user is locked, so that nobody else opens one meanwhile.
pub(super) async fn make_room(
    tx: &mut Tx<'_>,
    user: &User,
    client: &Client,
    now: Timestamp,
) -> Result<Vec<Receipt>> {
    let (room, reason) = match client.policy.sessions {
        SessionPolicy::Unlimited => return Ok(Vec::new()),
        SessionPolicy::SingleDevice => (0, Reason::SignedInElsewhere),
        SessionPolicy::Limit(most) => (most.saturating_sub(1), Reason::SessionLimit),
    };
    let ending = longest_unused(tx, user, client, room).await?;
    let ending: Vec<Covered> = ending.into_iter().map(Covered::Session).collect();
    // Whoever has ended the first one holds the head of the log, and may wait for nobody.
    lock_sessions(tx, user, client).await?;
    for covered in &ending {
        revocations::lock(tx, covered).await?;
    }
    let mut receipts = Vec::new();
    for covered in &ending {
        receipts.push(revocations::end(tx, covered, reason, now).await?);
    }
    Ok(receipts)
}

/// All of them in one order, as everyone does who ends several.
async fn lock_sessions(tx: &mut Tx<'_>, user: &User, client: &Client) -> Result<()> {
    let sql = "SELECT count(*) FROM (SELECT id FROM sessions \
        WHERE user_id = $1 AND client_id = $2 AND ended_at_ms IS NULL ORDER BY id FOR UPDATE) \
        AS locked";
    tx.lock(sqlx::query(sql).bind(user.id.as_str()).bind(client.id.as_str())).await
}

/// The live sessions but for the few used last.
async fn longest_unused(
    tx: &mut Tx<'_>,
    user: &User,
    client: &Client,
    keep: u32,
) -> Result<Vec<SessionId>> {
    let sql = concat!(
        "SELECT id FROM (SELECT id, COALESCE(",
        sessions::last_use!(),
        ", last_seen_at_ms) AS last_use_at_ms FROM sessions \
          WHERE user_id = $1 AND client_id = $2 AND ended_at_ms IS NULL) AS live \
          ORDER BY last_use_at_ms DESC, id"
    );
    let rows =
        sqlx::query(sql).bind(user.id.as_str()).bind(client.id.as_str()).fetch_all(tx.db()).await?;
    let beyond = rows.iter().skip(usize::try_from(keep).unwrap_or(usize::MAX));
    beyond.map(|row| Cells::of(row, "sessions").parse()).collect()
}

/// The session and grant that a code opens.
pub(super) fn lineage(found: Found, redemption: &Redemption, now: Timestamp) -> Lineage {
    let Found { code, user, client, .. } = found;
    let fresh = &redemption.fresh;
    // A public client's refresh tokens are bound to the key that it shows first (RFC 9449
    // section 5); a confidential one has its secret, and may change keys.
    let shown = redemption.proof.clone().filter(|_| !client.is_confidential());
    let absolute_expires_at = now + client.policy.absolute_lifetime();
    let session = Session {
        id: fresh.session_id,
        user_id: code.user_id.clone(),
        client_id: code.client_id.clone(),
        device: code.device,
        auth_time: code.auth_time,
        amr: code.amr,
        created_at: now,
        last_seen_at: now,
        absolute_expires_at,
        ended: None,
    };
    let policy = &client.policy;
    let outlives_session =
        code.scope.contains("offline_access") && !policy.first_party && policy.keeps_offline_access;
    let grant = Grant {
        id: fresh.grant_id,
        session_id: fresh.session_id,
        user_id: code.user_id,
        client_id: code.client_id,
        scope: code.scope,
        audience: policy.audience.clone(),
        seed: fresh.seed.clone(),
        mac_key_id: fresh.mac_key_id.clone(),
        generation: Generation(0),
        rotated_at: now,
        retry_key_hash: None,
        confirmation: code.confirmation.or(shown),
        idle_expires_at: idle_expiry(&client, now).min(absolute_expires_at),
        absolute_expires_at,
        outlives_session,
        issued_at: now,
        access_expires_at: now,
        ended: None,
    };
    Lineage { grant, session, user, client: Arc::new(client) }
}

/// Writes a new session and its grant.
pub(super) async fn insert(tx: &mut Tx<'_>, lineage: &Lineage) -> Result<()> {
    let session = &lineage.session;
    let sql = "INSERT INTO sessions (id, user_id, client_id, device_name, device_platform, \
        device_address, amr, auth_time_ms, created_at_ms, last_seen_at_ms, \
        absolute_expires_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let insert = sqlx::query(sql)
        .bind(session.id.to_string())
        .bind(session.user_id.as_str())
        .bind(session.client_id.as_str())
        .bind(session.device.name.as_deref())
        .bind(session.device.platform.as_deref())
        .bind(session.device.address.as_deref())
        .bind(as_json(&session.amr))
        .bind(session.auth_time.as_millis())
        .bind(session.created_at.as_millis())
        .bind(session.last_seen_at.as_millis())
        .bind(session.absolute_expires_at.as_millis());
    tx.execute(insert).await?;
    insert_grant(tx, &lineage.grant).await
}

async fn insert_grant(tx: &mut Tx<'_>, grant: &Grant) -> Result<()> {
    let sql = "INSERT INTO grants (id, session_id, user_id, client_id, scope, audience, seed, \
        mac_key_id, generation, rotated_at_ms, retry_key_hash, confirmation, \
        idle_expires_at_ms, absolute_expires_at_ms, outlives_session_since_ms, issued_at_ms, \
        access_expires_at_ms, sweep_at_ms) VALUES \
        ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $13)";
    let outlives_since = grant.outlives_session.then(|| grant.rotated_at.as_millis());
    let insert = sqlx::query(sql)
        .bind(grant.id.to_string())
        .bind(grant.session_id.to_string())
        .bind(grant.user_id.as_str())
        .bind(grant.client_id.as_str())
        .bind(grant.scope.as_str())
        .bind(as_json(&grant.audience))
        .bind(grant.seed.to_stored())
        .bind(grant.mac_key_id.as_str())
        .bind(as_column(grant.generation.0))
        .bind(grant.rotated_at.as_millis())
        .bind(grant.retry_key_hash.as_ref().map(SecretHash::as_str))
        .bind(grant.confirmation.as_ref().map(Thumbprint::as_str))
        .bind(grant.idle_expires_at.as_millis())
        .bind(grant.absolute_expires_at.as_millis())
        .bind(outlives_since)
        .bind(grant.issued_at.as_millis())
        .bind(grant.access_expires_at.as_millis());
    tx.execute(insert).await.map(|_| ())
}
