//! Whether a request that a cookie speaks for was sent by the site itself.
//!
//! Browsers send a cookie with whatever any page makes them send. `SameSite=Lax` keeps most of that
//! away; the rest of it has to show where it comes from.

use http::{HeaderValue, Method, header};

use crate::{Facts, Refusal};

/// A page of another origin can only set this after a preflight, which it is not granted.
const OWN_HEADER: &str = "x-menshen-csrf";

/// Lets a request pass that changes nothing, or that the site itself has sent.
///
/// # Errors
///
/// [`Refusal::CrossSite`].
pub(crate) fn check(facts: &Facts) -> Result<(), Refusal> {
    let changes_nothing = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&facts.method);
    // Scripts can set no header on a WebSocket, and read what comes over it from anywhere.
    let is_upgrade = facts.headers.contains_key(header::UPGRADE);
    let is_own = if is_upgrade {
        has_own_origin(facts)
    } else {
        changes_nothing
            || value(facts, OWN_HEADER) == Some("1")
            || match value(facts, "sec-fetch-site") {
                Some(site) => site == "same-origin" || site == "none",
                None => has_own_origin(facts),
            }
    };
    if is_own { Ok(()) } else { Err(Refusal::CrossSite) }
}

fn has_own_origin(facts: &Facts) -> bool {
    let own = format!("{}://{}", facts.scheme.as_str(), facts.host);
    value(facts, "origin").is_some_and(|origin| origin.eq_ignore_ascii_case(&own))
}

/// The value of a header that came once.
fn value<'a>(facts: &'a Facts, name: &str) -> Option<&'a str> {
    let mut values = facts.headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => HeaderValue::to_str(value).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use http::{HeaderMap, HeaderName};

    use super::*;
    use crate::Scheme;

    fn passes(method: &str, headers: &[(&str, &str)]) -> bool {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                let name: HeaderName = name.parse().expect("a name");
                (name, value.parse::<HeaderValue>().expect("a value"))
            })
            .collect();
        let facts = Facts {
            method: method.parse().expect("a method"),
            scheme: Scheme::Https,
            host: "app.example".to_owned(),
            target: "/".to_owned(),
            headers,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        check(&facts).is_ok()
    }

    #[test]
    fn what_changes_something_shows_that_the_site_itself_sent_it() {
        let own = ("origin", "https://app.example");
        let foreign = ("origin", "https://evil.example");
        for headers in [
            &[("sec-fetch-site", "same-origin")][..],
            &[("sec-fetch-site", "none")],
            &[own],
            &[("x-menshen-csrf", "1"), foreign],
        ] {
            assert!(passes("POST", headers), "{headers:?}");
        }
        for headers in [
            &[][..],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), own],
            &[foreign],
            &[("origin", "null")],
            &[("origin", "http://app.example")],
            &[("origin", "https://app.example.evil.example")],
            &[("origin", "https://app.example:8443")],
            &[("referer", "https://app.example/")],
            &[("x-menshen-csrf", "")],
        ] {
            assert!(!passes("POST", headers), "{headers:?}");
            assert!(!passes("DELETE", headers), "{headers:?}");
            assert!(passes("GET", headers), "reading changes nothing");
        }
    }

    #[test]
    fn a_web_socket_is_opened_from_the_own_origin() {
        let upgrade = ("upgrade", "websocket");
        assert!(passes("GET", &[upgrade, ("origin", "https://app.example")]));
        assert!(!passes("GET", &[upgrade, ("origin", "https://evil.example")]));
        assert!(!passes("GET", &[upgrade]));
        assert!(!passes("GET", &[upgrade, ("sec-fetch-site", "same-origin")]));
    }
}
