//! Addresses that a client may register: where a browser may be sent, and what may be fetched or
//! shown.

use url::{Host, Url};

/// What kind of address it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// `https`.
    Https,
    /// `http` on this very machine.
    Loopback,
    /// A scheme of the app's own (RFC 8252 section 7.1).
    OwnScheme,
}

/// The longest address that is kept.
const MOST_BYTES: usize = 2048;

/// Where a browser may be sent; `None` for an address that is none, or none that is safe. The dot
/// that RFC 8252 section 7.1 asks for keeps out every scheme that a browser gives a meaning to:
/// `javascript`, `data`, `file`, `blob` and whatever comes next.
pub(super) fn of_redirect(uri: &str) -> Option<Address> {
    let url = parse(uri)?;
    of_web(&url).or_else(|| url.scheme().contains('.').then_some(Address::OwnScheme))
}

/// What may be fetched or shown; `None` for an address that is none, or none that is safe.
pub(super) fn of_ours(uri: &str) -> Option<Address> {
    of_web(&parse(uri)?)
}

fn of_web(url: &Url) -> Option<Address> {
    let here = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    match url.scheme() {
        "https" => Some(Address::Https),
        "http" if here => Some(Address::Loopback),
        _ => None,
    }
}

/// Parsers forgive spaces, tabs, line breaks and backslashes, each in its own way; an address is
/// read in one way only.
fn parse(uri: &str) -> Option<Url> {
    let plain = uri.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>`".contains(&byte));
    if !plain || uri.len() > MOST_BYTES || uri.contains('#') {
        return None;
    }
    let url = Url::parse(uri).ok()?;
    let authority = uri.get(url.scheme().len() + 1..)?.strip_prefix("//");
    let authority = authority.map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    // One spelling for one host: `0x7f.1`, `%61pp.example` and `https:app.example` are addresses
    // to some parsers only.
    let spelled = match (authority, url.host_str()) {
        (Some(authority), Some(host)) => {
            authority.get(..host.len()).is_some_and(|start| start.eq_ignore_ascii_case(host))
        }
        (None, Some(_)) => false,
        (_, None) => true,
    };
    let named = authority.is_some_and(|authority| authority.contains('@'));
    (spelled && !named).then_some(url)
}
