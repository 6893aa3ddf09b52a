//! A password that was forgotten, and the one that takes its place.

use super::sign_up::SignUpProblem;
use crate::pages::page::view;
use crate::pages::{Chrome, FormTarget};

/// The page that asks where to send a link. Field: `email`.
#[derive(Clone, Debug, Default)]
pub struct ForgotPassword {
    /// Where it is sent.
    pub form: FormTarget,
    /// What was sent before.
    pub email: String,
    /// Why it is shown again.
    pub problem: Option<SignUpProblem>,
    /// Path of the page to sign in on.
    pub sign_in: Option<String>,
}

/// The page behind the mailed link. Field: `password`. A link that is no longer good is
/// [`Mishap::LinkExpired`](super::Mishap::LinkExpired).
#[derive(Clone, Debug, Default)]
pub struct ResetPassword {
    /// Where it is sent.
    pub form: FormTarget,
    /// Whose password it is.
    pub username: String,
    /// Why it is shown again.
    pub problem: Option<NewPasswordProblem>,
}

/// The password is changed, and everything signed in with the old one is signed out.
#[derive(Clone, Debug, Default)]
pub struct PasswordChanged {
    /// Path of the page to go on with.
    pub go_on: String,
}

/// Why a new password was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewPasswordProblem {
    /// It has fewer characters than this.
    TooShort(u64),
    /// It is longer than anybody types.
    TooLong,
    /// It is the same as the old one.
    Unchanged,
    /// The current password, asked for in the account pages, is wrong.
    CurrentIsWrong,
    /// Too many attempts; the wait in seconds.
    TooManyAttempts(u64),
    /// There is more to do than can be done right now.
    Busy,
}

impl NewPasswordProblem {
    pub(in crate::pages) fn sentence(self, chrome: &Chrome) -> String {
        match self {
            Self::TooShort(least) => chrome.text_of("problem-password-too-short", "count", &least),
            Self::TooLong => chrome.text("problem-password-too-long"),
            Self::Unchanged => chrome.text("problem-password-unchanged"),
            Self::CurrentIsWrong => chrome.text("problem-wrong-password"),
            Self::TooManyAttempts(seconds) => super::sign_in::wait(chrome, seconds),
            Self::Busy => chrome.text("problem-busy"),
        }
    }

    pub(super) fn lies_in_the_new(self) -> bool {
        matches!(self, Self::TooShort(_) | Self::TooLong | Self::Unchanged)
    }

    pub(super) fn lies_in_the_current(self) -> bool {
        self == Self::CurrentIsWrong
    }
}

impl ForgotPassword {
    pub(in crate::pages) fn wrong(&self) -> bool {
        self.problem.is_some_and(SignUpProblem::lies_in_the_fields)
    }
}

view!(ForgotPassword, "forgot_password.html", |view, policy| view.form.permit(policy));

impl ResetPassword {
    pub(in crate::pages) fn wrong(&self) -> bool {
        self.problem.is_some_and(NewPasswordProblem::lies_in_the_new)
    }
}

view!(ResetPassword, "reset_password.html", |view, policy| view.form.permit(policy));

view!(PasswordChanged, "password_changed.html", |_, _| ());
