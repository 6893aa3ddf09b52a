//! A sign-in that waits for a one-time password: kept here, for one user, a few minutes and a few
//! tries, and gone on with only by the browser or the app that has begun it.

use std::net::IpAddr;
use std::time::Duration;

use menshen_domain::one_time_password::{OneTimePassword, keep_mailed_code, mailed_code};
use menshen_domain::session::Authentication;
use menshen_domain::{Secret, SecretHash, User};
use menshen_store::{Admission, HalfSignIn};
use menshen_token::{SessionId, Timestamp};

use super::{code, forgot_password, mailed_link};
use crate::app::App;
use crate::error::OAuthError;
use crate::pages::{Chrome, Letter, Occasion};

/// How long somebody may look for their phone, or wait for a mail.
const LIFETIME: Duration = Duration::from_mins(10);

/// For how many minutes a mailed code is good.
pub(crate) const MAILED_CODE_MINUTES: u64 = 10;

/// What a half sign-in is made of.
pub(crate) struct Begin<'a> {
    /// Who has given the password.
    pub(crate) user: &'a User,
    /// When.
    pub(crate) auth_time: Timestamp,
    /// The session in a browser that is to be raised; without one, one is opened.
    pub(crate) raises: Option<SessionId>,
    /// Who goes on with it.
    pub(crate) bound_to: SecretHash,
}

/// Begins one; by what it goes on.
///
/// # Errors
///
/// The store's.
pub(crate) async fn begin(app: &App, begin: Begin<'_>) -> Result<Secret, OAuthError> {
    let secret = Secret::from_random(app.random());
    let half = HalfSignIn {
        hash: secret.hash(),
        bound_to: begin.bound_to,
        user_id: begin.user.id.clone(),
        sign_in_epoch: begin.user.sign_in_epoch,
        session_id: begin.raises,
        auth_time: begin.auth_time,
        mailed_code: None,
        expires_at: app.now() + LIFETIME,
    };
    app.store.begin_half_sign_in(&half).await?;
    Ok(secret)
}

/// The one that goes on by this, and whose it is.
///
/// # Errors
///
/// [`OAuthError::InvalidSession`]; the store's.
pub(crate) async fn find(
    app: &App,
    secret: &str,
    bound_to: &SecretHash,
) -> Result<(HalfSignIn, User), OAuthError> {
    let hash = SecretHash::of(secret.as_bytes());
    let found = app.store.find_half_sign_in(&hash, bound_to, app.now()).await?;
    found.ok_or(OAuthError::InvalidSession)
}

/// Finishes one with a code, exactly once.
///
/// # Errors
///
/// Those of [`code::check`]; [`OAuthError::InvalidSession`] when somebody has finished it before.
pub(crate) async fn finish(
    app: &App,
    address: IpAddr,
    half: &HalfSignIn,
    user: &User,
    code: &OneTimePassword,
) -> Result<Authentication, OAuthError> {
    code::check(app, address, user, code, Some(half)).await?;
    if !app.store.finish_half_sign_in(&half.hash).await? {
        return Err(OAuthError::InvalidSession);
    }
    Ok(Authentication::by_password_and_code(half.auth_time))
}

/// Mails a code for one; `false` when there is nobody to mail it to.
///
/// # Errors
///
/// [`OAuthError::TooManyAttempts`] for whoever asks again and again; the store's.
pub(crate) async fn mail_code(
    app: &App,
    chrome: &Chrome,
    address: IpAddr,
    half: &HalfSignIn,
    user: &User,
) -> Result<bool, OAuthError> {
    let to = forgot_password::address_of(user).filter(|_| app.mail.is_on());
    let Some(to) = to else { return Ok(false) };
    if let Admission::Wait(wait) = mailed_link::admit(app, address, &user.username).await? {
        return Err(OAuthError::TooManyAttempts(wait));
    }
    let code = mailed_code(app.random());
    let kept = keep_mailed_code(&app.keyring.mac_keys(), &half.hash, &code);
    let expires_at = app.now() + Duration::from_mins(MAILED_CODE_MINUTES);
    app.store.keep_mailed_code(&half.hash, &kept, expires_at).await?;
    let occasion = Occasion::OneTimePassword { code: code.expose() };
    app.mail.send(Some(to), Letter::write(chrome, occasion, MAILED_CODE_MINUTES));
    Ok(true)
}
