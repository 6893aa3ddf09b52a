//! The header of HTTP Digest (RFC 7616 section 3.4), read strictly: what two parsers could read
//! differently is refused.

/// The longest header that is read.
const MOST_BYTES: usize = 8 * 1024;

/// What a client sent, as it stands between the quotes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) username: String,
    pub(super) realm: String,
    pub(super) nonce: String,
    pub(super) uri: String,
    pub(super) count: String,
    pub(super) client_nonce: String,
    pub(super) response: String,
}

impl Parameters {
    /// Reads what comes after the scheme; `None` for whatever we did not ask for: another algorithm
    /// or none, another `qop` or none, a hashed user name, a parameter that is missing or comes twice.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.len() > MOST_BYTES || text.chars().any(char::is_control) {
            return None;
        }
        let pairs = pairs(text)?;
        let find = |name: &str| {
            let mut named = pairs.iter().filter(|(known, _)| known == name);
            named.next().map(|(_, value)| value.as_str())
        };
        let takes = |name: &str, value: &str| find(name)?.eq_ignore_ascii_case(value).then_some(());
        // Without an algorithm MD5 is meant.
        takes("algorithm", "SHA-256")?;
        takes("qop", "auth")?;
        if find("userhash").is_some_and(|value| !value.eq_ignore_ascii_case("false")) {
            return None;
        }
        let username = match (find("username"), find("username*")) {
            (Some(plain), None) => plain.to_owned(),
            (None, Some(extended)) => extended_value(extended)?,
            _ => return None,
        };
        let count = find("nc")?;
        let digits = count.bytes().all(|byte| byte.is_ascii_hexdigit());
        let text = |name: &str| find(name).filter(|value| !value.is_empty()).map(str::to_owned);
        (digits && count.len() == 8 && !username.is_empty()).then_some(())?;
        Some(Self {
            username,
            realm: text("realm")?,
            nonce: text("nonce")?,
            uri: text("uri")?,
            count: count.to_owned(),
            client_nonce: text("cnonce")?,
            response: text("response")?,
        })
    }

    /// How often the client says it has used the nonce.
    pub(super) fn uses(&self) -> u32 {
        u32::from_str_radix(&self.count, 16).unwrap_or_default()
    }
}

/// Names in lower case, each once, and values without quotes.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut rest = text.trim_matches(' ');
    loop {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim_end_matches(' ').to_ascii_lowercase();
        let known = pairs.iter().any(|(known, _)| *known == name);
        if name.is_empty() || !name.bytes().all(is_token) || known || pairs.len() == 32 {
            return None;
        }
        let (value, after) = value(after.trim_start_matches(' '))?;
        pairs.push((name, value));
        let after = after.trim_start_matches(' ');
        if after.is_empty() {
            return Some(pairs);
        }
        rest = after.strip_prefix(',')?.trim_start_matches(' ');
    }
}

/// A token, or a string in quotes in which a backslash means the next character (RFC 9110 section
/// 5.6.4); and what comes after it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', ',']).unwrap_or(text.len());
        let (token, after) = text.split_at(end);
        let valid = !token.is_empty() && token.bytes().all(is_token);
        return valid.then(|| (token.to_owned(), after));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[index + 1..])),
            '\\' => value.push(characters.next()?.1),
            plain => value.push(plain),
        }
    }
    None
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `UTF-8''...` (RFC 8187), for names that a header cannot hold.
fn extended_value(text: &str) -> Option<String> {
    let (charset, rest) = text.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("UTF-8") {
        return None;
    }
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? * 16 + hex(rest.next()?)?,
            plain => plain,
        });
    }
    String::from_utf8(bytes).ok().filter(|name| !name.chars().any(char::is_control))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What curl sends.
    const GOOD: &str = "username=\"ada\",realm=\"menshen\",nonce=\"abc\",uri=\"/files?a=1,2\",\
        cnonce=\"x=\",nc=0000000A,algorithm=SHA-256,response=\"00ff\",qop=auth";

    fn changed(from: &str, to: &str) -> Option<Parameters> {
        assert!(GOOD.contains(from), "{from}");
        Parameters::read(&GOOD.replace(from, to))
    }

    #[test]
    fn what_stock_clients_send_is_read() {
        let read = Parameters::read(GOOD).expect("sound");
        assert_eq!((read.username.as_str(), read.uri.as_str()), ("ada", "/files?a=1,2"));
        assert_eq!((read.uses(), read.client_nonce.as_str()), (10, "x="));
        // With spaces, other capitals, quotes, and parameters that mean nothing to us.
        let other = "Username = \"ada\" , realm=\"menshen\", nonce=\"abc\", uri=\"/files?a=1,2\", \
            NC=0000000A, cnonce=\"x=\", algorithm=\"sha-256\", response=\"00ff\", qop=\"auth\", \
            userhash=false, opaque=\"\"";
        assert_eq!(Parameters::read(other), Some(read));
        let escaped = changed("\"ada\"", r#""a\"d\\a""#).expect("sound");
        assert_eq!(escaped.username, r#"a"d\a"#);
        let extended = changed("username=\"ada\"", "username*=UTF-8''J%C3%A4s%C3%B8n%20Doe");
        assert_eq!(extended.expect("sound").username, "J\u{e4}s\u{f8}n Doe");
        assert_eq!(changed("ada", "\u{e4}da").expect("sound").username, "\u{e4}da");
    }

    #[test]
    fn what_is_weaker_than_what_was_asked_for_is_refused() {
        for (from, to) in [
            ("algorithm=SHA-256", "algorithm=MD5"),
            ("algorithm=SHA-256", "algorithm=SHA-256-sess"),
            (",algorithm=SHA-256", ""),
            ("qop=auth", "qop=auth-int"),
            (",qop=auth", ""),
            ("qop=auth", "qop=\"auth,auth-int\""),
            ("qop=auth", "qop=auth,userhash=true"),
        ] {
            assert_eq!(changed(from, to), None, "{to}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (from, to) in [
            ("username=\"ada\"", "username=\"ada\",username=\"root\""),
            ("username=\"ada\"", "username=\"ada\",USERNAME=\"root\""),
            ("username=\"ada\"", "username=\"ada\",username*=UTF-8''root"),
            ("username=\"ada\"", "username*=latin1''ada"),
            ("username=\"ada\"", "username*=UTF-8''a%0"),
            ("username=\"ada\"", "username*=UTF-8''a%ff"),
            ("username=\"ada\"", "username*=UTF-8''a%00"),
            ("username=\"ada\"", "username=\"\""),
            ("username=\"ada\"", "username=\"ada"),
            ("username=\"ada\"", "username=\"a\u{0}da\""),
            ("username=\"ada\"", "username"),
            ("username=\"ada\",", "username=\"ada\",,"),
            ("username=\"ada\",", "username=\"ada\" "),
            ("username=\"ada\"", "=\"ada\""),
            ("nc=0000000A", "nc=A"),
            ("nc=0000000A", "nc=0000000G"),
            ("nc=0000000A", "nc=+000000A"),
            (",cnonce=\"x=\"", ""),
            (",response=\"00ff\"", ""),
            ("qop=auth", "qop=auth,"),
        ] {
            assert_eq!(changed(from, to), None, "{to}");
        }
        assert_eq!(Parameters::read(""), None);
        let long = format!("\"{}\"", "a".repeat(MOST_BYTES));
        assert_eq!(changed("\"ada\"", &long), None);
    }
}
