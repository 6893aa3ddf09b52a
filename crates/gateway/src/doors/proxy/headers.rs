//! Which headers of one side reach the other.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HeaderMap, HeaderName, HeaderValue, SET_COOKIE,
    TRANSFER_ENCODING, UPGRADE, VARY,
};

use crate::{Allowed, HeaderNames};

/// Headers that are about one connection (RFC 9110 section 7.6.1), and what old ones said so.
const OF_THE_CONNECTION: [&str; 11] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers by which only a proxy speaks of a client, besides `X-Forwarded-*`.
const OF_A_PROXY: [&str; 7] = [
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "x-original-host",
    "proxy",
];

/// Of these, what we add stands beside what the service behind says.
const BESIDE: [&HeaderName; 2] = [&SET_COOKIE, &VARY];

/// What the service behind gets of a client's headers.
pub(super) fn for_upstream(
    client: &HeaderMap,
    names: &HeaderNames,
    allowed: &Allowed,
) -> HeaderMap {
    let mut headers = client.clone();
    strip_connection(&mut headers);
    names.strip(&mut headers);
    retain(&mut headers, |name| !speaks_for_a_proxy(name));
    headers.remove(EXPECT);
    for name in &allowed.withheld {
        headers.remove(name);
    }
    for (name, value) in &allowed.headers {
        headers.insert(name.clone(), value.clone());
    }
    headers
}

/// What a client gets of the headers of an answer.
pub(super) fn for_client(mut headers: HeaderMap, allowed: &Allowed) -> HeaderMap {
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    strip_connection(&mut headers);
    for name in allowed.answer.keys().filter(|name| !BESIDE.contains(name)) {
        headers.remove(name);
    }
    for (name, value) in &allowed.answer {
        headers.append(name, value.clone());
    }
    headers
}

/// What a client asks to be upgraded to. HTTP/2 is none of it: it would carry requests that no rule
/// has seen.
pub(super) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let is_token = |value: &HeaderValue| {
        value.to_str().is_ok_and(|text| {
            text.split(',').any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
        })
    };
    if !headers.get_all(CONNECTION).iter().any(is_token) {
        return None;
    }
    let mut asked = headers.get_all(UPGRADE).iter();
    let (only, None) = (asked.next()?, asked.next()) else { return None };
    let text = only.to_str().ok()?.trim().to_ascii_lowercase();
    let permitted = !text.is_empty() && !text.contains(',') && !text.starts_with("h2");
    (permitted && !text.starts_with("http")).then(|| only.clone())
}

/// Whether the transfer coding, if any, is the one that is read in one way only.
pub(super) fn transfer_coding_is_plain(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(first) = codings.next() else { return true };
    first.as_bytes().eq_ignore_ascii_case(b"chunked") && codings.next().is_none()
}

/// Removes what is about the connection, and what `Connection` names as such.
fn strip_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
}

/// An underscore is never meant and may be read as a dash, as by CGI.
fn speaks_for_a_proxy(name: &str) -> bool {
    name.contains('_')
        || name.starts_with("x-forwarded-")
        || name.starts_with("proxy-")
        || OF_A_PROXY.contains(&name)
}

fn retain(headers: &mut HeaderMap, keeps: impl Fn(&str) -> bool) {
    let gone: Vec<HeaderName> =
        headers.keys().filter(|name| !keeps(name.as_str())).cloned().collect();
    for name in gone {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;
    use crate::config::Streams;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().expect("a name"), value.parse().expect("a value"))
        };
        let mut headers = HeaderMap::new();
        for (name, value) in lines.iter().map(pair) {
            headers.append(name, value);
        }
        headers
    }

    fn allowed(told: &[(&str, &str)]) -> Allowed {
        Allowed {
            rule: "a".to_owned(),
            identity: None,
            target: Target::parse("/", crate::Leniency::default()).expect("plain"),
            headers: headers(told),
            withheld: vec![http::header::AUTHORIZATION],
            answer: HeaderMap::new(),
            upstream: None,
            streams: Streams::Close,
        }
    }

    fn sent(client: &[(&str, &str)], told: &[(&str, &str)]) -> HeaderMap {
        let names = HeaderNames::default();
        for_upstream(&headers(client), &names, &allowed(told))
    }

    #[test]
    fn a_client_cannot_take_away_what_we_tell() {
        let told = [("x-auth-subject", "u1"), ("x-request-id", "r1")];
        let client = [
            ("connection", "close, X-Auth-Subject, x-request-id, x-mine"),
            ("x-auth-subject", "root"),
            ("x_auth_subject", "root"),
            ("x-mine", "1"),
            ("accept", "*/*"),
        ];
        let expected = [("accept", "*/*"), ("x-auth-subject", "u1"), ("x-request-id", "r1")];
        assert_eq!(sent(&client, &told), headers(&expected));
    }

    #[test]
    fn what_is_about_the_connection_or_for_us_stays_here() {
        let client = [
            ("te", "trailers"),
            ("trailer", "x-auth-subject"),
            ("keep-alive", "timeout=5"),
            ("proxy-authorization", "Basic eA=="),
            ("proxy-connection", "close"),
            ("proxy", "evil"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAAQAAP__"),
            ("transfer-encoding", "chunked"),
            ("expect", "100-continue"),
            ("authorization", "Bearer a"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x_forwarded_for", "10.0.0.1"),
            ("x-forwarded-prefix", "/admin"),
            ("x-real-ip", "10.0.0.1"),
            ("forwarded", "for=10.0.0.1"),
        ];
        assert_eq!(sent(&client, &[]), HeaderMap::new());
    }

    #[test]
    fn an_answer_keeps_its_length_only_when_it_is_true() {
        let answer = headers(&[
            ("transfer-encoding", "chunked"),
            ("content-length", "5"),
            ("connection", "x-inner"),
            ("x-inner", "1"),
            ("proxy-authenticate", "Basic"),
            ("etag", "\"a\""),
        ]);
        assert_eq!(for_client(answer, &allowed(&[])), headers(&[("etag", "\"a\"")]));
    }

    #[test]
    fn an_upgrade_never_leads_to_http_2() {
        let asked = |lines| upgrade(&headers(lines)).map(|value| value.to_str().map(str::to_owned));
        let websocket = [("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")];
        assert_eq!(asked(&websocket).map(Result::ok), Some(Some("websocket".to_owned())));
        let refused: [&[(&str, &str)]; 6] = [
            &[("connection", "Upgrade, HTTP2-Settings"), ("upgrade", "h2c")],
            &[("connection", "upgrade"), ("upgrade", " H2C ")],
            &[("connection", "upgrade"), ("upgrade", "websocket, h2c")],
            &[("connection", "upgrade"), ("upgrade", "websocket"), ("upgrade", "h2c")],
            &[("connection", "upgrade"), ("upgrade", "HTTP/2.0")],
            &[("upgrade", "websocket")],
        ];
        for lines in refused {
            assert!(asked(lines).is_none(), "{lines:?}");
        }
    }

    #[test]
    fn a_body_is_framed_in_one_way() {
        for (lines, plain) in [
            (&[][..], true),
            (&[("transfer-encoding", "chunked")], true),
            (&[("transfer-encoding", "Chunked")], true),
            (&[("transfer-encoding", "gzip, chunked")], false),
            (&[("transfer-encoding", "xchunked")], false),
            (&[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], false),
            (&[("transfer-encoding", "identity")], false),
        ] {
            assert_eq!(transfer_coding_is_plain(&headers(lines)), plain, "{lines:?}");
        }
    }
}
