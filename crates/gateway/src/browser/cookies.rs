//! The cookies that are ours: read strictly, set so that no script and no other host gets at them,
//! and never handed on to a service behind.

use http::{HeaderMap, HeaderValue, header};

use crate::vault::Fingerprint;
use crate::{Facts, Refusal, Scheme};

/// A name with this prefix is taken by browsers only from the host itself, over TLS (RFC 6265bis
/// section 4.1.3.2).
const HOST_ONLY: &str = "__Host-";

const SESSION: &str = "menshen-session";

const LOGIN: &str = "menshen-login-";

/// How many logins one browser may have under way before the older ones are forgotten.
const LOGINS: usize = 8;

/// What the cookie of a session is called. In the open, which is for one's own machine only,
/// browsers take no name with the prefix.
pub(crate) fn session_name(facts: &Facts) -> String {
    format!("{}{SESSION}", prefix(facts))
}

/// What the cookie of a login is called: each has its own, so that two windows do not disturb each
/// other.
pub(crate) fn login_name(facts: &Facts, state: &Fingerprint) -> String {
    format!("{}{LOGIN}{}", prefix(facts), state.as_str().get(..12).unwrap_or_default())
}

/// The value of the one cookie of this name.
///
/// # Errors
///
/// [`Refusal::SeveralCredentials`] when there are several: one of them may have been planted.
pub(crate) fn find(facts: &Facts, name: &str) -> Result<Option<String>, Refusal> {
    let pairs = pairs(&facts.headers);
    let mut found = pairs.iter().filter_map(|pair| pair.split_once('=').filter(|p| p.0 == name));
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some((_, value)), None) => Ok(Some(value.to_owned())),
        (Some(_), Some(_)) => Err(Refusal::SeveralCredentials),
    }
}

/// The line that sets a cookie for the whole host, until the browser is closed.
pub(crate) fn set(facts: &Facts, name: &str, value: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("{name}={value}; {}", attributes(facts))).ok()
}

/// The line that removes a cookie.
pub(crate) fn remove(facts: &Facts, name: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("{name}=; Max-Age=0; {}", attributes(facts))).ok()
}

/// The names of the logins under way, when they are too many.
pub(crate) fn stale_logins(facts: &Facts) -> Vec<String> {
    let begin = format!("{}{LOGIN}", prefix(facts));
    let pairs = pairs(&facts.headers);
    let names = pairs.iter().filter_map(|pair| pair.split('=').next());
    let found: Vec<String> = names.filter(|n| n.starts_with(&begin)).map(str::to_owned).collect();
    if found.len() < LOGINS { Vec::new() } else { found }
}

/// The `Cookie` header without what is ours; `None` when nothing is left.
pub(crate) fn others(headers: &HeaderMap) -> Option<HeaderValue> {
    let others: Vec<String> = pairs(headers).into_iter().filter(|pair| !is_ours(pair)).collect();
    let line = others.join("; ");
    if line.is_empty() { None } else { HeaderValue::from_str(&line).ok() }
}

fn is_ours(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default();
    let name = name.strip_prefix(HOST_ONLY).unwrap_or(name);
    name == SESSION || name.starts_with(LOGIN)
}

/// What stands between the semicolons. HTTP/2 may split the header (RFC 9113 section 8.2.3).
fn pairs(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(header::COOKIE).iter();
    let text = |line: &HeaderValue| String::from_utf8_lossy(line.as_bytes()).into_owned();
    let lines: Vec<String> = lines.map(text).collect();
    let pairs = lines.iter().flat_map(|line| line.split(';')).map(str::trim);
    pairs.filter(|pair| !pair.is_empty()).map(str::to_owned).collect()
}

fn prefix(facts: &Facts) -> &'static str {
    match facts.scheme {
        Scheme::Https => HOST_ONLY,
        Scheme::Http => "",
    }
}

fn attributes(facts: &Facts) -> &'static str {
    match facts.scheme {
        Scheme::Https => "Path=/; Secure; HttpOnly; SameSite=Lax",
        Scheme::Http => "Path=/; HttpOnly; SameSite=Lax",
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use http::Method;

    use super::*;

    fn facts(scheme: Scheme, lines: &[&str]) -> Facts {
        let cookies = lines.iter().map(|line| (header::COOKIE, line.parse().expect("a value")));
        Facts {
            method: Method::GET,
            scheme,
            host: "app.example".to_owned(),
            target: "/".to_owned(),
            headers: cookies.collect(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    #[test]
    fn a_cookie_counts_when_it_is_the_only_one_of_its_name() {
        let found = |lines: &[&str]| {
            let facts = facts(Scheme::Https, lines);
            find(&facts, &session_name(&facts))
        };
        assert_eq!(found(&["a=1; __Host-menshen-session=x; b"]), Ok(Some("x".to_owned())));
        assert_eq!(found(&["a=1", "__Host-menshen-session=x"]), Ok(Some("x".to_owned())));
        assert_eq!(found(&["menshen-session=x"]), Ok(None), "anybody could have planted it");
        assert_eq!(found(&[]), Ok(None));
        let twice = "__Host-menshen-session=x; __Host-menshen-session=x";
        assert_eq!(found(&[twice]), Err(Refusal::SeveralCredentials));
    }

    #[test]
    fn services_behind_never_see_ours() {
        let left = |line: &str| others(&facts(Scheme::Https, &[line]).headers);
        assert_eq!(left("__Host-menshen-session=x"), None);
        let line = "a=1; menshen-session=x; __Host-menshen-login-abc=y; b=2; menshen-sessions=z";
        assert_eq!(left(line).expect("some"), "a=1; b=2; menshen-sessions=z");
    }

    #[test]
    fn only_the_host_itself_can_set_them_over_tls() {
        let line = |scheme| {
            let facts = facts(scheme, &[]);
            set(&facts, &session_name(&facts), "x").expect("a value")
        };
        assert_eq!(
            line(Scheme::Https),
            "__Host-menshen-session=x; Path=/; Secure; HttpOnly; SameSite=Lax"
        );
        assert_eq!(line(Scheme::Http), "menshen-session=x; Path=/; HttpOnly; SameSite=Lax");
    }
}
