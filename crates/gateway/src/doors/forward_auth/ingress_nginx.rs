//! ingress-nginx of Kubernetes, with the annotation `auth-url`. It answers like nginx, and asks in
//! its own way: the URL in one header, with the host that the client wrote into `Host`. nginx itself
//! goes by the host of the request line if one stands there; so that nobody gets to one host by the
//! rules of another, the annotation ends with `?host=$host`, and both must be the same.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::HeaderMap;
use ipnet::IpNet;

use super::nginx;
use super::subrequest::{Subrequest, Unreadable, scheme};
use super::verdict::{judge, refuse};
use crate::{Facts, Gateway, Host, InvalidHost, Refusal};

const METHOD: &str = "X-Original-Method";
const URL: &str = "X-Original-URL";
const FOR: &str = "X-Forwarded-For";
const ADDED: [&str; 8] = [
    METHOD,
    URL,
    FOR,
    "X-Original-URI",
    "X-Scheme",
    "X-Sent-From",
    "X-Real-IP",
    "X-Auth-Request-Redirect",
];

pub(super) async fn ask(
    State(gateway): State<Gateway>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    match facts(headers, &query, &gateway.rules().config.trusted_proxies) {
        Ok(facts) => {
            let decision = if same_host(&facts.host, &query) {
                judge(&gateway, &facts).await
            } else {
                refuse(Refusal::Host(InvalidHost))
            };
            nginx::say(decision, &facts)
        }
        Err(error) => nginx::unreadable(&error),
    }
}

pub(super) fn facts(
    headers: HeaderMap,
    query: &str,
    trusted: &[IpNet],
) -> Result<Facts, Unreadable> {
    if query.strip_prefix("host=").is_none_or(str::is_empty) {
        return Err(Unreadable::Parameter("?host=$host"));
    }
    let told = Subrequest::new(headers);
    let (method, address) = (told.method(METHOD)?, told.address(FOR, trusted)?);
    let url = told.text(URL)?;
    let (before, rest) = url.split_once("://").ok_or(Unreadable::Meaningless(URL))?;
    let scheme = scheme(before).ok_or(Unreadable::Meaningless(URL))?;
    let (host, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, target) = (host.to_owned(), target.to_owned());
    let headers = told.client_headers(&ADDED);
    Ok(Facts { method, scheme, host, target, headers, address })
}

/// Whether the host of the URL is the one that nginx went by.
pub(super) fn same_host(told: &str, query: &str) -> bool {
    let read = |text: &str| text.parse::<Host>().ok();
    let went_by = query.strip_prefix("host=").and_then(read);
    went_by.is_some() && went_by == read(told)
}
