//! `POST /account/password`: a user changes the own password, and is signed out everywhere.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::Response;
use menshen_domain::credential::{
    MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS, PasswordHash, PasswordVerdict,
};
use menshen_domain::{Secret, User};
use menshen_store::{Admission, Attempt, Receipt, StoreError};
use serde::Deserialize;

use super::Owner;
use crate::app::App;
use crate::error::{ApiError, OAuthError};
use crate::hashing::Busy;
use crate::json::Body;
use crate::pages::NewPasswordProblem;
use crate::revoke::{count, receipt};
use crate::sender;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    current_password: String,
    new_password: String,
}

pub(crate) async fn post(
    State(app): State<App>,
    Owner(caller): Owner,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Body(change_of): Body<Change>,
) -> Result<Response, ApiError> {
    let (current, new) =
        (Secret::new(change_of.current_password), Secret::new(change_of.new_password));
    check_new(&new)?;
    let user_id = caller.token.subject;
    let user = app.store.find_user(&user_id).await?.ok_or(ApiError::InvalidToken)?;
    let address = sender::address(&app, peer, &headers);
    let ended = change(&app, address, &user, current, new).await?;
    count(&ended);
    Ok(receipt(&app, &ended, &headers).await)
}

/// Why a password stays what it is.
pub(crate) enum Unchanged {
    /// What was given as the old one is not.
    WrongPassword,
    /// Too many attempts; how long to wait.
    TooManyAttempts(Duration),
    /// There is more to hash than can be hashed right now.
    Busy,
    /// It could not be told, or done.
    Error(OAuthError),
}

impl From<StoreError> for Unchanged {
    fn from(error: StoreError) -> Self {
        Self::Error(error.into())
    }
}

impl From<Busy> for Unchanged {
    fn from(_: Busy) -> Self {
        Self::Busy
    }
}

impl From<Unchanged> for ApiError {
    fn from(unchanged: Unchanged) -> Self {
        match unchanged {
            Unchanged::WrongPassword => Self::WrongPassword,
            Unchanged::TooManyAttempts(wait) => Self::TooManyAttempts(wait),
            Unchanged::Busy => Self::Unavailable,
            Unchanged::Error(error) => error.into(),
        }
    }
}

/// Changes a password that its user knows, and ends all that they have; slowed down for those who
/// guess.
pub(crate) async fn change(
    app: &App,
    address: IpAddr,
    user: &User,
    current: Secret,
    new: Secret,
) -> Result<Receipt, Unchanged> {
    let stored = prove(app, address, user, current).await?;
    let new = app.keep_password(user, new).await?;
    let changed = app.store.change_password(&user.id, stored.as_ref(), &new, app.now()).await?;
    // Changed by somebody else while we were hashing: what was typed is the old one now.
    changed.ok_or(Unchanged::WrongPassword)
}

/// Sees to it that somebody knows the own password, and tells its hash; slowed down for those who
/// guess.
pub(crate) async fn prove(
    app: &App,
    address: IpAddr,
    user: &User,
    current: Secret,
) -> Result<Option<PasswordHash>, Unchanged> {
    if current.expose().len() > MAX_PASSWORD_BYTES {
        return Err(Unchanged::WrongPassword);
    }
    let (account, username) = (Some(user.id.clone()), user.username.clone());
    let attempt = Attempt { address, account, username };
    if let Admission::Wait(wait) = app.store.begin_attempt(&attempt, app.now()).await? {
        return Err(Unchanged::TooManyAttempts(wait));
    }
    let stored = app.store.find_password(&user.id).await?;
    let verdict = match app.hashing.verify(current, stored.clone()).await {
        Ok(verdict) => verdict,
        Err(busy) => {
            app.store.withdraw_attempt(&attempt).await?;
            return Err(busy.into());
        }
    };
    match verdict {
        PasswordVerdict::Match | PasswordVerdict::MatchOutdated => {}
        PasswordVerdict::Mismatch => return Err(Unchanged::WrongPassword),
        PasswordVerdict::Corrupt => {
            tracing::error!(user.id = %user.id, "the stored password hash is damaged");
            return Err(Unchanged::Error(OAuthError::Internal));
        }
    }
    app.store.forgive_attempt(&attempt, app.now()).await?;
    Ok(stored)
}

/// What a page says of a password that may not be chosen.
pub(crate) fn flaw(password: &Secret) -> Option<NewPasswordProblem> {
    let text = password.expose();
    if text.len() > MAX_PASSWORD_BYTES {
        return Some(NewPasswordProblem::TooLong);
    }
    let least = MIN_PASSWORD_CHARS;
    (text.chars().count() < least).then_some(NewPasswordProblem::TooShort(least as u64))
}

/// Sees to it that a password may be chosen.
pub(crate) fn check_new(password: &Secret) -> Result<(), ApiError> {
    if flaw(password).is_some() {
        return Err(ApiError::Invalid(format!(
            "a password has {MIN_PASSWORD_CHARS} characters to {MAX_PASSWORD_BYTES} bytes"
        )));
    }
    Ok(())
}
