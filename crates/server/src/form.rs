//! `application/x-www-form-urlencoded` request bodies and queries, read strictly: what one parser
//! takes for a repetition and another for an override is refused instead.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use axum_server::tls::TlsInfo;
use http_body_util::LengthLimitError;
use zeroize::Zeroizing;

use crate::error::OAuthError;

/// The longest body that is read.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The most parameters that are looked at; no request of ours needs a quarter of them.
const MAX_PARAMETERS: usize = 64;

/// The parameters that may be given more than once (RFC 8707 section 2, RFC 8693 section 2.1).
const REPEATABLE: [&str; 2] = ["resource", "audience"];

/// The parameters of a request, each of them once but for [`REPEATABLE`]. They may be passwords:
/// there is no `Debug`, and they are wiped when dropped.
pub(crate) struct Form {
    parameters: Vec<(Zeroizing<String>, Zeroizing<String>)>,
    connection: Option<Arc<TlsInfo>>,
}

impl Form {
    /// Reads a body, or a query.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, OAuthError> {
        let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
        let decoded = pairs.map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default());
            let value = decode(halves.next().unwrap_or_default());
            let malformed = OAuthError::InvalidRequest("the request body is not well encoded");
            name.zip(value).ok_or(malformed)
        });
        Self::of(decoded)
    }

    /// Takes parameters that came in another form.
    pub(crate) fn from_pairs(pairs: Vec<(String, String)>) -> Result<Self, OAuthError> {
        let pairs = pairs.into_iter();
        Self::of(pairs.map(|(name, value)| Ok((Zeroizing::new(name), Zeroizing::new(value)))))
    }

    fn of(
        pairs: impl Iterator<Item = Result<(Zeroizing<String>, Zeroizing<String>), OAuthError>>,
    ) -> Result<Self, OAuthError> {
        let mut parameters: Vec<(Zeroizing<String>, Zeroizing<String>)> = Vec::with_capacity(8);
        for pair in pairs {
            let (name, value) = pair?;
            let repeated = parameters.iter().any(|(known, _)| *known == name);
            if repeated && !REPEATABLE.contains(&name.as_str()) {
                return Err(OAuthError::InvalidRequest("a parameter is given more than once"));
            }
            if parameters.len() == MAX_PARAMETERS {
                return Err(OAuthError::InvalidRequest("there are too many parameters"));
            }
            parameters.push((name, value));
        }
        Ok(Self { parameters, connection: None })
    }

    /// Every value of a parameter that may be repeated; empty ones count as absent.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.parameters.iter().filter(move |(known, _)| known.as_str() == name);
        named.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Every parameter, in the order given.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of a parameter. An empty one counts as absent (RFC 6749 section 3.1).
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let value = self.parameters.iter().find(|(known, _)| known.as_str() == name)?.1.as_str();
        (!value.is_empty()).then_some(value)
    }

    /// The value of a parameter that must be there.
    ///
    /// # Errors
    ///
    /// [`OAuthError::MissingParameter`].
    pub(crate) fn require(&self, name: &'static str) -> Result<&str, OAuthError> {
        self.text(name).ok_or(OAuthError::MissingParameter(name))
    }

    /// The certificate of the connection that the form came over, in DER: the other half of what
    /// a client sends along to prove who it is. The handshake has proved its key.
    pub(crate) fn certificate(&self) -> Option<&[u8]> {
        self.connection.as_ref()?.peer_certificates.first().map(Vec::as_slice)
    }
}

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = OAuthError;

    async fn from_request(request: Request, _: &S) -> Result<Self, OAuthError> {
        if !is_form(request.headers()) {
            return Err(OAuthError::UnsupportedMediaType);
        }
        let connection = request.extensions().get::<Arc<TlsInfo>>().cloned();
        match axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES).await {
            Ok(body) => Ok(Self { connection, ..Self::parse(&body)? }),
            Err(error) if is_too_long(&error) => Err(OAuthError::TooLarge),
            Err(_) => Err(OAuthError::InvalidRequest("the request body could not be read")),
        }
    }
}

/// Whether the request says, once, that its body is a form.
fn is_form(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(found), None) = (types.next(), types.next()) else { return false };
    let essence = found.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn is_too_long(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Undoes the encoding of one name or value; `None` for a broken escape, or bytes that are not
/// UTF-8.
pub(crate) fn decode(encoded: &[u8]) -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(encoded.len()));
    let mut rest = encoded.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => 16 * hex(*rest.next()?)? + hex(*rest.next()?)?,
            plain => *plain,
        });
    }
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Form {
        Form::parse(body.as_bytes()).expect("a form")
    }

    #[test]
    fn a_form_gives_back_what_was_encoded() {
        let form = parse("a=1&b=%C3%A9+%26%3d&c=&&d");
        assert_eq!(form.text("a"), Some("1"));
        assert_eq!(form.text("b"), Some("\u{e9} &="));
        assert_eq!((form.text("c"), form.text("d"), form.text("e")), (None, None, None));
    }

    #[test]
    fn a_value_may_hold_equals_signs() {
        assert_eq!(parse("a=b=c").text("a"), Some("b=c"));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for bad in ["a=1&a=1", "a=1&%61=2", "a=&a=1", "a=%", "a=%4", "a=%zz", "a=%ff", "%+1=a"] {
            assert!(Form::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        let many: Vec<String> = (0..65).map(|n| format!("p{n}=1")).collect();
        assert!(Form::parse(many.join("&").as_bytes()).is_err());
        assert!(Form::parse(many[1..].join("&").as_bytes()).is_ok());
        let resources = parse("resource=a&resource=&resource=b");
        assert_eq!(resources.all("resource").collect::<Vec<_>>(), ["a", "b"]);
    }
}
