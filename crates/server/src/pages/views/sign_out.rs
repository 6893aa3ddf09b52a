//! Signing out, and what came of it.

use menshen_token::Reason;
use url::Url;

use super::client::{ClientCard, Person, on_the_web};
use crate::pages::page::view;
use crate::pages::{Chrome, FormTarget};

/// Really? Buttons: `decision` is `sign_out` or `stay`.
#[derive(Clone, Debug, Default)]
pub struct ConfirmSignOut {
    /// Who is signed in.
    pub person: Person,
    /// The app that asked for it, where that is known for sure.
    pub client: Option<ClientCard>,
    /// Where it is sent.
    pub form: FormTarget,
}

/// What was ended, and why.
#[derive(Clone, Debug, Default)]
pub struct SignedOut {
    /// Whose sessions; `None` when nobody was signed in.
    pub person: Option<Person>,
    /// How far it went.
    pub extent: Extent,
    /// How many apps lost their access.
    pub apps: u64,
    /// Why, where it was not the person who asked for it.
    pub reason: Option<Reason>,
    /// The app to go back to, and where.
    pub back_to: Option<(ClientCard, Url)>,
    /// Path of the page to sign in on again.
    pub sign_in: Option<String>,
    /// Loaded unseen, so that the apps behind them hear of it (OpenID Connect Front-Channel
    /// Logout 1.0).
    pub frames: Vec<Url>,
}

/// How far a logout went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// This browser's session, and what hung on it.
    #[default]
    Device,
    /// Every session of the user.
    Everywhere,
}

impl SignedOut {
    pub(in crate::pages) fn back(&self) -> Option<(&ClientCard, &str)> {
        let (client, url) = self.back_to.as_ref()?;
        Some((client, on_the_web(Some(url))?))
    }

    pub(in crate::pages) fn reason(&self, chrome: &Chrome) -> Option<String> {
        self.reason.map(|reason| chrome.text(reason_key(reason)))
    }
}

fn reason_key(reason: Reason) -> &'static str {
    match reason {
        Reason::Logout => "reason-logout",
        Reason::LogoutEverywhere => "reason-logout-everywhere",
        Reason::RemoteLogout => "reason-remote-logout",
        Reason::TokenRevoked => "reason-token-revoked",
        Reason::PasswordChanged => "reason-password-changed",
        Reason::UserDisabled => "reason-user-disabled",
        Reason::ClientDisabled => "reason-client-disabled",
        Reason::Admin => "reason-admin",
        Reason::RefreshTokenReuse => "reason-refresh-token-reuse",
        Reason::AuthorizationCodeReuse => "reason-authorization-code-reuse",
        Reason::SignedInElsewhere => "reason-signed-in-elsewhere",
        Reason::SessionLimit => "reason-session-limit",
        Reason::AccountSwitched => "reason-account-switched",
        Reason::ConsentWithdrawn => "reason-consent-withdrawn",
        Reason::IdleTimeout => "reason-idle-timeout",
        Reason::AbsoluteTimeout => "reason-absolute-timeout",
        Reason::ClaimsChanged => "reason-claims-changed",
        Reason::KeyRevoked => "reason-key-revoked",
        Reason::AllRevoked => "reason-all-revoked",
    }
}

view!(ConfirmSignOut, "confirm_sign_out.html", |view, policy| view.form.permit(policy));

view!(SignedOut, "signed_out.html", |view, policy| {
    for frame in &view.frames {
        policy.allow_frame(frame);
    }
});
