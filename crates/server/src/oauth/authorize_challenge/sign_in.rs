//! Who signs in: by name and password, and by a one-time password at once or in a second request.

use std::net::IpAddr;

use menshen_domain::one_time_password::OneTimePassword;
use menshen_domain::session::Authentication;
use menshen_domain::{Secret, User};

use super::Asked;
use crate::app::App;
use crate::error::{AuthSession, OAuthError};
use crate::form::Form;
use crate::pages::Chrome;
use crate::sign_in::code::{Method, methods};
use crate::sign_in::half::{self, Begin};
use crate::sign_in::{Proof, by_password, by_password_and_code};

/// The parameter that goes on with what the password has begun.
const AUTH_SESSION: &str = "auth_session";

/// The parameter that asks for a code by mail.
const MAIL_CODE: &str = "mail_code";

/// Somebody signs in by an app.
pub(super) struct Attempt<'a> {
    pub(super) app: &'a App,
    /// In which language a mail is written.
    pub(super) chrome: &'a Chrome,
    pub(super) address: IpAddr,
    pub(super) form: &'a Form,
    pub(super) asked: &'a Asked,
}

impl Attempt<'_> {
    /// Who it is, and how they have proved it.
    ///
    /// # Errors
    ///
    /// [`OAuthError::OneTimePasswordRequired`] when the password was right and is not enough, and
    /// each time that a code is still missing; those of what was tried.
    pub(super) async fn prove(&self) -> Result<(User, Authentication), OAuthError> {
        match self.form.text(AUTH_SESSION) {
            Some(secret) => self.go_on(secret).await,
            None => self.begin().await,
        }
    }

    async fn begin(&self) -> Result<(User, Authentication), OAuthError> {
        let (app, address) = (self.app, self.address);
        let name_and_password = self.form.text("username").zip(self.form.text("password"));
        let Some((username, password)) = name_and_password else {
            return Err(OAuthError::InsufficientAuthorization);
        };
        if let Some(code) = self.code()? {
            return by_password_and_code(app, address, username, password, Some(&code)).await;
        }
        let user = match by_password(app, address, username, password).await? {
            Proof::Whole(user, authentication) if authentication.reaches(self.asked.acr) => {
                return Ok((user, authentication));
            }
            Proof::Whole(user, _) | Proof::Half(user) => user,
        };
        let methods = methods(app, &user).await?;
        if methods.is_empty() {
            return Err(OAuthError::UnmetAuthenticationRequirements);
        }
        let begin = Begin {
            user: &user,
            auth_time: app.now(),
            raises: None,
            bound_to: self.asked.sender.clone(),
        };
        let secret = half::begin(app, begin).await?;
        Err(OAuthError::OneTimePasswordRequired(Some(AuthSession { secret, methods })))
    }

    async fn go_on(&self, secret: &str) -> Result<(User, Authentication), OAuthError> {
        let app = self.app;
        let (half, user) = half::find(app, secret, &self.asked.sender).await?;
        if let Some(code) = self.code()? {
            let code = OneTimePassword::read(&code);
            let authentication = half::finish(app, self.address, &half, &user, &code).await?;
            return Ok((user, authentication));
        }
        if self.form.text(MAIL_CODE).is_some()
            && !half::mail_code(app, self.chrome, self.address, &half, &user).await?
        {
            return Err(OAuthError::UnmetAuthenticationRequirements);
        }
        let (secret, methods) = (Secret::new(secret.to_owned()), methods(app, &user).await?);
        Err(OAuthError::OneTimePasswordRequired(Some(AuthSession { secret, methods })))
    }

    /// The code that is given, by the name of its method. One alone: more would be a guess each.
    fn code(&self) -> Result<Option<String>, OAuthError> {
        let ways = [Method::Otp, Method::RecoveryCode, Method::MailedCode];
        let mut given = ways.iter().filter_map(|method| self.form.text(method.as_str()));
        let code = given.next().map(str::to_owned);
        if given.next().is_some() {
            return Err(OAuthError::InvalidRequest("one code is enough"));
        }
        Ok(code)
    }
}
