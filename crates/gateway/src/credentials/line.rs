//! The one line of `Authorization` that a request may have.

use http::{HeaderMap, HeaderValue, header};

use crate::Refusal;

/// The line; `None` without one. Two are refused, also when a proxy on the way has joined them by a
/// comma, as it may (RFC 9110 section 5.3) and as Envoy does.
pub(super) fn only_line(headers: &HeaderMap) -> Result<Option<&HeaderValue>, Refusal> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let line = lines.next();
    if lines.next().is_some() || line.is_some_and(|line| is_joined(line.as_bytes())) {
        return Err(Refusal::SeveralCredentials);
    }
    Ok(line)
}

/// Whether more follows than the parameters of the first scheme (RFC 9110 section 11.4).
fn is_joined(line: &[u8]) -> bool {
    let mut parts = between_commas(line).into_iter().map(<[u8]>::trim_ascii);
    let first = parts.next().unwrap_or_default();
    let after_scheme =
        first.iter().position(|byte| *byte == b' ').map_or(&b""[..], |at| &first[at..]);
    if is_parameter(after_scheme.trim_ascii()) {
        parts.any(|part| !part.is_empty() && !is_parameter(part))
    } else {
        parts.next().is_some()
    }
}

/// Cut at each comma that stands in no quotes.
fn between_commas(line: &[u8]) -> Vec<&[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    let is_comma = |byte: &u8| {
        if *byte == b'"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && !escaped && *byte == b'\\';
        *byte == b',' && !quoted
    };
    line.split(is_comma).collect()
}

/// `name=value`, and not a scheme with `token68`, which may end with `=`.
fn is_parameter(part: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let Some(at) = part.iter().position(|byte| *byte == b'=') else { return false };
    let (name, value) = (part[..at].trim_ascii_end(), part[at + 1..].trim_ascii_start());
    !name.is_empty() && name.iter().all(is_name) && value.iter().any(|byte| *byte != b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_were_joined_are_known() {
        for line in [
            "Bearer a,Bearer b",
            "Bearer a, Basic Zm9v==",
            "Basic Zm9v==,Bearer a",
            "Basic Zm9v=,",
            "Bearer a,x=y",
            "Bearer,Bearer a",
            "Digest realm=\"a, b\", Bearer c",
            "Digest realm=\"a\\\", b\", uri=\"/\",Basic Zm9v=",
            "Digest realm=\"a\",Bearer",
        ] {
            assert!(is_joined(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn one_line_is_one_however_many_commas_it_has() {
        for line in [
            "",
            "Bearer a",
            "Basic Zm9vOmJhcg==",
            "Digest username=\"Mufasa, the king\", realm=\"http-auth@example.org\", uri=\"/a,b\"",
            "Digest realm = \"a\\\", b\" , qop=auth, nc=00000001,, response=\"x==\"",
        ] {
            assert!(!is_joined(line.as_bytes()), "{line}");
        }
    }
}
