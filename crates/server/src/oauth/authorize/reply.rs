//! The authorization response: where it goes and how it travels (RFC 6749 section 4.1.2, OAuth 2.0
//! Multiple Response Types, Form Post Response Mode), always with `iss` (RFC 9207).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use url::{Url, form_urlencoded};

use crate::app::App;
use crate::error::OAuthError;
use crate::pages::{Chrome, FormPost};

/// How parameters travel to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    /// In the query of a redirect.
    Query,
    /// In the fragment of a redirect.
    Fragment,
    /// In a form that sends itself.
    FormPost,
}

/// Where an answer goes.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// An address that the client has registered.
    pub(crate) redirect_uri: String,
    /// How.
    pub(crate) mode: ResponseMode,
    /// Whether that is what was asked for, if something was.
    pub(crate) mode_is_known: bool,
    /// `state`, to be given back.
    pub(crate) state: Option<String>,
    /// Whom the form speaks of.
    pub(crate) client_name: String,
}

impl Reply {
    /// Sends parameters to the client.
    pub(crate) fn send(
        &self,
        app: &App,
        chrome: &Chrome,
        mut parameters: Vec<(&'static str, String)>,
    ) -> Response {
        if let Some(state) = &self.state {
            parameters.push(("state", state.clone()));
        }
        parameters.push(("iss", app.config.issuer().to_owned()));
        match self.mode {
            ResponseMode::Query => {
                let separator = if self.redirect_uri.contains('?') { '&' } else { '?' };
                see_other(&format!("{}{separator}{}", self.redirect_uri, written(&parameters)))
            }
            ResponseMode::Fragment => {
                see_other(&format!("{}#{}", self.redirect_uri, written(&parameters)))
            }
            ResponseMode::FormPost => {
                let Ok(to) = Url::parse(&self.redirect_uri) else {
                    return OAuthError::Internal.into_response();
                };
                let parameters =
                    parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                let form = FormPost { client_name: self.client_name.clone(), to, parameters };
                chrome.page(StatusCode::OK, &form)
            }
        }
    }

    /// Tells the client what is wrong (RFC 6749 section 4.1.2.1).
    pub(crate) fn refuse(&self, app: &App, chrome: &Chrome, error: &OAuthError) -> Response {
        tracing::Span::current().record("error.code", error.code());
        let parameters =
            vec![("error", error.code().to_owned()), ("error_description", error.to_string())];
        self.send(app, chrome, parameters)
    }

    /// The address, for the policy of a page whose form leads there.
    pub(crate) fn url(&self) -> Option<Url> {
        Url::parse(&self.redirect_uri).ok()
    }
}

fn written(parameters: &[(&'static str, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

/// Sends a browser somewhere, by GET whatever it did before (RFC 9700 section 4.12).
pub(crate) fn see_other(location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => {
            let headers = [
                (header::LOCATION, location),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            ];
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Err(_) => OAuthError::Internal.into_response(),
    }
}
