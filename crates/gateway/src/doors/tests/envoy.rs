//! Envoy: a call or a request, and the headers set and removed in its order.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::header;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tonic::client::Grpc;
use tonic_prost::ProstCodec;
use tower::ServiceExt as _;

use super::Outcome;
use crate::doors::ext_authz::{CHECK, messages};
use crate::{Facts, Gateway};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// `encode_raw_headers: true`.
    Raw,
    /// `encode_raw_headers: false`.
    Joined,
}

/// Envoy joins lines of `Authorization` whatever it is told.
fn authorization_joined(headers: &HeaderMap) -> HeaderMap {
    let mut sent = headers.clone();
    let lines: Vec<&[u8]> =
        headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() > 1 {
        let joined = HeaderValue::from_bytes(&lines.join(&b',')).expect("a value");
        sent.insert(header::AUTHORIZATION, joined);
    }
    sent
}

pub(super) async fn over_grpc(gateway: Gateway, facts: Facts, form: Lines) -> Outcome {
    let router = crate::doors::decisions(&gateway);
    let service = router.map_request(|request: Request<tonic::body::Body>| request.map(Body::new));
    let mut client = Grpc::new(service);
    client.ready().await.expect("a service");
    let asked = tonic::Request::new(check_request(&facts, form));
    let codec: ProstCodec<_, messages::CheckResponse> = ProstCodec::default();
    let response = client.unary(asked, PathAndQuery::from_static(CHECK), codec).await;
    let response = response.expect("an answer").into_inner();
    let code = response.status.expect("a status").code;
    match response.http_response.expect("an HTTP response") {
        messages::HttpResponse::Ok(ok) => {
            assert_eq!(code, 0);
            let mut headers = facts.headers;
            mutate(&mut headers, ok.headers);
            for name in ok.headers_to_remove {
                headers.remove(name);
            }
            Outcome::goes_on(&headers)
        }
        messages::HttpResponse::Denied(denied) => {
            assert_ne!(code, 0);
            let mut headers = HeaderMap::new();
            mutate(&mut headers, denied.headers);
            let status = denied.status.expect("a status").code;
            Outcome::answered(u16::try_from(status).expect("a status"), &headers)
        }
    }
}

fn check_request(facts: &Facts, form: Lines) -> messages::CheckRequest {
    let socket_address = Some(messages::SocketAddress { address: facts.address.to_string() });
    let peer = messages::Peer { address: Some(messages::Address { socket_address }) };
    let mut http = messages::HttpRequest {
        method: facts.method.to_string(),
        path: facts.target.clone(),
        host: facts.host.clone(),
        scheme: facts.scheme.as_str().to_owned(),
        ..Default::default()
    };
    let mut lines = vec![(":path".to_owned(), facts.target.clone().into_bytes())];
    for (name, value) in &authorization_joined(&facts.headers) {
        lines.push((name.to_string(), value.as_bytes().to_vec()));
    }
    if form == Lines::Joined {
        for (name, value) in lines {
            let value = String::from_utf8_lossy(&value).into_owned();
            // Cookies are put together as HTTP/2 has it (RFC 9113 section 8.2.3).
            let is_cookie = name == "cookie";
            let joined = http.headers.entry(name);
            joined
                .and_modify(|joined: &mut String| {
                    joined.push_str(if is_cookie { "; " } else { "," });
                    joined.push_str(&value);
                })
                .or_insert(value);
        }
    } else {
        let line =
            |(key, raw_value)| messages::HeaderValue { key, raw_value, ..Default::default() };
        let headers = lines.into_iter().map(line).collect();
        http.header_map = Some(messages::HeaderMap { headers });
    }
    let request = messages::Request { http: Some(http) };
    let attributes = messages::AttributeContext { source: Some(peer), request: Some(request) };
    messages::CheckRequest { attributes: Some(attributes) }
}

fn mutate(headers: &mut HeaderMap, options: Vec<messages::HeaderValueOption>) {
    for option in options {
        let overwrites =
            option.append_action == i32::from(messages::HeaderAppendAction::OverwriteIfExistsOrAdd);
        let header = option.header.expect("a header");
        if header.key.starts_with(':') {
            continue;
        }
        let name: HeaderName = header.key.parse().expect("a name");
        let value = HeaderValue::from_str(&header.value).expect("a value");
        if overwrites {
            headers.insert(name, value);
        } else {
            headers.append(name, value);
        }
    }
}

pub(super) async fn over_http(gateway: Gateway, facts: Facts) -> Outcome {
    let asked = Request::builder()
        .method(facts.method.clone())
        .uri(format!("/ext-authz{}", facts.target))
        .body(Body::empty());
    // What cannot stand in a request line is refused before it reaches any door; Envoy does so with
    // fragments by itself.
    let Some(mut asked) = asked.ok().filter(|_| !facts.target.contains('#')) else {
        return Outcome::Answered(400, Vec::new());
    };
    *asked.headers_mut() = authorization_joined(&facts.headers);
    let mut set = |name: &'static str, value: &str| {
        asked.headers_mut().insert(name, HeaderValue::from_str(value).expect("a value"));
    };
    set("host", &facts.host);
    set("content-length", "0");
    set("x-menshen-client-address", &facts.address.to_string());
    set("x-menshen-client-scheme", facts.scheme.as_str());
    asked.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 40_000))));
    let router = crate::doors::decisions(&gateway);
    let answer = router.oneshot(asked).await.expect("an answer");
    if answer.status() != 200 {
        return Outcome::answered(answer.status().as_u16(), answer.headers());
    }
    let mut headers = facts.headers;
    // `allowed_upstream_headers` of the guide.
    for (name, value) in answer.headers() {
        if name.as_str().starts_with("x-auth-")
            || ["authorization", "x-request-id"].contains(&name.as_str())
        {
            headers.insert(name.clone(), value.clone());
        }
    }
    let removed = answer.headers().get("x-envoy-auth-headers-to-remove");
    let removed = removed.map(|value| value.to_str().expect("names")).unwrap_or_default();
    for name in removed.split(',').filter(|name| !name.is_empty()) {
        headers.remove(name);
    }
    Outcome::goes_on(&headers)
}
