//! Devices that wait for somebody to let them in (RFC 8628): each is let in once.

use std::time::Duration;

use menshen_domain::code::{AuthorizationCode, OpenIdRequest};
use menshen_domain::device_authorization::{
    Approval, DeviceAuthorization, DeviceState, DeviceVerdict,
};
use menshen_domain::session::{Authentication, Device};
use menshen_domain::{Client, SecretHash, User};
use menshen_token::{ClientId, Thumbprint, Timestamp, UserId};

use crate::codes::opening;
use crate::database::row::{Cells, as_column};
use crate::database::{Statement, Tx};
use crate::{Fresh, Issued, Receipt, Result, Store, Which, clients, users};

/// What somebody decides about a device.
#[derive(Clone, Debug)]
pub enum Decision {
    /// It may come in.
    Allow(Approval),
    /// It may not.
    Deny,
}

/// A device asks whether somebody has let it in.
#[derive(Clone, Debug)]
pub struct DevicePoll {
    /// The hash of its code.
    pub device_code: SecretHash,
    /// The app on it; authenticated, when it is one that can be.
    pub client_id: ClientId,
    /// The key that the request proved possession of.
    pub proof: Option<Thumbprint>,
    /// `resource`: whom the access token is for (RFC 8707 section 2.2).
    pub resources: Vec<String>,
    /// What the new session is made with.
    pub fresh: Fresh,
}

/// What it is told.
#[derive(Clone, Debug)]
pub enum Polled {
    /// A session was opened.
    Opened {
        /// What its first tokens are made from.
        issued: Box<Issued>,
        /// The sessions that had to give way, by the client's policy.
        displaced: Vec<Receipt>,
    },
    /// Nobody has decided yet.
    Pending,
    /// The same, and it has to pause longer from now on.
    SlowDown,
    /// Somebody does not want it in.
    Denied,
    /// It took too long.
    Expired,
    /// It is bound to a key that the request did not prove possession of.
    WrongKey,
    /// It allows nothing at one of the resources.
    WrongTarget,
    /// There is no such code for this client, it is spent, or whoever decided may not any more.
    Refused,
}

