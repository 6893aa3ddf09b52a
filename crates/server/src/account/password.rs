//! `POST /account/password`: a user changes the own password, and is signed out everywhere.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::Response;
use menshen_domain::Secret;
use menshen_domain::credential::{MAX_PASSWORD_BYTES, PasswordVerdict};
use menshen_store::{Admission, Attempt};
use serde::Deserialize;

use super::Owner;
use crate::app::App;
use crate::error::ApiError;
use crate::json::Body;
use crate::revoke::{count, receipt};
use crate::sender;

/// The shortest password that is accepted, in characters (NIST SP 800-63B section 5.1.1.2).
pub(crate) const MIN_PASSWORD_CHARS: usize = 8;

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
    Body(change): Body<Change>,
) -> Result<Response, ApiError> {
    let (current, new) = (Secret::new(change.current_password), Secret::new(change.new_password));
    check_new(&new)?;
    if current.expose().len() > MAX_PASSWORD_BYTES {
        return Err(ApiError::WrongPassword);
    }
    let user_id = caller.token.subject;
    let user = app.store.find_user(&user_id).await?.ok_or(ApiError::InvalidToken)?;
    let attempt = Attempt {
        address: sender::address(&app, peer, &headers),
        account: Some(user_id.clone()),
        username: user.username,
    };
    if let Admission::Wait(wait) = app.store.begin_attempt(&attempt, app.now()).await? {
        return Err(ApiError::TooManyAttempts(wait));
    }
    let stored = app.store.find_password(&user_id).await?;
    let verdict = match app.hashing.verify(current, stored.clone()).await {
        Ok(verdict) => verdict,
        Err(busy) => {
            app.store.withdraw_attempt(&attempt).await?;
            return Err(busy.into());
        }
    };
    match verdict {
        PasswordVerdict::Match | PasswordVerdict::MatchOutdated => {}
        PasswordVerdict::Mismatch => return Err(ApiError::WrongPassword),
        PasswordVerdict::Corrupt => {
            tracing::error!(user.id = %user_id, "the stored password hash is damaged");
            return Err(ApiError::Internal);
        }
    }
    app.store.forgive_attempt(&attempt, app.now()).await?;
    let hash = app.hashing.hash(new).await?;
    let changed = app.store.change_password(&user_id, stored.as_ref(), &hash, app.now()).await?;
    // Changed by somebody else while we were hashing: what was typed is the old one now.
    let ended = changed.ok_or(ApiError::WrongPassword)?;
    count(&ended);
    Ok(receipt(&app, &ended, &headers).await)
}

/// Sees to it that a password may be chosen.
pub(crate) fn check_new(password: &Secret) -> Result<(), ApiError> {
    let text = password.expose();
    if text.chars().count() < MIN_PASSWORD_CHARS || text.len() > MAX_PASSWORD_BYTES {
        return Err(ApiError::Invalid(format!(
            "a password has {MIN_PASSWORD_CHARS} characters to {MAX_PASSWORD_BYTES} bytes"
        )));
    }
    Ok(())
}
