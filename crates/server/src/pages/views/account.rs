//! The account home: who am I, where am I signed in, what may use my account.

use menshen_token::Timestamp;

use super::client::{ClientCard, Person};
use super::one_time_passwords::OneTimePasswordsCard;
use super::password::NewPasswordProblem;
use super::scope;
use crate::pages::moment::Moment;
use crate::pages::page::view;
use crate::pages::{Chrome, FormTarget};

/// The account home. The password form has the fields `current_password` and `new_password`.
#[derive(Clone, Debug, Default)]
pub struct AccountHome {
    /// Who it is.
    pub person: Person,
    /// Their e-mail address.
    pub email: Option<String>,
    /// What has just been done.
    pub notice: Option<AccountNotice>,
    /// Where they are signed in, this one first.
    pub devices: Vec<DeviceRow>,
    /// Ends every session but this one.
    pub sign_out_elsewhere: FormTarget,
    /// What may use their account.
    pub apps: Vec<AppRow>,
    /// One-time passwords.
    pub one_time_passwords: OneTimePasswordsCard,
    /// Changes the password.
    pub change_password: FormTarget,
    /// Why the password form is shown again.
    pub password_problem: Option<NewPasswordProblem>,
    /// Ends this session.
    pub sign_out: FormTarget,
}

/// What has just been done, told at the top of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountNotice {
    /// One device was signed out.
    DeviceSignedOut,
    /// Every other device was signed out.
    SignedOutElsewhere,
    /// An app lost its access.
    AccessWithdrawn,
    /// The password was changed.
    PasswordChanged,
    /// One-time passwords were turned off.
    OneTimePasswordsOff,
}

impl AccountNotice {
    pub(in crate::pages) fn key(self) -> &'static str {
        match self {
            Self::DeviceSignedOut => "notice-device-signed-out",
            Self::SignedOutElsewhere => "notice-signed-out-elsewhere",
            Self::AccessWithdrawn => "notice-access-withdrawn",
            Self::PasswordChanged => "notice-password-changed",
            Self::OneTimePasswordsOff => "notice-codes-off",
        }
    }
}

/// One session.
#[derive(Clone, Debug)]
pub struct DeviceRow {
    /// What the device is called.
    pub name: Option<String>,
    /// What it runs.
    pub platform: Option<String>,
    /// Where it was seen last.
    pub address: Option<String>,
    /// When it was seen last.
    pub last_seen_at: Timestamp,
    /// When it signed in.
    pub created_at: Timestamp,
    /// Whether it is this one.
    pub current: bool,
    /// Ends it.
    pub sign_out: FormTarget,
}

/// One app with access.
#[derive(Clone, Debug)]
pub struct AppRow {
    /// The app.
    pub client: ClientCard,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Since when.
    pub since: Timestamp,
    /// Takes its access away.
    pub withdraw: FormTarget,
}

impl AccountHome {
    pub(in crate::pages) fn has_other_devices(&self) -> bool {
        self.devices.iter().any(|device| !device.current)
    }

    pub(in crate::pages) fn current_is_wrong(&self) -> bool {
        self.password_problem.is_some_and(NewPasswordProblem::lies_in_the_current)
    }

    pub(in crate::pages) fn new_is_wrong(&self) -> bool {
        self.password_problem.is_some_and(NewPasswordProblem::lies_in_the_new)
    }
}

impl DeviceRow {
    pub(in crate::pages) fn called(&self, chrome: &Chrome) -> String {
        self.name.clone().unwrap_or_else(|| chrome.text("device-nameless"))
    }

    pub(in crate::pages) fn seen(&self, chrome: &Chrome) -> Moment {
        Moment::ago(chrome, self.last_seen_at)
    }

    pub(in crate::pages) fn since(&self, chrome: &Chrome) -> Moment {
        Moment::day(chrome, self.created_at)
    }
}

impl AppRow {
    pub(in crate::pages) fn since(&self, chrome: &Chrome) -> Moment {
        Moment::day(chrome, self.since)
    }
}

view!(AccountHome, "account_home.html", |view, policy| {
    for app in &view.apps {
        app.client.permit(policy);
    }
});
