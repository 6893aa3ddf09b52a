//! Where a form is sent, and what it carries unseen.

use url::Url;

use super::policy::Policy;

/// Where a form is sent, and what it carries unseen. The CSRF token is added by the page.
#[derive(Clone, Debug, Default)]
pub struct FormTarget {
    pub(super) path: String,
    pub(super) hidden: Vec<(String, String)>,
    leads_to: Vec<Url>,
}

impl FormTarget {
    /// A path below the issuer, such as `/sign-in`; empty for the page that shows the form.
    pub fn to(path: impl Into<String>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    /// With a hidden field.
    #[must_use]
    pub fn carrying(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.hidden.push((name.into(), value.into()));
        self
    }

    /// Where the answer may redirect to, such as a client's `redirect_uri`. Browsers stop a
    /// redirect after a form that the page did not announce.
    #[must_use]
    pub fn leading_to(mut self, url: &Url) -> Self {
        self.leads_to.push(url.clone());
        self
    }

    pub(super) fn permit(&self, policy: &mut Policy) {
        for url in &self.leads_to {
            policy.allow_form_to(url);
        }
    }
}
