//! An authorization response that travels as a form (OAuth 2.0 Form Post Response Mode).

use url::Url;

use crate::pages::page::view;

/// Sends itself, where scripts run; otherwise there is a button.
#[derive(Clone, Debug)]
pub struct FormPost {
    /// The name of the client.
    pub client_name: String,
    /// Its `redirect_uri`.
    pub to: Url,
    /// The parameters of the response.
    pub parameters: Vec<(String, String)>,
}

/// The one script there is. A policy allows it by its hash, so it never changes.
const SUBMIT: &str = "document.forms[0].submit()";

view!(FormPost, "form_post.html", |view, policy| {
    policy.allow_form_to(&view.to);
    policy.allow_script(SUBMIT);
});
