//! Signing in, once more or for the first time.

use super::client::{ClientCard, Person};
use crate::pages::page::view;
use crate::pages::{Chrome, FormTarget, Policy};

/// The page to sign in on. Fields: `username`, `password`.
#[derive(Clone, Debug, Default)]
pub struct SignIn {
    /// The app that asked for it; `None` for the account pages.
    pub client: Option<ClientCard>,
    /// Where it is sent.
    pub form: FormTarget,
    /// Filled in from `login_hint`, or from what was sent before.
    pub username: String,
    /// Why it is shown again.
    pub problem: Option<SignInProblem>,
    /// Path of the page to sign up on, where that is allowed.
    pub sign_up: Option<String>,
    /// Path of the page for a forgotten password, where mail can be sent.
    pub forgot_password: Option<String>,
}

/// The user must give the password once more. Field: `password`.
#[derive(Clone, Debug, Default)]
pub struct Reauthenticate {
    /// The app that asked for it; `None` for the account pages.
    pub client: Option<ClientCard>,
    /// Who must confirm.
    pub person: Person,
    /// Where it is sent.
    pub form: FormTarget,
    /// Why it is shown again.
    pub problem: Option<SignInProblem>,
    /// How to become somebody else, where the app allows that.
    pub other_account: Option<FormTarget>,
    /// Path of the page for a forgotten password, where mail can be sent.
    pub forgot_password: Option<String>,
}

/// Somebody is signed in already: go on as them, or as somebody else.
#[derive(Clone, Debug, Default)]
pub struct ChooseAccount {
    /// The app that asked for it.
    pub client: Option<ClientCard>,
    /// Who is signed in.
    pub person: Person,
    /// Goes on as them.
    pub go_on: FormTarget,
    /// Signs somebody else in.
    pub other_account: FormTarget,
}

/// Why a sign-in did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInProblem {
    /// Which of the two is wrong is not said.
    WrongNameOrPassword,
    /// Too many attempts; the wait in seconds.
    TooManyAttempts(u64),
    /// There is more to do than can be done right now.
    Busy,
    /// It stopped half way, and took too long or went wrong too often.
    BeginAgain,
}

impl SignInProblem {
    pub(in crate::pages) fn sentence(self, chrome: &Chrome) -> String {
        match self {
            Self::WrongNameOrPassword => chrome.text("problem-wrong-name-or-password"),
            Self::TooManyAttempts(seconds) => wait(chrome, seconds),
            Self::Busy => chrome.text("problem-busy"),
            Self::BeginAgain => chrome.text("problem-begin-again"),
        }
    }

    /// For a page with a single field there is but one thing that can be wrong.
    pub(in crate::pages) fn sentence_for_password(self, chrome: &Chrome) -> String {
        match self {
            Self::WrongNameOrPassword => chrome.text("problem-wrong-password"),
            Self::TooManyAttempts(_) | Self::Busy | Self::BeginAgain => self.sentence(chrome),
        }
    }

    /// Whether what was typed is to be marked as wrong.
    pub(super) fn lies_in_the_fields(self) -> bool {
        self == Self::WrongNameOrPassword
    }
}

/// "Try again in so long": in minutes where seconds would be a riddle.
pub(super) fn wait(chrome: &Chrome, seconds: u64) -> String {
    if seconds > 90 {
        chrome.text_of("problem-wait-minutes", "count", &seconds.div_ceil(60))
    } else {
        chrome.text_of("problem-wait-seconds", "count", &seconds.max(1))
    }
}

pub(super) fn permit(policy: &mut Policy, client: Option<&ClientCard>, forms: &[&FormTarget]) {
    if let Some(client) = client {
        client.permit(policy);
    }
    for form in forms {
        form.permit(policy);
    }
}

impl SignIn {
    pub(in crate::pages) fn wrong(&self) -> bool {
        self.problem.is_some_and(SignInProblem::lies_in_the_fields)
    }
}

view!(SignIn, "sign_in.html", |view, policy| {
    permit(policy, view.client.as_ref(), &[&view.form]);
});

impl Reauthenticate {
    pub(in crate::pages) fn wrong(&self) -> bool {
        self.problem.is_some_and(SignInProblem::lies_in_the_fields)
    }
}

view!(Reauthenticate, "reauthenticate.html", |view, policy| {
    permit(policy, view.client.as_ref(), &[&view.form]);
    permit(policy, None, view.other_account.as_ref().as_slice());
});

view!(ChooseAccount, "choose_account.html", |view, policy| {
    permit(policy, view.client.as_ref(), &[&view.go_on, &view.other_account]);
});
