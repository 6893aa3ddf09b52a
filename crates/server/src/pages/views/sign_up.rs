//! Signing up: first the address, then, by a mailed link, the rest.

use super::client::ClientCard;
use super::password::NewPasswordProblem;
use super::sign_in::wait;
use crate::pages::page::view;
use crate::pages::{Chrome, FormTarget};

/// The page that asks for an e-mail address. Field: `email`.
#[derive(Clone, Debug, Default)]
pub struct SignUp {
    /// The app for which somebody signs up.
    pub client: Option<ClientCard>,
    /// Where it is sent.
    pub form: FormTarget,
    /// What was sent before.
    pub email: String,
    /// Why it is shown again.
    pub problem: Option<SignUpProblem>,
    /// Path of the page to sign in on.
    pub sign_in: Option<String>,
}

/// Why an address was not taken. That it is known already is never said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignUpProblem {
    /// It is no e-mail address.
    InvalidEmail,
    /// Too many attempts; the wait in seconds.
    TooManyAttempts(u64),
    /// There is more to do than can be done right now.
    Busy,
}

impl SignUpProblem {
    pub(in crate::pages) fn sentence(self, chrome: &Chrome) -> String {
        match self {
            Self::InvalidEmail => chrome.text("problem-invalid-email"),
            Self::TooManyAttempts(seconds) => wait(chrome, seconds),
            Self::Busy => chrome.text("problem-busy"),
        }
    }

    pub(super) fn lies_in_the_fields(self) -> bool {
        self == Self::InvalidEmail
    }
}

/// A mail is under way, if there is somebody to get it; nothing here says whether there is.
#[derive(Clone, Debug)]
pub struct MailSent {
    /// Where it goes.
    pub email: String,
    /// What the link in it does.
    pub purpose: MailPurpose,
    /// How long the link is good for, in minutes.
    pub minutes: u64,
    /// Path of the page to begin again on.
    pub again: String,
}

/// What the link in a mail does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailPurpose {
    /// It goes on with signing up.
    SignUp,
    /// It sets a new password.
    ResetPassword,
}

/// The page behind the mailed link. Fields: `name`, `password`.
#[derive(Clone, Debug, Default)]
pub struct FinishSignUp {
    /// The app for which somebody signs up.
    pub client: Option<ClientCard>,
    /// Where it is sent.
    pub form: FormTarget,
    /// The address that was confirmed.
    pub email: String,
    /// What was sent before.
    pub name: String,
    /// Why it is shown again.
    pub problem: Option<NewPasswordProblem>,
}

impl SignUp {
    pub(in crate::pages) fn wrong(&self) -> bool {
        self.problem.is_some_and(SignUpProblem::lies_in_the_fields)
    }
}

view!(SignUp, "sign_up.html", |view, policy| {
    view.form.permit(policy);
    if let Some(client) = &view.client {
        client.permit(policy);
    }
});

view!(MailSent, "mail_sent.html", |_, _| ());

impl FinishSignUp {
    pub(in crate::pages) fn wrong(&self) -> bool {
        self.problem.is_some_and(NewPasswordProblem::lies_in_the_new)
    }
}

view!(FinishSignUp, "finish_sign_up.html", |view, policy| {
    view.form.permit(policy);
    if let Some(client) = &view.client {
        client.permit(policy);
    }
});
