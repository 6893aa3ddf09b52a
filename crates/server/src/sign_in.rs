//! Signing in with a password, and a one-time password where one is wanted: slowed down for those
//! who guess, and saying the same to all of them.

mod attempt;
pub(crate) mod code;
pub(crate) mod code_page;
pub(crate) mod finish_sign_up;
pub(crate) mod forgot_password;
pub(crate) mod half;
mod mailed_link;
pub(crate) mod page;
pub(crate) mod reset_password;
pub(crate) mod sign_up;

use std::net::IpAddr;

use menshen_domain::credential::{MAX_PASSWORD_BYTES, PasswordHash, PasswordVerdict};
use menshen_domain::one_time_password::OneTimePassword;
use menshen_domain::session::Authentication;
use menshen_domain::user::Username;
use menshen_domain::{Secret, User};

use self::attempt::Counted;
use crate::app::App;
use crate::error::OAuthError;

/// What a right password has proved.
pub(crate) enum Proof {
    /// All that is asked of this user.
    Whole(User, Authentication),
    /// Half of it: the user has one-time passwords on.
    Half(User),
}

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
) -> Result<Proof, OAuthError> {
    let (user, counted) = right_password(app, address, username, password).await?;
    if app.store.find_one_time_passwords(&user.id).await?.is_some() {
        // Whoever has the password alone is no more familiar than before.
        counted.withdraw(app).await?;
        return Ok(Proof::Half(user));
    }
    counted.forgive(app).await?;
    count("success");
    Ok(Proof::Whole(user, Authentication::by_password(app.now())))
}

/// The user of this name and password who has also given a one-time password of the own app, or a
/// recovery code, where that is asked of them. A code of somebody who has none is wrong.
///
/// # Errors
///
/// Those of [`by_password`]; [`OAuthError::OneTimePasswordRequired`] when there is no code,
/// [`OAuthError::WrongOneTimePassword`].
pub(crate) async fn by_password_and_code(
    app: &App,
    address: IpAddr,
    username: &str,
    password: &str,
    code: Option<&str>,
) -> Result<(User, Authentication), OAuthError> {
    let (Proof::Whole(user, _) | Proof::Half(user)) =
        by_password(app, address, username, password).await?;
    let authentication = after_password(app, address, &user, code).await?;
    Ok((user, authentication))
}

/// How a user has proved who they are who has given as much as a password; the rest of
/// [`by_password_and_code`].
///
/// # Errors
///
/// [`OAuthError::OneTimePasswordRequired`], [`OAuthError::WrongOneTimePassword`], and those of
/// [`code::check`].
pub(crate) async fn after_password(
    app: &App,
    address: IpAddr,
    user: &User,
    code: Option<&str>,
) -> Result<Authentication, OAuthError> {
    let on = app.store.find_one_time_passwords(&user.id).await?.is_some();
    match (on, code) {
        (false, None) => Ok(Authentication::by_password(app.now())),
        (false, Some(_)) => Err(OAuthError::WrongOneTimePassword),
        (true, None) => Err(OAuthError::OneTimePasswordRequired(None)),
        (true, Some(code)) => {
            let code = OneTimePassword::read(code);
            self::code::check(app, address, user, &code, None).await?;
            Ok(Authentication::by_password_and_code(app.now()))
        }
    }
}

/// Who has the right password; the attempt is still counted.
async fn right_password(
    app: &App,
    address: IpAddr,
    username: &str,
    password: &str,
) -> Result<(User, Counted), OAuthError> {
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(OAuthError::InvalidRequest("the password is too long"));
    }
    let malformed = OAuthError::InvalidRequest("the user name is malformed");
    let username: Username = username.parse().map_err(|_| malformed)?;
    let found = app.store.find_user_by_username(&username).await?;
    let (user, hash) = found.map_or((None, None), |(user, hash)| (Some(user), hash));
    let account = user.as_ref().map(|user| user.id.clone());
    let counted = Counted::begin(app, address, account, username).await.inspect_err(|error| {
        if matches!(error, OAuthError::TooManyAttempts(_)) {
            count("throttled");
        }
    })?;
    let password = Secret::new(password.to_owned());
    let verdict = match app.hashing.verify(password.clone(), hash.clone()).await {
        Ok(verdict) => verdict,
        Err(busy) => {
            // Nobody has looked at the password: an overload is not a wrong guess.
            counted.withdraw(app).await?;
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
    if let (PasswordVerdict::MatchOutdated, Some(old)) = (verdict, hash) {
        upgrade(app, &user, old, password).await?;
    }
    Ok((user, counted))
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
