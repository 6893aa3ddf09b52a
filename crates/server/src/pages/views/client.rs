//! Who is at the two ends of a sign-in: the app that asks, and the person who answers.

use url::Url;

use crate::pages::Policy;

/// What a person is shown of a client. Links and pictures that are not on the web are left out.
#[derive(Clone, Debug, Default)]
pub struct ClientCard {
    /// `client_name`, or the client id.
    pub name: String,
    /// `logo_uri`.
    pub logo: Option<Url>,
    /// `client_uri`.
    pub home: Option<Url>,
    /// `policy_uri`.
    pub policy: Option<Url>,
    /// `tos_uri`.
    pub terms: Option<Url>,
}

impl ClientCard {
    pub(in crate::pages) fn logo(&self) -> Option<&str> {
        on_the_web(self.logo.as_ref())
    }

    pub(in crate::pages) fn home(&self) -> Option<&str> {
        on_the_web(self.home.as_ref())
    }

    pub(in crate::pages) fn policy(&self) -> Option<&str> {
        on_the_web(self.policy.as_ref())
    }

    pub(in crate::pages) fn terms(&self) -> Option<&str> {
        on_the_web(self.terms.as_ref())
    }

    /// The letter shown in place of a logo.
    pub(in crate::pages) fn initial(&self) -> String {
        initial(&self.name)
    }

    pub(super) fn permit(&self, policy: &mut Policy) {
        if let Some(logo) = &self.logo
            && self.logo().is_some()
        {
            policy.allow_image(logo);
        }
    }
}

/// What a person is shown of themselves.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// What they are called, where that is known.
    pub name: Option<String>,
    /// What they sign in with.
    pub username: String,
}

impl Person {
    /// Name or username.
    pub(in crate::pages) fn called(&self) -> &String {
        self.name.as_ref().unwrap_or(&self.username)
    }

    pub(in crate::pages) fn initial(&self) -> String {
        initial(self.called())
    }
}

fn initial(name: &str) -> String {
    let first = name.chars().find(|letter| letter.is_alphanumeric());
    first.map_or_else(|| "?".to_owned(), |letter| letter.to_uppercase().collect())
}

/// The text of a URL that a browser may follow from one of our pages.
pub(super) fn on_the_web(url: Option<&Url>) -> Option<&str> {
    url.filter(|url| matches!(url.scheme(), "https" | "http")).map(Url::as_str)
}
