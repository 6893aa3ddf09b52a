//! One-time passwords in the account: setting an app up, and the codes for the day it is lost.

use super::code::CodeProblem;
use super::password::NewPasswordProblem;
use crate::pages::moment::Moment;
use crate::pages::page::view;
use crate::pages::{Chrome, FormTarget};
use menshen_token::Timestamp;

/// What the account home says of one-time passwords. Its form has the field `password`; its buttons
/// are `decision`: `set_up`, `recovery_codes` or `turn_off`.
#[derive(Clone, Debug, Default)]
pub struct OneTimePasswordsCard {
    /// Since when they are on, if they are.
    pub since: Option<Timestamp>,
    /// How many recovery codes have not been used.
    pub recovery_codes: u64,
    /// Where it is sent.
    pub form: FormTarget,
    /// Why the form is shown again.
    pub problem: Option<NewPasswordProblem>,
}

impl OneTimePasswordsCard {
    pub(in crate::pages) fn since(&self, chrome: &Chrome) -> Option<Moment> {
        self.since.map(|since| Moment::day(chrome, since))
    }

    pub(in crate::pages) fn wrong(&self) -> bool {
        self.problem.is_some_and(NewPasswordProblem::lies_in_the_current)
    }
}

/// The page that shows a secret to an app. Field: `code`, the first one.
#[derive(Clone, Debug, Default)]
pub struct SetUpCodes {
    /// The address as a QR code: SVG in base64.
    pub picture: Option<String>,
    /// The address that apps understand.
    pub address: String,
    /// The secret in it, to be typed.
    pub secret: String,
    /// Where the code is sent.
    pub form: FormTarget,
    /// Why it is shown again.
    pub problem: Option<CodeProblem>,
    /// Path of the account.
    pub back: String,
}

/// The page that shows recovery codes, this once.
#[derive(Clone, Debug, Default)]
pub struct RecoveryCodes {
    /// The codes.
    pub codes: Vec<String>,
    /// Path of the account.
    pub back: String,
}

view!(SetUpCodes, "set_up_codes.html", |_, _| {});
view!(RecoveryCodes, "recovery_codes.html", |_, _| {});
