//! Looking at a one-time password: slowed down like passwords, and good once.

use std::net::IpAddr;

use menshen_domain::User;
use menshen_domain::one_time_password::{OneTimePassword, is_mailed_code, recovery_code_hash};
use menshen_store::HalfSignIn;

use super::attempt::Counted;
use super::{count, forgot_password};
use crate::app::App;
use crate::error::OAuthError;

/// A way to give a one-time password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// A code of the user's app.
    Otp,
    /// A code for the day on which the app is lost.
    RecoveryCode,
    /// A code that we mail.
    MailedCode,
}

impl Method {
    /// As clients know it: also the parameter by which it is given.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Otp => "otp",
            Self::RecoveryCode => "recovery_code",
            Self::MailedCode => "mailed_code",
        }
    }
}

/// How a user can give a one-time password, the best way first; none when there is none.
///
/// # Errors
///
/// The store's.
pub(crate) async fn methods(app: &App, user: &User) -> Result<Vec<Method>, OAuthError> {
    let on = app.store.find_one_time_passwords(&user.id).await?;
    let mailed = app.mail.is_on() && forgot_password::address_of(user).is_some();
    let ways = [
        (on.is_some(), Method::Otp),
        (on.is_some_and(|on| on.recovery_codes > 0), Method::RecoveryCode),
        (mailed, Method::MailedCode),
    ];
    Ok(ways.into_iter().filter_map(|(there, method)| there.then_some(method)).collect())
}

/// Uses a code up; `half` is the sign-in that it finishes, and that one may have been mailed for.
///
/// # Errors
///
/// [`OAuthError::WrongOneTimePassword`], [`OAuthError::TooManyAttempts`],
/// [`OAuthError::InvalidSession`] when too many codes were tried for `half`; the store's.
pub(crate) async fn check(
    app: &App,
    address: IpAddr,
    user: &User,
    code: &OneTimePassword,
    half: Option<&HalfSignIn>,
) -> Result<(), OAuthError> {
    let account = Some(user.id.clone());
    let counted = Counted::begin(app, address, account, user.username.clone()).await?;
    if let Some(half) = half
        && !app.store.count_half_sign_in_try(&half.hash).await?
    {
        counted.withdraw(app).await?;
        return Err(OAuthError::InvalidSession);
    }
    let right = match code {
        OneTimePassword::Totp(code) => is_of_app(app, user, code.expose()).await?,
        OneTimePassword::Recovery(code) => {
            let hash = recovery_code_hash(code.expose());
            app.store.use_recovery_code(&user.id, &hash).await?
        }
        OneTimePassword::Mailed(code) => {
            half.is_some_and(|half| is_mailed(app, half, code.expose()))
        }
    };
    if !right {
        count("refused");
        return Err(OAuthError::WrongOneTimePassword);
    }
    if matches!(code, OneTimePassword::Recovery(_)) {
        tracing::info!(user.id = %user.id, "a recovery code was used");
    }
    counted.forgive(app).await?;
    count("success");
    Ok(())
}

async fn is_of_app(app: &App, user: &User, code: &str) -> Result<bool, OAuthError> {
    let Some(on) = app.store.find_one_time_passwords(&user.id).await? else { return Ok(false) };
    let secret = app.keyring.unseal_totp(&user.id, &on.sealed_secret)?;
    match secret.step_of(code, Some(on.last_step), app.now()) {
        Some(step) => Ok(app.store.accept_one_time_password(&user.id, step).await?),
        None => Ok(false),
    }
}

fn is_mailed(app: &App, half: &HalfSignIn, code: &str) -> bool {
    let Some((kept, expires_at)) = &half.mailed_code else { return false };
    app.now() < *expires_at && is_mailed_code(&app.keyring.mac_keys(), &half.hash, kept, code)
}
