//! Signing a television or a command line in, from a phone or a browser (RFC 8628).

use super::client::{ClientCard, Person};
use super::scope;
use super::sign_in::wait;
use crate::pages::page::view;
use crate::pages::{Chrome, FormTarget};

/// The page that asks for the code on the device. Field: `user_code`.
#[derive(Clone, Debug, Default)]
pub struct DeviceEnter {
    /// Where it is sent.
    pub form: FormTarget,
    /// From `verification_uri_complete`, or what was sent before.
    pub user_code: String,
    /// Why it is shown again.
    pub problem: Option<DeviceProblem>,
}

/// Why a code was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceProblem {
    /// There is no such code, or no longer.
    UnknownCode,
    /// Too many attempts; the wait in seconds.
    TooManyAttempts(u64),
    /// There is more to do than can be done right now.
    Busy,
}

impl DeviceProblem {
    pub(in crate::pages) fn sentence(self, chrome: &Chrome) -> String {
        match self {
            Self::UnknownCode => chrome.text("problem-unknown-code"),
            Self::TooManyAttempts(seconds) => wait(chrome, seconds),
            Self::Busy => chrome.text("problem-busy"),
        }
    }

    pub(super) fn lies_in_the_fields(self) -> bool {
        self == Self::UnknownCode
    }
}

/// Is it this device? Buttons: `decision` is `allow` or `deny`.
#[derive(Clone, Debug, Default)]
pub struct DeviceConfirm {
    /// The app on the device.
    pub client: ClientCard,
    /// Who is asked.
    pub person: Person,
    /// To compare with what the device shows.
    pub user_code: String,
    /// What it asks for.
    pub scopes: Vec<String>,
    /// Where it is sent.
    pub form: FormTarget,
    /// Signs somebody else in.
    pub other_account: Option<FormTarget>,
}

/// There is nothing more to do here.
#[derive(Clone, Debug)]
pub struct DeviceDone {
    /// The name of the app on the device.
    pub client_name: String,
    /// What was decided.
    pub verdict: DeviceVerdict,
}

/// What was decided about a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceVerdict {
    /// It is signed in.
    Allowed,
    /// It is not.
    Denied,
}

impl DeviceEnter {
    pub(in crate::pages) fn wrong(&self) -> bool {
        self.problem.is_some_and(DeviceProblem::lies_in_the_fields)
    }
}

view!(DeviceEnter, "device_enter.html", |view, policy| view.form.permit(policy));

view!(DeviceConfirm, "device_confirm.html", |view, policy| {
    view.client.permit(policy);
    view.form.permit(policy);
});

view!(DeviceDone, "device_done.html", |_, _| ());
