//! User name and password with each request (RFC 7617).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menshen_verifier::Rejection;
use zeroize::Zeroizing;

use super::conversion::{self, Ask};
use super::{authorization, unauthenticated};
use crate::config::{Authentication, Requirements};
use crate::gateway::Gateway;
use crate::{Facts, Identity, Refusal};

const GRANT: &str = "urn:menshen:params:oauth:grant-type:basic";

/// The longest user name and password, as the provider takes them.
const LONGEST: (usize, usize) = (255, 1024);

pub(super) async fn authenticate(
    gateway: &Gateway,
    facts: &Facts,
    required: &Requirements,
) -> Result<Identity, Refusal> {
    let malformed = || unauthenticated(required, Rejection::Malformed);
    let encoded = authorization(facts).and_then(|(_, rest)| read(rest)).ok_or_else(malformed)?;
    let (username, password) = split(&encoded).ok_or_else(malformed)?;
    let address = facts.address.to_string();
    let ask = Ask {
        by: Authentication::Basic,
        shown: &["basic", username, password],
        form: &[
            ("grant_type", GRANT),
            ("username", username),
            ("password", password),
            ("client_address", &address),
        ],
        proof: None,
    };
    conversion::admit(gateway, required, &ask).await
}

/// What was encoded; `None` for what is not base64, and not UTF-8 as the challenge asks for.
fn read(encoded: &str) -> Option<Zeroizing<String>> {
    if encoded.len() > 2048 {
        return None;
    }
    let bytes = Zeroizing::new(STANDARD.decode(encoded).ok()?);
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

/// User name and password, neither of them empty; a password may hold colons (RFC 7617 section 2).
fn split(text: &str) -> Option<(&str, &str)> {
    let (username, password) = text.split_once(':')?;
    let fits = (1..=LONGEST.0).contains(&username.len())
        && (1..=LONGEST.1).contains(&password.len())
        && !text.chars().any(char::is_control);
    fits.then_some((username, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(encoded: &str) -> Option<(String, String)> {
        let text = read(encoded)?;
        split(&text).map(|(username, password)| (username.to_owned(), password.to_owned()))
    }

    fn encode(bytes: impl AsRef<[u8]>) -> String {
        STANDARD.encode(bytes)
    }

    #[test]
    fn a_password_may_hold_whatever_can_be_typed() {
        let both =
            |username: &str, password: &str| Some((username.to_owned(), password.to_owned()));
        // RFC 7617 section 2 and 2.1.
        assert_eq!(pair("QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), both("Aladdin", "open sesame"));
        assert_eq!(pair("dGVzdDoxMjPCow=="), both("test", "123\u{a3}"));
        assert_eq!(pair(&encode("ada:a:b:")), both("ada", "a:b:"));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let long = encode(format!("ada:{}", "x".repeat(1_025)));
        for bad in [
            "",
            "QWxhZGRpbjpvcGVuIHNlc2FtZQ",
            "QWxhZGRpbjpvcGVuIHNlc2FtZR==",
            "QWxhZGRp bjpvcGVuIHNlc2FtZQ==",
            &encode("ada"),
            &encode("ada:"),
            &encode(":secret"),
            &encode("ada:se\u{0}cret"),
            &encode("ada\r\n:secret"),
            // Latin-1.
            &encode(b"test:123\xa3"),
            &long,
        ] {
            assert_eq!(pair(bad), None, "{bad}");
        }
    }
}
