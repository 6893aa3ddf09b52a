//! What a page may load and where its forms may lead (Content Security Policy).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::{Host, Url};

/// What a page may load and where its forms may lead, beyond ourselves.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    images: BTreeSet<String>,
    forms: BTreeSet<String>,
    frames: BTreeSet<String>,
    scripts: BTreeSet<String>,
}

impl Policy {
    /// A picture from somewhere else.
    pub fn allow_image(&mut self, url: &Url) {
        self.images.extend(source_of(url));
    }

    /// A form whose answer leads to a client. Chromium looks at every redirect that follows a
    /// form, and where a client's own callback leads to is not known: all of the encrypted web is
    /// allowed, and of the rest only the client itself.
    pub fn allow_form_to(&mut self, url: &Url) {
        if matches!(url.scheme(), "https" | "http") {
            self.forms.insert("https:".to_owned());
        }
        if url.scheme() != "https" {
            self.forms.extend(source_of(url));
        }
    }

    /// A frame that tells a client of the logout.
    pub fn allow_frame(&mut self, url: &Url) {
        self.frames.extend(source_of(url));
    }

    /// One script, by its text.
    pub(super) fn allow_script(&mut self, text: &str) {
        let hash = STANDARD.encode(digest::digest(&digest::SHA256, text.as_bytes()));
        self.scripts.insert(format!("'sha256-{hash}'"));
    }

    /// The value of the header field.
    pub(super) fn written(&self) -> String {
        let mut text = String::from("default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
        directive(&mut text, "style-src 'self'", &BTreeSet::new());
        directive(&mut text, "img-src 'self' data:", &self.images);
        directive(&mut text, "form-action 'self'", &self.forms);
        if !self.frames.is_empty() {
            directive(&mut text, "frame-src", &self.frames);
        }
        if !self.scripts.is_empty() {
            directive(&mut text, "script-src", &self.scripts);
        }
        text
    }
}

fn directive(text: &mut String, beginning: &str, sources: &BTreeSet<String>) {
    let _ = write!(text, "; {beginning}");
    for source in sources {
        let _ = write!(text, " {source}");
    }
}

/// The origin; or only the scheme, for an app's own scheme and for IPv6 addresses, which the
/// grammar of sources cannot express.
fn source_of(url: &Url) -> Option<String> {
    let scheme = url.scheme();
    let plain = |part: &str| {
        part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    match (scheme, url.host()) {
        ("http" | "https", Some(Host::Domain(name))) if !plain(name) => None,
        ("http" | "https", Some(Host::Ipv6(_)) | None) => Some(format!("{scheme}:")),
        ("http" | "https", Some(_)) => Some(url.origin().ascii_serialization()),
        ("javascript" | "data" | "blob", _) => None,
        _ => plain(scheme).then(|| format!("{scheme}:")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_may_lead_on_from_the_client() {
        let cases = [
            ("https://app.example/callback", "form-action 'self' https:"),
            ("http://127.0.0.1:5000/cb", "form-action 'self' http://127.0.0.1:5000 https:"),
            ("com.example.app:/callback", "form-action 'self' com.example.app:"),
            ("javascript:alert(1)", "form-action 'self'"),
        ];
        for (url, expected) in cases {
            let mut policy = Policy::default();
            policy.allow_form_to(&url.parse().expect("a URL"));
            assert!(policy.written().ends_with(expected), "{}", policy.written());
        }
    }

    #[test]
    fn sources_are_origins_where_there_is_one() {
        let cases = [
            ("https://app.example/callback?a=b;c", Some("https://app.example")),
            ("https://app.example:8443/", Some("https://app.example:8443")),
            ("http://127.0.0.1:5000/cb", Some("http://127.0.0.1:5000")),
            ("http://[::1]:5000/cb", Some("http:")),
            ("com.example.app:/callback", Some("com.example.app:")),
            ("javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("https://a;script-src/x", None),
        ];
        for (url, expected) in cases {
            let source = url.parse().ok().and_then(|url| source_of(&url));
            assert_eq!(source.as_deref(), expected, "{url}");
        }
    }
}
