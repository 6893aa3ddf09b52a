//! The target of a request, read one way or not at all.
//!
//! A rule is worth nothing when the service behind reads the path in another way than we did. So
//! what two servers could read differently is refused before any rule is looked at.

use std::fmt::{self, Write as _};

/// Path and query of a request, in the one form that is matched and handed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As it goes upstream: unreserved characters decoded, hexadecimal digits in capitals.
    path: String,
    /// Without the question mark.
    query: Option<String>,
    /// What stands between the slashes, decoded; a slash at the end adds none.
    segments: Vec<String>,
}

/// Which ambiguous forms the services behind are known to read as we do. None by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the rules file")]
pub struct Leniency {
    /// `//`, as in `/files//report`.
    pub empty_segments: bool,
    /// `%2F` within a segment, as in `/projects/a%2Fb`.
    pub encoded_slashes: bool,
    /// `;` within a segment, as in `/list;sort=up`.
    pub path_parameters: bool,
    /// A dot at the end of a segment, as in `/terms/etc.`, or a space at either end.
    pub trailing_dots: bool,
}

/// Why a target is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmbiguousTarget {
    /// It does not begin with a slash, or is longer than 8 KiB.
    #[error("the target is no path of at most 8 KiB")]
    NoPath,
    /// A character that no URL may hold as it is (RFC 3986 section 3.3).
    #[error("the path holds a character that must be percent-encoded")]
    RawCharacter,
    /// A percent sign without two hexadecimal digits, or one that encodes a percent-encoding.
    #[error("the path is percent-encoded wrongly or twice")]
    Encoding,
    /// An encoded control character, backslash, or something that is no UTF-8.
    #[error("the path hides a control character, a backslash or broken UTF-8")]
    HiddenCharacter,
    /// `.` or `..`, plain or encoded.
    #[error("the path holds a dot segment")]
    DotSegment,
    /// `//`.
    #[error("the path holds an empty segment")]
    EmptySegment,
    /// `%2F`.
    #[error("the path holds an encoded slash")]
    EncodedSlash,
    /// `;`, plain or encoded.
    #[error("the path holds a path parameter")]
    PathParameter,
    /// A segment that ends with a dot, or that begins or ends with a space.
    #[error("a segment of the path ends with a dot or a space, or begins with one")]
    TrailingDot,
}

const LIMIT_BYTES: usize = 8 * 1024;

impl Target {
    /// Reads path and query as they stand in the request line (RFC 9112 section 3.2.1).
    ///
    /// # Errors
    ///
    /// The first [`AmbiguousTarget`] found that `leniency` does not permit.
    pub fn parse(text: &str, leniency: Leniency) -> Result<Self, AmbiguousTarget> {
        if !text.starts_with('/') || text.len() > LIMIT_BYTES {
            return Err(AmbiguousTarget::NoPath);
        }
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (text, None),
        };
        if query.is_some_and(|query| !query.bytes().all(|byte| is_visible(byte) && byte != b'#')) {
            return Err(AmbiguousTarget::RawCharacter);
        }
        let mut written = String::with_capacity(path.len());
        let mut segments = Vec::new();
        let mut parts = path[1..].split('/').peekable();
        while let Some(part) = parts.next() {
            let (segment, canonical) = decode(part, leniency)?;
            let is_last = parts.peek().is_none();
            judge(&segment, is_last, leniency)?;
            written.push('/');
            written.push_str(&canonical);
            if !(segment.is_empty() && is_last) {
                segments.push(segment);
            }
        }
        Ok(Self { path: written, query: query.map(str::to_owned), segments })
    }

    /// The path as it goes upstream.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query without its question mark, as the client sent it.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The same with another query.
    pub(crate) fn with_query(&self, query: Option<String>) -> Self {
        Self { query, ..self.clone() }
    }

    /// What stands between the slashes, decoded.
    pub fn segments(&self) -> &[String] {
        &self.segments
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        match &self.query {
            Some(query) => write!(f, "?{query}"),
            None => Ok(()),
        }
    }
}

fn judge(segment: &str, is_last: bool, leniency: Leniency) -> Result<(), AmbiguousTarget> {
    if segment.is_empty() {
        let permitted = is_last || leniency.empty_segments;
        return if permitted { Ok(()) } else { Err(AmbiguousTarget::EmptySegment) };
    }
    let is_dots = |part: &str| {
        let name = part.split(';').next().unwrap_or_default().trim_matches(' ');
        name == "." || name == ".."
    };
    if segment.split('/').any(is_dots) {
        return Err(AmbiguousTarget::DotSegment);
    }
    if !leniency.path_parameters && segment.contains(';') {
        return Err(AmbiguousTarget::PathParameter);
    }
    if !leniency.encoded_slashes && segment.contains('/') {
        return Err(AmbiguousTarget::EncodedSlash);
    }
    if !leniency.trailing_dots && (segment.ends_with(['.', ' ']) || segment.starts_with(' ')) {
        return Err(AmbiguousTarget::TrailingDot);
    }
    Ok(())
}

/// One segment, decoded and in its canonical form.
fn decode(part: &str, leniency: Leniency) -> Result<(String, String), AmbiguousTarget> {
    let bytes = part.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut canonical = String::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if byte == b'\\' {
            return Err(AmbiguousTarget::HiddenCharacter);
        }
        if byte != b'%' {
            if !is_path_character(byte) {
                return Err(AmbiguousTarget::RawCharacter);
            }
            decoded.push(byte);
            canonical.push(char::from(byte));
            at += 1;
            continue;
        }
        let value = hexadecimal(bytes, at + 1).ok_or(AmbiguousTarget::Encoding)?;
        if value < 0x20 || value == 0x7f || value == b'\\' {
            return Err(AmbiguousTarget::HiddenCharacter);
        }
        if value == b'/' && !leniency.encoded_slashes {
            return Err(AmbiguousTarget::EncodedSlash);
        }
        decoded.push(value);
        if is_unreserved(value) {
            canonical.push(char::from(value));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(canonical, "%{value:02X}");
        }
        at += 3;
    }
    let twice = |at: usize| decoded[at] == b'%' && hexadecimal(&decoded, at + 1).is_some();
    if (0..decoded.len()).any(twice) {
        return Err(AmbiguousTarget::Encoding);
    }
    let decoded = String::from_utf8(decoded).map_err(|_| AmbiguousTarget::HiddenCharacter)?;
    Ok((decoded, canonical))
}

fn hexadecimal(bytes: &[u8], at: usize) -> Option<u8> {
    let digits = std::str::from_utf8(bytes.get(at..at + 2)?).ok()?;
    let valid = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    valid.then(|| u8::from_str_radix(digits, 16).ok())?
}

fn is_visible(byte: u8) -> bool {
    (0x21..0x7f).contains(&byte)
}

/// RFC 3986 section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// `pchar` of RFC 3986 section 3.3, without the percent sign.
fn is_path_character(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte)
}

#[cfg(test)]
mod tests;
