//! The settings of the pages: what the place is called, and how it looks.

use url::Url;

use super::ConfigError;
use super::resolve::Reader;
use crate::pages::{Accent, Brand, Logo};

pub(super) fn brand(from: &Reader<'_>) -> Result<Brand, ConfigError> {
    let name = from.read("pages.name", name)?;
    let accent: Accent = from.read("pages.accent", |text| parsed(text.parse()))?;
    let mut brand = Brand::new(name, accent);
    brand.logo = from.read_given("pages.logo", |text| parsed(Logo::read(text)))?;
    brand.privacy_link = from.read_given("pages.privacy_link", web_address)?;
    brand.terms_link = from.read_given("pages.terms_link", web_address)?;
    brand.support_link = from.read_given("pages.support_link", web_or_mail_address)?;
    Ok(brand)
}

fn parsed<T, E: ToString>(parsed: Result<T, E>) -> Result<T, String> {
    parsed.map_err(|error| error.to_string())
}

fn name(text: &str) -> Result<String, String> {
    let name = text.trim();
    let fits = (1..=60).contains(&name.chars().count()) && !name.contains(char::is_control);
    if fits { Ok(name.to_owned()) } else { Err("1 to 60 characters".to_owned()) }
}

fn web_address(text: &str) -> Result<Url, String> {
    address(text, &["https", "http"]).ok_or_else(|| "a web address".to_owned())
}

fn web_or_mail_address(text: &str) -> Result<Url, String> {
    let url = address(text, &["https", "http", "mailto"]);
    url.ok_or_else(|| "a web address, or `mailto:` and an address".to_owned())
}

fn address(text: &str, schemes: &[&str]) -> Option<Url> {
    let url: Url = text.parse().ok()?;
    schemes.contains(&url.scheme()).then_some(url)
}
