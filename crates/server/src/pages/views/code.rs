//! Giving a one-time password after the password.

use super::client::{ClientCard, Person};
use super::sign_in::{permit, wait};
use crate::pages::page::view;
use crate::pages::{Chrome, FormTarget};

/// The page that asks for a one-time password. Field: `code`.
#[derive(Clone, Debug, Default)]
pub struct EnterCode {
    /// The app that asked for it; `None` for the account pages.
    pub client: Option<ClientCard>,
    /// Who signs in.
    pub person: Person,
    /// Where the code comes from.
    pub source: CodeSource,
    /// Where it is sent.
    pub form: FormTarget,
    /// Asks for a code by mail, where that is possible.
    pub mail: Option<FormTarget>,
    /// Why it is shown again.
    pub problem: Option<CodeProblem>,
    /// How to become somebody else.
    pub other_account: Option<FormTarget>,
}

/// Where a code comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CodeSource {
    /// An app on the phone, or the list of recovery codes.
    #[default]
    App,
    /// A mail that was sent, and how many minutes the code in it is good.
    Mail(u64),
    /// A mail that has yet to be asked for.
    MailToCome,
}

/// Why a code was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeProblem {
    /// It is wrong, was used before, or is too old.
    WrongCode,
    /// Too many attempts; the wait in seconds.
    TooManyAttempts(u64),
}

impl CodeProblem {
    pub(in crate::pages) fn sentence(self, chrome: &Chrome) -> String {
        match self {
            Self::WrongCode => chrome.text("problem-wrong-code"),
            Self::TooManyAttempts(seconds) => wait(chrome, seconds),
        }
    }
}

impl EnterCode {
    pub(in crate::pages) fn wrong(&self) -> bool {
        self.problem == Some(CodeProblem::WrongCode)
    }

    pub(in crate::pages) fn lead(&self, chrome: &Chrome) -> String {
        match self.source {
            CodeSource::App => chrome.text("enter-code-from-app"),
            CodeSource::Mail(minutes) => {
                chrome.text_of("enter-code-from-mail", "minutes", &minutes)
            }
            CodeSource::MailToCome => chrome.text("enter-code-mail-to-come"),
        }
    }

    pub(in crate::pages) fn takes_code(&self) -> bool {
        self.source != CodeSource::MailToCome
    }

    pub(in crate::pages) fn takes_recovery_code(&self) -> bool {
        self.source == CodeSource::App
    }

    pub(in crate::pages) fn mail_button(&self) -> &'static str {
        match self.source {
            CodeSource::App => "enter-code-mail-instead",
            CodeSource::Mail(_) => "enter-code-mail-again",
            CodeSource::MailToCome => "enter-code-mail-button",
        }
    }
}

view!(EnterCode, "enter_code.html", |view, policy| {
    permit(policy, view.client.as_ref(), &[&view.form]);
    permit(policy, None, view.mail.as_ref().as_slice());
    permit(policy, None, view.other_account.as_ref().as_slice());
});
