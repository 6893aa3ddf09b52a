//! What a sub-request says about the request that it stands for. A header that should be there
//! once and is not, is never replaced by a guess.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use ipnet::IpNet;

use crate::{Facts, Scheme};

/// Why a sub-request does not say what it is about. The proxy's configuration is to blame, or the
/// client's request passed by it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("the proxy does not send the header {0}; the guide to it says how")]
    Missing(&'static str),
    #[error("the header {0} came twice; the proxy must set it, not add to it")]
    Twice(&'static str),
    #[error("the header {0} says nothing that could be meant")]
    Meaningless(&'static str),
    #[error("the address that the proxy asks at must end with {0}")]
    Parameter(&'static str),
}

/// The headers of a sub-request.
pub(super) struct Subrequest {
    headers: HeaderMap,
}

impl Subrequest {
    pub(super) const fn new(headers: HeaderMap) -> Self {
        Self { headers }
    }

    /// The one value of a header that the proxy sets. Bytes that are no text stay visible as such
    /// to whoever judges the value.
    pub(super) fn text(&self, name: &'static str) -> Result<String, Unreadable> {
        self.one(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    pub(super) fn method(&self, name: &'static str) -> Result<Method, Unreadable> {
        let value = self.one(name)?;
        Method::from_bytes(value.as_bytes()).map_err(|_| Unreadable::Meaningless(name))
    }

    pub(super) fn scheme(&self, name: &'static str) -> Result<Scheme, Unreadable> {
        scheme(&self.text(name)?).ok_or(Unreadable::Meaningless(name))
    }

    /// The client's address: the last of a list, which the proxy itself has seen, unless that is of
    /// another proxy that is to be believed about the one before.
    pub(super) fn address(
        &self,
        name: &'static str,
        trusted: &[IpNet],
    ) -> Result<IpAddr, Unreadable> {
        let listed = self.text(name)?;
        let mut addresses = listed.rsplit(',').map_while(|text| text.trim().parse::<IpAddr>().ok());
        let mut address = addresses.next().ok_or(Unreadable::Meaningless(name))?.to_canonical();
        while trusted.iter().any(|net| net.contains(&address)) {
            match addresses.next() {
                Some(before) => address = before.to_canonical(),
                None => break,
            }
        }
        Ok(address)
    }

    /// The client's headers: without those that the proxy adds, and without those that are about
    /// the connection between it and us.
    pub(super) fn client_headers(mut self, added: &[&'static str]) -> HeaderMap {
        let ours = [header::HOST, header::CONNECTION, header::CONTENT_LENGTH];
        for name in ours.into_iter().chain(added.iter().filter_map(|name| name.parse().ok())) {
            self.headers.remove::<HeaderName>(name);
        }
        self.headers
    }

    fn one(&self, name: &'static str) -> Result<&HeaderValue, Unreadable> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(_), Some(_)) => Err(Unreadable::Twice(name)),
            (Some(value), None) => Ok(value),
            (None, _) => Err(Unreadable::Missing(name)),
        }
    }
}

/// Traefik says of a WebSocket that it is one.
pub(super) fn scheme(text: &str) -> Option<Scheme> {
    match text {
        "http" | "ws" => Some(Scheme::Http),
        "https" | "wss" => Some(Scheme::Https),
        _ => None,
    }
}

/// What Traefik and Caddy say, each beside headers of its own.
pub(super) fn forwarded(
    headers: HeaderMap,
    added: &[&'static str],
    trusted: &[IpNet],
) -> Result<Facts, Unreadable> {
    const METHOD: &str = "X-Forwarded-Method";
    const PROTO: &str = "X-Forwarded-Proto";
    const HOST: &str = "X-Forwarded-Host";
    const URI: &str = "X-Forwarded-Uri";
    const FOR: &str = "X-Forwarded-For";
    let told = Subrequest::new(headers);
    let (method, scheme) = (told.method(METHOD)?, told.scheme(PROTO)?);
    let (host, target) = (told.text(HOST)?, told.text(URI)?);
    let address = told.address(FOR, trusted)?;
    let added: Vec<_> = added.iter().copied().chain([METHOD, PROTO, HOST, URI, FOR]).collect();
    let headers = told.client_headers(&added);
    Ok(Facts { method, scheme, host, target, headers, address })
}
