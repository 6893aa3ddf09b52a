//! Opening a session, or letting a client into one, and making room for it.

use std::cmp::Reverse;
use std::sync::Arc;

use menshen_domain::client::SessionPolicy;
use menshen_domain::code::AuthorizationCode;
use menshen_domain::refresh_token::{Generation, Verdict};
use menshen_domain::{Client, Grant, SecretHash, Session, User};
use menshen_token::{Reason, SessionId, Thumbprint, Timestamp};

use super::Fresh;
use crate::database::Tx;
use crate::database::row::{Cells, as_column};
use crate::grants::{Lineage, idle_expiry};
use crate::revocations::{self, Covered};
use crate::{Issued, Receipt, Result, sessions};

/// Who enters, and where. All of them are locked.
pub(crate) struct Entry {
    /// What was allowed.
    pub(crate) code: AuthorizationCode,
    pub(crate) user: User,
    pub(crate) client: Client,
    /// The live session that is joined; without one, a session is opened.
    pub(crate) joined: Option<Session>,
}

/// Lets a client in: its grant, and the session if there is none to join. What the first tokens
/// are made from, and what had to give way.
pub(crate) async fn open(
    tx: &mut Tx<'_>,
    entry: Entry,
    fresh: &Fresh,
    proof: Option<&Thumbprint>,
    now: Timestamp,
) -> Result<(Issued, Vec<Receipt>)> {
    let is_new = entry.joined.is_none();
    let joined = entry.joined.as_ref().map(|session| session.id);
    let displaced = make_room(tx, &entry.user, &entry.client, joined, now).await?;
    let mut lineage = lineage(entry, fresh, proof, now);
    let issued = lineage.issue(Verdict::Rotate, tx.access_token_ceiling, now);
    if is_new {
        sessions::browser::insert(tx, &lineage.session, None).await?;
    }
    insert_grant(tx, &lineage.grant).await?;
    note_client(tx, &lineage.grant, now).await?;
    Ok((issued, displaced))
}

/// Ends the user's sessions with this client that the client's policy leaves no room for
/// beside a new one. The user is locked, so that nobody else opens one meanwhile.
async fn make_room(
    tx: &mut Tx<'_>,
    user: &User,
    client: &Client,
    joined: Option<SessionId>,
    now: Timestamp,
) -> Result<Vec<Receipt>> {
    let (room, reason) = match client.policy.sessions {
        SessionPolicy::Unlimited => return Ok(Vec::new()),
        SessionPolicy::SingleDevice => (0, Reason::SignedInElsewhere),
        SessionPolicy::Limit(most) => (most.saturating_sub(1), Reason::SessionLimit),
    };
    revocations::lock_sessions_with(tx, &user.id, &client.id).await?;
    let mut others = most_recently_used(tx, user, client).await?;
    others.retain(|id| Some(*id) != joined);
    let beyond = others.into_iter().skip(usize::try_from(room).unwrap_or(usize::MAX));
    let mut receipts = Vec::new();
    for id in beyond {
        receipts.push(revocations::end(tx, &Covered::Session(id), reason, now).await?);
    }
    Ok(receipts)
}

/// The live sessions that the client has signed in to, those used last first.
async fn most_recently_used(
    tx: &mut Tx<'_>,
    user: &User,
    client: &Client,
) -> Result<Vec<SessionId>> {
    let sql = concat!(
        "SELECT ",
        sessions::columns!(),
        ", ",
        sessions::last_use!(),
        " FROM sessions WHERE user_id = $1 AND EXISTS (SELECT 1 FROM session_clients \
          WHERE session_clients.session_id = sessions.id AND session_clients.client_id = $2) \
          AND ended_at_ms IS NULL"
    );
    let rows =
        sqlx::query(sql).bind(user.id.as_str()).bind(client.id.as_str()).fetch_all(tx.db()).await?;
    let sessions =
        rows.iter().map(|row| sessions::read_with_last_use(&mut Cells::of(row, "sessions")));
    let mut sessions = sessions.collect::<Result<Vec<Session>>>()?;
    sessions.sort_by_key(|session| (Reverse(session.last_seen_at), session.id));
    Ok(sessions.into_iter().map(|session| session.id).collect())
}

