//! Who sends a request, and for which host: as the connection shows it, or as a proxy in front of
//! us says that we have been told to believe.

use std::net::{IpAddr, SocketAddr};

use http::Version;
use http::header::{FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use ipnet::IpNet;

use crate::{InvalidHost, Scheme};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) scheme: Scheme,
}

/// Who sends a request.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) address: IpAddr,
    pub(super) scheme: Scheme,
    /// The host that is asked, unread.
    pub(super) host: String,
    /// The proxies on the way here, as far as they are believed, with the client at their head.
    way: String,
}

impl Sender {
    /// Reads who sends a request.
    ///
    /// # Errors
    ///
    /// [`InvalidHost`] when there is not exactly one.
    pub(super) fn of(peer: Peer, request: &Parts, trusted: &[IpNet]) -> Result<Self, InvalidHost> {
        let host = host(request)?;
        let near = peer.address.ip().to_canonical();
        let believed = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
        let (address, scheme, way) = (near, peer.scheme, near.to_string());
        if !believed(&near) {
            return Ok(Self { address, scheme, host, way });
        }
        let headers = &request.headers;
        let listed = list(headers, &FOR);
        let hops: Vec<IpAddr> = listed
            .iter()
            .rev()
            .map_while(|hop| hop.parse::<IpAddr>().ok().map(|address| address.to_canonical()))
            .collect();
        let until = hops.iter().position(|hop| !believed(hop)).map_or(hops.len(), |at| at + 1);
        let address = hops[..until].last().copied().unwrap_or(near);
        let before = hops[..until].iter().rev().map(|hop| format!("{hop}, "));
        let way = before.collect::<String>() + &way;
        let scheme = match list(headers, &PROTO).last().map(String::as_str) {
            Some(proto) if proto.eq_ignore_ascii_case("https") => Scheme::Https,
            Some(proto) if proto.eq_ignore_ascii_case("http") => Scheme::Http,
            _ => scheme,
        };
        let host = list(headers, &FORWARDED_HOST).pop().unwrap_or(host);
        Ok(Self { address, scheme, host, way })
    }

    /// Tells the service behind.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        let node = match self.address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("\"[{address}]\""),
        };
        let (proto, host) = (self.scheme.as_str(), &self.host);
        let values = [
            (FOR, self.way.clone()),
            (PROTO, proto.to_owned()),
            (FORWARDED_HOST, host.clone()),
            (FORWARDED, format!("for={node};host=\"{host}\";proto={proto}")),
        ];
        for (name, value) in values {
            // The host has been read as a name before any rule was looked at.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}

/// The one host that a request names: in its target, in `Host`, or in both the same.
fn host(request: &Parts) -> Result<String, InvalidHost> {
    let mut lines = request.headers.get_all(HOST).iter();
    let line = lines.next().map(|line| line.to_str().map_err(|_| InvalidHost)).transpose()?;
    if lines.next().is_some() {
        return Err(InvalidHost);
    }
    match (request.uri.authority(), line) {
        (Some(authority), Some(line)) if !authority.as_str().eq_ignore_ascii_case(line) => {
            Err(InvalidHost)
        }
        (Some(authority), Some(_)) => Ok(authority.as_str().to_owned()),
        (None, Some(line)) => Ok(line.to_owned()),
        // HTTP/2 names it in `:authority`; HTTP/1.1 must name it in `Host` as well.
        (Some(authority), None) if request.version == Version::HTTP_2 => {
            Ok(authority.as_str().to_owned())
        }
        (_, None) => Err(InvalidHost),
    }
}

fn list(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(|item| item.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn sender(from: &str, trusted: &[&str], lines: &[(&str, &str)]) -> Result<Sender, InvalidHost> {
        let mut request = Request::builder().uri("/a");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).expect("a request").into_parts();
        let address = SocketAddr::new(from.parse().expect("an address"), 1);
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().expect("a net")).collect();
        Sender::of(Peer { address, scheme: Scheme::Http }, &head, &trusted)
    }

    const CLAIMS: [(&str, &str); 4] = [
        ("host", "api.example"),
        ("x-forwarded-for", "198.51.100.7, 203.0.113.9, 10.0.0.2"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "www.example"),
    ];

    #[test]
    fn whoever_is_not_trusted_speaks_for_nobody() {
        let sender = sender("203.0.113.5", &["10.0.0.0/8"], &CLAIMS).expect("one host");
        assert_eq!(sender.address.to_string(), "203.0.113.5");
        assert_eq!((sender.scheme, sender.host.as_str()), (Scheme::Http, "api.example"));
        let mut told = HeaderMap::new();
        sender.tell(&mut told);
        assert_eq!(told["x-forwarded-for"], "203.0.113.5");
        assert_eq!(told["forwarded"], "for=203.0.113.5;host=\"api.example\";proto=http");
    }

    #[test]
    fn a_trusted_proxy_is_believed_up_to_the_first_that_is_not() {
        let sender = sender("::ffff:10.0.0.1", &["10.0.0.0/8"], &CLAIMS).expect("one host");
        assert_eq!(sender.address.to_string(), "203.0.113.9");
        assert_eq!((sender.scheme, sender.host.as_str()), (Scheme::Https, "www.example"));
        let mut told = HeaderMap::new();
        sender.tell(&mut told);
        assert_eq!(told["x-forwarded-for"], "203.0.113.9, 10.0.0.2, 10.0.0.1");
        assert_eq!(told["x-forwarded-proto"], "https");
    }

    #[test]
    fn a_request_names_one_host() {
        for lines in [&[][..], &[("host", "a.example"), ("host", "b.example")]] {
            assert!(sender("::1", &[], lines).is_err(), "{lines:?}");
        }
    }
}
