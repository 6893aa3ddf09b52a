//! What surrounds every page: language, brand, links, and the form tokens.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use fluent_bundle::types::FluentNumber;
use fluent_bundle::{FluentArgs, FluentValue};
use menshen_token::Timestamp;
use url::form_urlencoded;

use super::brand::{Asset, Brand, Logo};
use super::form_target::FormTarget;
use super::language::Language;
use super::texts;
use crate::app::App;
use crate::config::Config;

/// Remembers the language that a person chose. It is no secret and decides nothing else.
const LANGUAGE_COOKIE: &str = "menshen-language";

/// What surrounds every page. As an extractor it is made from the request.
#[derive(Clone, Debug)]
pub struct Chrome {
    config: Arc<Config>,
    language: Language,
    /// Chosen with this very request, and so to be remembered.
    chosen: Option<Language>,
    here: String,
    now: Timestamp,
    csrf: Option<String>,
    person: Option<String>,
}

impl Chrome {
    /// For a request that came to `parts`.
    pub fn read(config: Arc<Config>, parts: &Parts, now: Timestamp) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let ui_locales = form_urlencoded::parse(query.as_bytes())
            .find_map(|(name, value)| (name == "ui_locales").then(|| value.into_owned()));
        let accepted = parts.headers.get(header::ACCEPT_LANGUAGE);
        let language = Language::negotiate(
            ui_locales.as_deref(),
            cookie(&parts.headers, LANGUAGE_COOKIE),
            accepted.and_then(|value| value.to_str().ok()),
        );
        Self {
            config,
            language,
            chosen: ui_locales.as_deref().and_then(Language::of_list),
            here: parts.uri.path_and_query().map_or("/", |here| here.as_str()).to_owned(),
            now,
            csrf: None,
            person: None,
        }
    }

    /// With the token that every form of the page carries as `csrf`.
    #[must_use]
    pub fn with_csrf(mut self, token: impl Into<String>) -> Self {
        self.csrf = Some(token.into());
        self
    }

    /// With the name of who is signed in, for the top of the page.
    #[must_use]
    pub fn with_person(mut self, name: impl Into<String>) -> Self {
        self.person = Some(name.into());
        self
    }

    /// As the answer to a form: the page that the language switch leads to instead.
    #[must_use]
    pub fn at(mut self, path_and_query: impl Into<String>) -> Self {
        self.here = path_and_query.into();
        self
    }

    /// In what an authorization request asked for by `ui_locales`, where it did and the person
    /// has not chosen since.
    #[must_use]
    pub fn preferring(mut self, ui_locales: Option<&str>) -> Self {
        let asked = ui_locales.and_then(Language::of_list);
        self.language = self.chosen.or(asked).unwrap_or(self.language);
        self
    }

    /// The language of the page.
    pub fn language(&self) -> Language {
        self.language
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn brand(&self) -> &Brand {
        &self.config.brand
    }

    pub(super) fn person(&self) -> Option<&str> {
        self.person.as_deref()
    }

    /// A path below the issuer, as a link.
    pub(super) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.config.issuer.path().trim_end_matches('/'))
    }

    fn asset(&self, asset: &Asset) -> String {
        self.path(&format!("/assets/{}", asset.name))
    }

    pub(super) fn stylesheet(&self) -> String {
        self.asset(&self.brand().stylesheet)
    }

    pub(super) fn mark(&self) -> String {
        self.asset(&self.brand().mark)
    }

    pub(super) fn logo(&self) -> Option<String> {
        Some(match self.brand().logo.as_ref()? {
            Logo::Remote(url) => url.to_string(),
            Logo::Served(asset) => self.asset(asset),
        })
    }

    /// The other languages, each with the address of this page in it.
    pub(super) fn other_languages(&self) -> Vec<(Language, String)> {
        let others = Language::ALL.into_iter().filter(|language| *language != self.language);
        others.map(|language| (language, self.here_in(language))).collect()
    }

    fn here_in(&self, language: Language) -> String {
        let (path, query) = self.here.split_once('?').unwrap_or((&self.here, ""));
        let kept =
            form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "ui_locales");
        let mut written = form_urlencoded::Serializer::new(String::new());
        written.extend_pairs(kept).append_pair("ui_locales", language.tag());
        self.path(&format!("{path}?{}", written.finish()))
    }

    /// The beginning of a form: where it goes, and its hidden fields.
    pub(super) fn form(&self, target: &FormTarget) -> FormStart<'_> {
        let action = if target.path.is_empty() { None } else { Some(self.path(&target.path)) };
        FormStart { action, csrf: self.csrf.as_deref(), hidden: target.hidden.clone() }
    }

    pub(super) fn text(&self, key: &str) -> String {
        texts::text(self.language, key, None)
    }

    pub(super) fn text_of(&self, key: &str, name: &str, value: &dyn Argument) -> String {
        self.text_of_all(key, &[(name, value)])
    }

    pub(super) fn text_of_all(&self, key: &str, values: &[(&str, &dyn Argument)]) -> String {
        let mut arguments = FluentArgs::with_capacity(values.len());
        for (name, value) in values {
            arguments.set(*name, value.value());
        }
        texts::text(self.language, key, Some(&arguments))
    }

    pub(super) fn language_cookie(&self) -> Option<String> {
        let tag = self.chosen?.tag();
        let path = self.path("/");
        let secure = if self.config.issuer.scheme() == "https" { "; Secure" } else { "" };
        Some(format!(
            "{LANGUAGE_COOKIE}={tag}; Path={path}; Max-Age=31536000; HttpOnly; SameSite=Lax{secure}"
        ))
    }
}

impl FromRequestParts<App> for Chrome {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self::read(app.config.clone(), parts, app.now()))
    }
}

/// The beginning of a form.
#[derive(askama::Template)]
#[template(path = "form_start.html")]
pub(super) struct FormStart<'a> {
    action: Option<String>,
    csrf: Option<&'a str>,
    hidden: Vec<(String, String)>,
}

/// What can be put into a text.
pub(super) trait Argument {
    fn value(&self) -> FluentValue<'_>;
}

impl<T: Argument> Argument for &T {
    fn value(&self) -> FluentValue<'_> {
        (*self).value()
    }
}

impl Argument for String {
    /// Without what would turn the direction of our own words around.
    fn value(&self) -> FluentValue<'_> {
        if self.contains(changes_direction) {
            FluentValue::from(self.replace(changes_direction, ""))
        } else {
            FluentValue::from(self.as_str())
        }
    }
}

/// The marks, embeddings, overrides and isolates of UAX #9.
fn changes_direction(letter: char) -> bool {
    matches!(
        letter,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

impl Argument for i64 {
    fn value(&self) -> FluentValue<'_> {
        FluentValue::Number(FluentNumber::from(*self))
    }
}

impl Argument for u64 {
    fn value(&self) -> FluentValue<'_> {
        FluentValue::Number(FluentNumber::from(*self))
    }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let fields = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    fields.flat_map(|field| field.split(';')).find_map(|pair| {
        let (known, value) = pair.trim().split_once('=')?;
        (known == name).then_some(value)
    })
}