/// The grant, and the session around it.
fn lineage(entry: Entry, fresh: &Fresh, proof: Option<&Thumbprint>, now: Timestamp) -> Lineage {
    let Entry { code, user, client, joined } = entry;
    // A public client's refresh tokens are bound to the key that it shows first (RFC 9449
    // section 5); a confidential one has its secret, and may change keys.
    let shown = code.confirmation.or(proof.cloned()).filter(|_| !client.is_confidential());
    let policy = &client.policy;
    let own_limit = now + policy.absolute_lifetime();
    let session = joined.unwrap_or_else(|| Session {
        id: fresh.session_id,
        user_id: code.user_id.clone(),
        client_id: Some(code.client_id.clone()),
        device: code.device,
        authentication: code.authentication.clone(),
        created_at: now,
        last_seen_at: now,
        idle_lifetime: None,
        absolute_expires_at: own_limit,
        ended: None,
    });
    let outlives_session =
        code.scope.contains("offline_access") && !policy.first_party && policy.keeps_offline_access;
    let absolute_expires_at =
        if outlives_session { own_limit } else { own_limit.min(session.absolute_expires_at) };
    let grant = Grant {
        id: fresh.grant_id,
        session_id: session.id,
        user_id: code.user_id,
        client_id: code.client_id,
        subject: code.subject,
        scope: code.scope,
        audience: code.audience,
        authentication: code.authentication,
        claims: code.openid.claims,
        seed: fresh.seed.clone(),
        mac_key_id: fresh.mac_key_id.clone(),
        generation: Generation(0),
        rotated_at: now,
        retry_key_hash: None,
        confirmation: shown,
        idle_expires_at: idle_expiry(&client, now).min(absolute_expires_at),
        absolute_expires_at,
        outlives_session,
        issued_at: now,
        access_expires_at: now,
        ended: None,
    };
    Lineage { grant, session, user, client: Arc::new(client) }
}

/// Remembers that the client has signed in to the session, for as long as that is remembered.
async fn note_client(tx: &mut Tx<'_>, grant: &Grant, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO session_clients (session_id, client_id, subject, signed_in_at_ms) \
        VALUES ($1, $2, $3, $4) ON CONFLICT (session_id, client_id) DO NOTHING";
    let insert = sqlx::query(sql)
        .bind(grant.session_id.to_string())
        .bind(grant.client_id.as_str())
        .bind(grant.subject.as_str())
        .bind(now.as_millis());
    tx.execute(insert).await.map(|_| ())
}

async fn insert_grant(tx: &mut Tx<'_>, grant: &Grant) -> Result<()> {
    let sql = "INSERT INTO grants (id, session_id, user_id, client_id, subject, scope, audience, \
        amr, acr, auth_time_ms, claims, seed, mac_key_id, generation, rotated_at_ms, \
        retry_key_hash, confirmation, idle_expires_at_ms, absolute_expires_at_ms, \
        outlives_session_since_ms, issued_at_ms, access_expires_at_ms, sweep_at_ms) VALUES \
        ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
        $20, $21, $22, $18)";
    let outlives_since = grant.outlives_session.then(|| grant.rotated_at.as_millis());
    let insert = sqlx::query(sql)
        .bind(grant.id.to_string())
        .bind(grant.session_id.to_string())
        .bind(grant.user_id.as_str())
        .bind(grant.client_id.as_str())
        .bind(grant.subject.as_str())
        .bind(grant.scope.as_str())
        .bind(as_json(&grant.audience))
        .bind(as_json(&grant.authentication.amr))
        .bind(grant.authentication.acr.as_deref())
        .bind(grant.authentication.time.as_millis())
        .bind(as_json(&grant.claims))
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

fn as_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("strings and JSON values always serialize")
}
