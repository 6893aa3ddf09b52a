//! What an app asks for, for a person to allow or refuse.

use super::client::{ClientCard, Person};
use super::scope;
use crate::pages::FormTarget;
use crate::pages::page::view;

/// What an app asks for. Buttons: `decision` is `allow` or `deny`.
#[derive(Clone, Debug, Default)]
pub struct Consent {
    /// The app that asks.
    pub client: ClientCard,
    /// Where the app lives, as the person would know it: the host of its redirect URI.
    pub leads_to: Option<String>,
    /// Who is asked.
    pub person: Person,
    /// What it asks for.
    pub scopes: Vec<String>,
    /// Where it is sent.
    pub form: FormTarget,
    /// Signs somebody else in.
    pub other_account: Option<FormTarget>,
}

view!(Consent, "consent.html", |view, policy| {
    view.client.permit(policy);
    view.form.permit(policy);
    if let Some(other) = &view.other_account {
        other.permit(policy);
    }
});
