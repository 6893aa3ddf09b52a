//! Signing in with a password: slowed down for those who guess, and saying the same to all of them.

pub(crate) mod finish_sign_up;
pub(crate) mod forgot_password;
mod mailed_link;
pub(crate) mod page;
pub(crate) mod reset_password;
pub(crate) mod sign_up;

use std::net::IpAddr;

use menshen_domain::credential::{MAX_PASSWORD_BYTES, PasswordHash, PasswordVerdict};
use menshen_domain::user::Username;
use menshen_domain::{Secret, User};
use menshen_store::{Admission, Attempt};

use crate::app::App;
use crate::error::OAuthError;

/// The user of this name and password. Unknown, wrong, disabled and without a password are one
/// answer, given after the same work.
///
/// # Errors
///
/// [`OAuthError::AccessDenied`], [`OAuthError::TooManyAttempts`], [`OAuthError::InvalidRequest`]
/// for what can be nobody's, [`OAuthError::Unavailable`].
pub(crate) async fn by_password(
    app: &App,
    address: IpAddr,
    username: &str,
    password: &str,
) -> Result<User, OAuthError> {
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(OAuthError::InvalidRequest("the password is too long"));
    }
    let malformed = OAuthError::InvalidRequest("the user name is malformed");
    let username: Username = username.parse().map_err(|_| malformed)?;
    let found = app.store.find_user_by_username(&username).await?;
    let (user, hash) = found.map_or((None, None), |(user, hash)| (Some(user), hash));
    let account = user.as_ref().map(|user| user.id.clone());
    let attempt = Attempt { address, account, username };
    let is_counted = is_counted(app, address);
    if is_counted
        && let Admission::Wait(wait) = app.store.begin_attempt(&attempt, app.now()).await?
    {
        count("throttled");
        return Err(OAuthError::TooManyAttempts(wait));
    }
    let password = Secret::new(password.to_owned());
    let verdict = match app.hashing.verify(password.clone(), hash.clone()).await {
        Ok(verdict) => verdict,
        Err(busy) => {
            // Nobody has looked at the password: an overload is not a wrong guess.
            if is_counted {
                app.store.withdraw_attempt(&attempt).await?;
            }
            count("busy");
            return Err(busy.into());
        }
    };
    let user = match (verdict, user) {
        (PasswordVerdict::Match | PasswordVerdict::MatchOutdated, Some(user))
            if user.disabled_at.is_none() =>
        {
            user
        }
        (verdict, _) => {
            if verdict == PasswordVerdict::Corrupt {
                tracing::error!("a stored password hash is corrupt");
            }
            count("refused");
            return Err(OAuthError::AccessDenied);
        }
    };
    if is_counted {
        app.store.forgive_attempt(&attempt, app.now()).await?;
    }
    if let (PasswordVerdict::MatchOutdated, Some(old)) = (verdict, hash) {
        upgrade(app, &user, old, password).await?;
    }
    count("success");
    Ok(user)
}

/// Whether attempts from an address count.
pub(crate) fn is_counted(app: &App, address: IpAddr) -> bool {
    !app.config.throttle_exempt_networks.iter().any(|network| network.contains(&address))
}

/// Keeps the password under a hash of today's cost. When the pool is busy, the next sign-in
/// will do.
async fn upgrade(
    app: &App,
    user: &User,
    old: PasswordHash,
    password: Secret,
) -> Result<(), OAuthError> {
    if let Ok(new) = app.hashing.hash(password).await {
        app.store.upgrade_password(&user.id, &old, &new).await?;
    }
    Ok(())
}

fn count(outcome: &'static str) {
    metrics::counter!("menshen_logins_total", "outcome" => outcome).increment(1);
}