impl Store {
    /// Keeps a device that begins to wait; `false` when its code for people is taken, and another
    /// has to be drawn.
    pub async fn issue_device_authorization(&self, device: &DeviceAuthorization) -> Result<bool> {
        let issued = self.database.change(|| insert(device)).await;
        match issued.map_err(|error| error.or_conflict(Which::UserCode)) {
            Ok(_) => Ok(true),
            Err(crate::StoreError::Conflict(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The device that shows this code and waits, and the app on it. One that was decided about,
    /// has expired, or whose app may do nothing is none.
    pub async fn find_waiting_device(
        &self,
        user_code: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<(DeviceAuthorization, Client)>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            ", ",
            clients::columns!(),
            " FROM device_authorizations AS devices \
              JOIN clients ON clients.id = devices.client_id \
              WHERE devices.user_code_hash = $1 AND devices.state = 'pending' \
              AND devices.expires_at_ms > $2 AND clients.disabled_at_ms IS NULL"
        );
        let query = sqlx::query(sql).bind(user_code.as_str()).bind(now.as_millis());
        let row = query.fetch_optional(self.database.reader()).await?;
        row.map(|row| {
            let mut cells = Cells::of(&row, "device_authorizations");
            let device = read(&mut cells)?;
            cells.table("clients");
            Ok((device, clients::read(&mut cells)?))
        })
        .transpose()
    }

    /// Decides about a device that waits; `false` when somebody has before, or it took too long.
    pub async fn decide_about_device(
        &self,
        user_code: &SecretHash,
        decision: &Decision,
        now: Timestamp,
    ) -> Result<bool> {
        self.database
            .write(|tx| {
                Box::pin(async move {
                    if let Decision::Allow(approval) = decision {
                        lock_user(tx, &approval.user_id).await?;
                    }
                    let update = decide(user_code, decision, now);
                    tx.execute(update).await.map(|rows| rows > 0)
                })
            })
            .await
    }

    /// Tells a device what has become of it, and lets it in: exactly once, whoever else asks at the
    /// same moment.
    pub async fn poll_device(&self, poll: &DevicePoll, now: Timestamp) -> Result<Polled> {
        // Guesses are turned away without a write transaction.
        let sql = "SELECT device_code_hash FROM device_authorizations WHERE device_code_hash = $1";
        let known = sqlx::query(sql).bind(poll.device_code.as_str());
        if known.fetch_optional(self.database.reader()).await?.is_none() {
            return Ok(Polled::Refused);
        }
        self.database.write(|tx| Box::pin(answer(tx, poll, now))).await
    }
}

async fn answer(tx: &mut Tx<'_>, poll: &DevicePoll, now: Timestamp) -> Result<Polled> {
    let locked = lock_parties(tx, poll).await?;
    let Some((device, client)) = find(tx, poll).await? else { return Ok(Polled::Refused) };
    if device.client_id != poll.client_id || client.disabled_at.is_some() {
        return Ok(Polled::Refused);
    }
    if device.confirmation.is_some() && device.confirmation != poll.proof {
        return Ok(Polled::WrongKey);
    }
    if !client.policy.covers(&device.audience, &poll.resources) {
        return Ok(Polled::WrongTarget);
    }
    match device.judge(now) {
        DeviceVerdict::Spent => Ok(Polled::Refused),
        DeviceVerdict::Expired => Ok(Polled::Expired),
        DeviceVerdict::Denied => Ok(Polled::Denied),
        DeviceVerdict::Wait => {
            note(tx, poll, device.interval, now).await?;
            Ok(Polled::Pending)
        }
        DeviceVerdict::SlowDown(interval) => {
            note(tx, poll, interval, now).await?;
            Ok(Polled::SlowDown)
        }
        // Decided while this one waited for the lock: the user is not locked.
        DeviceVerdict::Open(approval) if locked.as_ref() != Some(&approval.user_id) => {
            Ok(Polled::Pending)
        }
        DeviceVerdict::Open(approval) => let_in(tx, poll, device, client, approval, now).await,
    }
}

async fn let_in(
    tx: &mut Tx<'_>,
    poll: &DevicePoll,
    device: DeviceAuthorization,
    client: Client,
    approval: Approval,
    now: Timestamp,
) -> Result<Polled> {
    let Some(user) = find_user(tx, &approval).await? else { return Ok(Polled::Refused) };
    let sql = "UPDATE device_authorizations SET state = 'redeemed', grant_id = $2 \
        WHERE device_code_hash = $1 AND state = 'allowed'";
    let claim =
        sqlx::query(sql).bind(poll.device_code.as_str()).bind(poll.fresh.grant_id.to_string());
    if tx.execute(claim).await? == 0 {
        return Ok(Polled::Refused);
    }
    let code = AuthorizationCode {
        hash: device.device_code_hash,
        client_id: device.client_id,
        user_id: approval.user_id,
        subject: approval.subject,
        session_id: None,
        scope: device.scope,
        audience: device.audience,
        redirect_uri: None,
        openid: OpenIdRequest::default(),
        challenge: None,
        confirmation: device.confirmation,
        device: Device::new(Some(&client.name), None, device.address),
        authentication: approval.authentication,
        sign_in_epoch: approval.sign_in_epoch,
        expires_at: device.expires_at,
    };
    let entry = opening::Entry { code, user, client, joined: None };
    let (issued, displaced) =
        opening::open(tx, entry, &poll.fresh, poll.proof.as_ref(), now).await?;
    Ok(Polled::Opened { issued: Box::new(issued), displaced })
}

/// Whoever let it in, if they still may.
async fn find_user(tx: &mut Tx<'_>, approval: &Approval) -> Result<Option<User>> {
    let sql = concat!(
        "SELECT ",
        users::columns!(),
        " FROM users WHERE id = $1 AND sign_in_epoch = $2 AND disabled_at_ms IS NULL"
    );
    let query = sqlx::query(sql).bind(approval.user_id.as_str());
    let query = query.bind(as_column(approval.sign_in_epoch));
    let row = query.fetch_optional(tx.db()).await?;
    row.map(|row| users::read(&mut Cells::of(&row, "users"))).transpose()
}

/// Locks whoever has let the device in, if somebody has; then the app, then the device.
async fn lock_parties(tx: &mut Tx<'_>, poll: &DevicePoll) -> Result<Option<UserId>> {
    let bind = |sql| sqlx::query(sql).bind(poll.device_code.as_str().to_owned());
    let sql = "SELECT user_id FROM device_authorizations WHERE device_code_hash = $1";
    let row = bind(sql).fetch_optional(tx.db()).await?;
    let user = match row {
        Some(row) => Cells::of(&row, "device_authorizations").optional()?,
        None => None,
    };
    if let Some(user) = &user {
        lock_user(tx, user).await?;
    }
    let client = "SELECT id FROM clients WHERE id = \
        (SELECT client_id FROM device_authorizations WHERE device_code_hash = $1) FOR SHARE";
    tx.lock(bind(client)).await?;
    let device = "SELECT device_code_hash FROM device_authorizations \
        WHERE device_code_hash = $1 FOR UPDATE";
    tx.lock(bind(device)).await?;
    Ok(user)
}

async fn lock_user(tx: &mut Tx<'_>, id: &UserId) -> Result<()> {
    let sql = "SELECT id FROM users WHERE id = $1 FOR UPDATE";
    tx.lock(sqlx::query(sql).bind(id.to_string())).await
}

async fn find(tx: &mut Tx<'_>, poll: &DevicePoll) -> Result<Option<(DeviceAuthorization, Client)>> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", ",
        clients::columns!(),
        " FROM device_authorizations AS devices JOIN clients ON clients.id = devices.client_id \
          WHERE devices.device_code_hash = $1"
    );
    let row = sqlx::query(sql).bind(poll.device_code.as_str()).fetch_optional(tx.db()).await?;
    row.map(|row| {
        let mut cells = Cells::of(&row, "device_authorizations");
        let device = read(&mut cells)?;
        cells.table("clients");
        Ok((device, clients::read(&mut cells)?))
    })
    .transpose()
}

/// Remembers that a device has asked, and how long it has to pause.
async fn note(
    tx: &mut Tx<'_>,
    poll: &DevicePoll,
    interval: Duration,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE device_authorizations SET polled_at_ms = $2, interval_seconds = $3 \
        WHERE device_code_hash = $1";
    let update = sqlx::query(sql)
        .bind(poll.device_code.as_str())
        .bind(now.as_millis())
        .bind(as_column(interval.as_secs()));
    tx.execute(update).await.map(|_| ())
}

/// Takes back what was allowed to a client and has not been used yet, by one user or by all; of all
/// users, also what nobody has decided about.
pub(crate) async fn take_back(
    tx: &mut Tx<'_>,
    client: &ClientId,
    user: Option<&UserId>,
) -> Result<()> {
    let sql = "DELETE FROM device_authorizations WHERE client_id = $1 \
        AND ($2 = '' OR user_id = $2) AND state IN ('pending', 'allowed')";
    let user = user.map_or("", UserId::as_str);
    tx.execute(sqlx::query(sql).bind(client.to_string()).bind(user.to_owned())).await.map(|_| ())
}

/// What [`read`] reads.
macro_rules! columns {
    () => {
        "devices.device_code_hash, devices.user_code_hash, devices.client_id, devices.scope, \
         devices.audience, devices.confirmation, devices.device_address, \
         devices.interval_seconds, devices.polled_at_ms, devices.expires_at_ms, devices.state, \
         devices.user_id, devices.subject, devices.sign_in_epoch, devices.auth_time_ms, \
         devices.amr, devices.acr"
    };
}
use columns;

fn read(cells: &mut Cells<'_>) -> Result<DeviceAuthorization> {
    let mut device = DeviceAuthorization {
        device_code_hash: cells.parse()?,
        user_code_hash: cells.parse()?,
        client_id: cells.parse()?,
        scope: cells.parse()?,
        audience: cells.json()?,
        confirmation: cells.optional()?,
        address: cells.optional_text()?,
        interval: Duration::from_secs(cells.count()?),
        polled_at: cells.optional_instant()?,
        expires_at: cells.instant()?,
        state: DeviceState::Pending,
    };
    device.state = match cells.text()?.as_str() {
        "pending" => DeviceState::Pending,
        "denied" => DeviceState::Denied,
        "redeemed" => DeviceState::Redeemed,
        "allowed" => return read_allowed(cells, device),
        _ => return Err(cells.corrupt()),
    };
    cells.skip(6);
    Ok(device)
}

fn read_allowed(cells: &mut Cells<'_>, device: DeviceAuthorization) -> Result<DeviceAuthorization> {
    let approval = Approval {
        user_id: cells.parse()?,
        subject: cells.parse()?,
        sign_in_epoch: cells.count()?,
        authentication: Authentication {
            time: cells.instant()?,
            amr: cells.json()?,
            acr: cells.optional_text()?,
        },
    };
    Ok(DeviceAuthorization { state: DeviceState::Allowed(approval), ..device })
}

fn insert(device: &DeviceAuthorization) -> Statement {
    let sql = "INSERT INTO device_authorizations (device_code_hash, user_code_hash, client_id, \
        scope, audience, confirmation, device_address, state, interval_seconds, expires_at_ms) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, $9)";
    sqlx::query(sql)
        .bind(device.device_code_hash.as_str().to_owned())
        .bind(device.user_code_hash.as_str().to_owned())
        .bind(device.client_id.to_string())
        .bind(device.scope.as_str().to_owned())
        .bind(as_json(&device.audience))
        .bind(device.confirmation.as_ref().map(|key| key.as_str().to_owned()))
        .bind(device.address.clone())
        .bind(as_column(device.interval.as_secs()))
        .bind(device.expires_at.as_millis())
}

fn decide(user_code: &SecretHash, decision: &Decision, now: Timestamp) -> Statement {
    let (state, approval) = match decision {
        Decision::Allow(approval) => ("allowed", Some(approval)),
        Decision::Deny => ("denied", None),
    };
    let sql = "UPDATE device_authorizations SET state = $3, user_id = $4, subject = $5, \
        sign_in_epoch = $6, auth_time_ms = $7, amr = $8, acr = $9 \
        WHERE user_code_hash = $1 AND state = 'pending' AND expires_at_ms > $2";
    let authentication = approval.map(|approval| &approval.authentication);
    sqlx::query(sql)
        .bind(user_code.as_str().to_owned())
        .bind(now.as_millis())
        .bind(state)
        .bind(approval.map(|approval| approval.user_id.to_string()))
        .bind(approval.map(|approval| approval.subject.to_string()))
        .bind(approval.map(|approval| as_column(approval.sign_in_epoch)))
        .bind(authentication.map(|authentication| authentication.time.as_millis()))
        .bind(authentication.map(|authentication| as_json(&authentication.amr)))
        .bind(authentication.and_then(|authentication| authentication.acr.clone()))
}

fn as_json(value: &[String]) -> String {
    serde_json::to_string(value).expect("strings always serialize")
}
