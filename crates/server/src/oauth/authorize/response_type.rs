//! `response_type`: a code, or for those who may still have them, tokens right away.

use super::reply::ResponseMode;

/// What is asked for at the authorization endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResponseType {
    /// A code.
    pub(crate) code: bool,
    /// An ID token (OpenID Connect Core 1.0 section 3.2).
    pub(crate) id_token: bool,
    /// An access token (RFC 6749 section 4.2).
    pub(crate) token: bool,
}

impl ResponseType {
    /// Reads the parameter; `None` for words that we do not know, and for none or twins.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut asked = Self::default();
        for word in text.split(' ') {
            let slot = match word {
                "code" => &mut asked.code,
                "id_token" => &mut asked.id_token,
                "token" => &mut asked.token,
                _ => return None,
            };
            if std::mem::replace(slot, true) {
                return None;
            }
        }
        Some(asked)
    }

    /// Whether it is what OAuth 2.1 has left.
    pub(crate) const fn is_code_only(self) -> bool {
        self.code && !self.id_token && !self.token
    }

    /// Tokens do not travel in queries.
    pub(crate) const fn default_mode(self) -> ResponseMode {
        if self.id_token || self.token { ResponseMode::Fragment } else { ResponseMode::Query }
    }
}
