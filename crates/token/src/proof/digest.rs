//! Proofs that somebody knows a password, without sending it (RFC 7616): with SHA-256 and
//! `qop=auth`, and nothing weaker. Which nonces are good, and whether a proof came before, is for
//! those who give the nonces to say.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::{constant_time, digest};

/// The hash of user name, realm and password: `H(A1)`. It answers every challenge of its realm as
/// the password would, and so is kept like one. Redacted in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct DigestKey(String);

/// The text is not 64 digits of lower-case hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDigestKey;

/// What answers a challenge, as the client sent it (RFC 7616 section 3.4).
#[derive(Clone, Copy, Debug)]
pub struct DigestAnswer<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// `uri`: the target of the request.
    pub uri: &'a str,
    /// `nonce`: the server's.
    pub nonce: &'a str,
    /// `nc`: eight digits that count the requests with this nonce.
    pub count: &'a str,
    /// `cnonce`: the client's.
    pub client_nonce: &'a str,
    /// `response`: the proof.
    pub response: &'a str,
}

impl DigestKey {
    /// The key of a user in a realm.
    pub fn of(username: &str, realm: &str, password: &str) -> Self {
        Self(hash(&[username, realm, password]))
    }

    /// The key in hexadecimal. To be sealed, or given to a gateway, and never to be logged.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether an answer was made with this key; takes equal time whatever differs.
    pub fn made(&self, answer: &DigestAnswer<'_>) -> bool {
        let request = hash(&[answer.method, answer.uri]);
        let expected = [&self.0, answer.nonce, answer.count, answer.client_nonce, "auth", &request];
        let (expected, found) = (hash(&expected), answer.response);
        constant_time::verify_slices_are_equal(expected.as_bytes(), found.as_bytes()).is_ok()
    }
}

impl FromStr for DigestKey {
    type Err = InvalidDigestKey;

    fn from_str(text: &str) -> Result<Self, InvalidDigestKey> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let valid = text.len() == 64 && text.bytes().all(digit);
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidDigestKey) }
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey(..)")
    }
}

/// SHA-256 over the parts with colons between them, in hexadecimal.
fn hash(parts: &[&str]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let hashed = digest::digest(&digest::SHA256, parts.join(":").as_bytes());
    let digits = hashed.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 section 3.9.1.
    const EXAMPLE: DigestAnswer<'_> = DigestAnswer {
        method: "GET",
        uri: "/dir/index.html",
        nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        count: "00000001",
        client_nonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        response: "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    };

    fn mufasa() -> DigestKey {
        DigestKey::of("Mufasa", "http-auth@example.org", "Circle of Life")
    }

    #[test]
    fn the_example_of_the_specification_holds() {
        assert!(mufasa().made(&EXAMPLE));
        let again: DigestKey = mufasa().expose().parse().expect("a key");
        assert!(again.made(&EXAMPLE));
        assert_eq!(format!("{again:?}"), "DigestKey(..)");
    }

    #[test]
    fn an_answer_is_for_one_request_of_one_user() {
        for (what, changed) in [
            ("method", DigestAnswer { method: "POST", ..EXAMPLE }),
            ("uri", DigestAnswer { uri: "/dir/other.html", ..EXAMPLE }),
            ("nonce", DigestAnswer { nonce: "another", ..EXAMPLE }),
            ("nc", DigestAnswer { count: "00000002", ..EXAMPLE }),
            ("cnonce", DigestAnswer { client_nonce: "", ..EXAMPLE }),
            ("response", DigestAnswer { response: "", ..EXAMPLE }),
            // The answer of the same user by MD5.
            ("md5", DigestAnswer { response: "8ca523f5e9506fed4657c9700eebdbec", ..EXAMPLE }),
        ] {
            assert!(!mufasa().made(&changed), "{what}");
        }
        for (username, realm, password) in [
            ("mufasa", "http-auth@example.org", "Circle of Life"),
            ("Mufasa", "elsewhere", "Circle of Life"),
            ("Mufasa", "http-auth@example.org", "circle of life"),
        ] {
            assert!(!DigestKey::of(username, realm, password).made(&EXAMPLE));
        }
    }

    #[test]
    fn a_key_has_one_spelling() {
        let key = mufasa();
        for bad in ["", &key.expose()[1..], &key.expose().to_uppercase(), &"g".repeat(64)] {
            assert_eq!(bad.parse::<DigestKey>(), Err(InvalidDigestKey), "{bad}");
        }
    }
}
