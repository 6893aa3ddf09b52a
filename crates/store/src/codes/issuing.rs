//! Writing codes down, and taking them back.

use menshen_domain::code::{AuthorizationCode, CodeChallenge};
use menshen_token::{ClientId, Thumbprint, UserId};

use crate::Result;
use crate::database::row::as_column;
use crate::database::{Statement, Tx};

/// The statement that keeps a code.
pub(super) fn insert(code: &AuthorizationCode) -> Statement {
    let sql = "INSERT INTO authorization_codes (hash, client_id, user_id, session_id, subject, \
        scope, audience, redirect_uri, challenge, confirmation, openid, device_name, \
        device_platform, device_address, amr, acr, auth_time_ms, sign_in_epoch, expires_at_ms) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
        $19)";
    sqlx::query(sql)
        .bind(code.hash.as_str().to_owned())
        .bind(code.client_id.to_string())
        .bind(code.user_id.to_string())
        .bind(code.session_id.map(|id| id.to_string()))
        .bind(code.subject.to_string())
        .bind(code.scope.as_str().to_owned())
        .bind(as_json(&code.audience))
        .bind(code.redirect_uri.clone())
        .bind(code.challenge.as_ref().map(|challenge| CodeChallenge::as_str(challenge).to_owned()))
        .bind(code.confirmation.as_ref().map(|key| Thumbprint::as_str(key).to_owned()))
        .bind(as_json(&code.openid))
        .bind(code.device.name.clone())
        .bind(code.device.platform.clone())
        .bind(code.device.address.clone())
        .bind(as_json(&code.authentication.amr))
        .bind(code.authentication.acr.clone())
        .bind(code.authentication.time.as_millis())
        .bind(as_column(code.sign_in_epoch))
        .bind(code.expires_at.as_millis())
}

/// Takes back the codes of a client that nobody has redeemed, those of one user or of all. Whoever
/// redeems one is kept waiting, by the user or the client, until the commit.
pub(crate) async fn take_back(
    tx: &mut Tx<'_>,
    client: &ClientId,
    user: Option<&UserId>,
) -> Result<()> {
    let user = user.map_or("", UserId::as_str);
    let bind = |sql| sqlx::query(sql).bind(client.to_string()).bind(user.to_owned());
    let lock = "SELECT count(*) FROM (SELECT hash FROM authorization_codes WHERE client_id = $1 \
        AND ($2 = '' OR user_id = $2) AND grant_id IS NULL ORDER BY hash FOR UPDATE) AS locked";
    tx.lock(bind(lock)).await?;
    let delete = "DELETE FROM authorization_codes WHERE client_id = $1 \
        AND ($2 = '' OR user_id = $2) AND grant_id IS NULL";
    tx.execute(bind(delete)).await.map(|_| ())
}

fn as_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("strings and JSON values always serialize")
}
