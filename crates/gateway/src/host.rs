//! The host that a request is for, in one spelling.

use std::fmt;
use std::str::FromStr;

/// A host name or address without port: lower case, no dot at its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host(String);

/// Not a host: empty, too long, or with characters that no name has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host is missing, or is no name")]
pub struct InvalidHost;

impl Host {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Host {
    type Err = InvalidHost;

    /// Reads the value of a `Host` header (RFC 9110 section 7.2), with or without port.
    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let (name, port) = split_port(text);
        if port.is_some_and(|port| port.len() > 5 || !port.bytes().all(|b| b.is_ascii_digit())) {
            return Err(InvalidHost);
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let valid = match inner {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => is_name(&name),
        };
        if valid { Ok(Self(name)) } else { Err(InvalidHost) }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rfind(':') {
        Some(at) if !text[at..].contains(']') => (&text[..at], Some(&text[at + 1..])),
        _ => (text, None),
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=253).contains(&name.len())
        && name.split('.').all(|label| !label.is_empty() && label.bytes().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_has_one_spelling() {
        for text in
            ["API.Example", "api.example", "api.example.", "api.example:443", "api.EXAMPLE.:80"]
        {
            assert_eq!(text.parse::<Host>().expect("a host").as_str(), "api.example");
        }
        assert_eq!("[::1]:80".parse::<Host>().expect("an address").as_str(), "[::1]");
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            ".",
            "a..b",
            "a b",
            "a/b",
            "a@b",
            "a:b",
            "a:1:2",
            "a,b",
            "[::1",
            "a\u{e9}",
            "a:999999",
            "api.example..",
        ] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
    }
}
