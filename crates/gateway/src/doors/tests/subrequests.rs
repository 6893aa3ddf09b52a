//! nginx, Traefik and Caddy: sub-requests, each with its own headers.

use axum::body::Body;
use axum::response::Response;
use http::header::{AUTHORIZATION, COOKIE, HOST, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Request, StatusCode};
use tower::ServiceExt as _;

use super::Outcome;
use crate::{Facts, Gateway};

/// What nginx is set up to send (docs/guide/gateway-nginx.md), and what it makes of the answer.
pub(super) async fn nginx(gateway: Gateway, facts: Facts) -> Outcome {
    let told = |facts: &Facts| {
        [
            ("x-original-method", facts.method.to_string()),
            ("x-original-scheme", facts.scheme.as_str().to_owned()),
            ("x-original-host", facts.host.clone()),
            ("x-original-uri", facts.target.clone()),
            ("x-forwarded-for", facts.address.to_string()),
        ]
    };
    let mut answer = ask(&gateway, "/forward-auth/nginx", &facts, told(&facts)).await;
    let Some(status) = answer.headers_mut().remove("x-menshen-status") else {
        return copied(&gateway, facts, &answer);
    };
    let known = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
    let fails = answer.status().is_server_error();
    assert!(known.contains(&answer.status()) || fails, "nginx takes {} for ours", answer.status());
    if let Some(login) = answer.headers_mut().remove("x-menshen-login") {
        answer.headers_mut().insert(LOCATION, login);
    }
    let status = status.to_str().expect("a status").parse().expect("a status");
    Outcome::answered(status, answer.headers())
}

/// nginx copies one line of each header.
pub(super) fn on_one_line(meant: Outcome) -> Outcome {
    let Outcome::Answered(status, headers) = meant else { return meant };
    let (challenges, mut headers): (Vec<_>, Vec<_>) =
        headers.into_iter().partition(|(name, _)| name == WWW_AUTHENTICATE.as_str());
    let challenges: Vec<String> = challenges.into_iter().map(|(_, value)| value).collect();
    if !challenges.is_empty() {
        headers.push((WWW_AUTHENTICATE.to_string(), challenges.join(", ")));
        headers.sort();
    }
    Outcome::Answered(status, headers)
}

pub(super) async fn traefik(gateway: Gateway, facts: Facts) -> Outcome {
    let answer = ask(&gateway, "/forward-auth/traefik", &facts, forwarded(&facts)).await;
    handed_on(&gateway, facts, &answer)
}

pub(super) async fn caddy(gateway: Gateway, facts: Facts) -> Outcome {
    let answer = ask(&gateway, "/forward-auth/caddy", &facts, forwarded(&facts)).await;
    handed_on(&gateway, facts, &answer)
}

fn forwarded(facts: &Facts) -> [(&'static str, String); 5] {
    [
        ("x-forwarded-method", facts.method.to_string()),
        ("x-forwarded-proto", facts.scheme.as_str().to_owned()),
        ("x-forwarded-host", facts.host.clone()),
        ("x-forwarded-uri", facts.target.clone()),
        ("x-forwarded-for", facts.address.to_string()),
    ]
}

async fn ask(
    gateway: &Gateway,
    at: &str,
    facts: &Facts,
    told: [(&'static str, String); 5],
) -> Response {
    let mut request = Request::get(at).body(Body::empty()).expect("a request");
    *request.headers_mut() = facts.headers.clone();
    for (name, value) in told {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
        request.headers_mut().insert(name, value);
    }
    request.headers_mut().insert(HOST, HeaderValue::from_static("127.0.0.1:9180"));
    crate::doors::decisions(gateway).oneshot(request).await.expect("an answer")
}

fn handed_on(gateway: &Gateway, facts: Facts, answer: &Response) -> Outcome {
    if answer.status().is_success() {
        return copied(gateway, facts, answer);
    }
    Outcome::answered(answer.status().as_u16(), answer.headers())
}

/// What the service behind gets: ours over the client's, by their exact names; of credentials and
/// cookies what the answer says, and nothing where it says nothing.
fn copied(gateway: &Gateway, facts: Facts, answer: &Response) -> Outcome {
    assert_eq!(answer.status(), 200);
    let mut headers = facts.headers;
    for name in gateway.rules().config.identity.all() {
        headers.insert(name.clone(), answer.headers()[name].clone());
    }
    for name in [AUTHORIZATION, COOKIE, HeaderName::from_static("dpop")] {
        headers.remove(&name);
        if let Some(value) = answer.headers().get(&name) {
            headers.insert(name, value.clone());
        }
    }
    Outcome::goes_on(&headers)
}

/// These proxies remove headers by their exact names only, so that what could be taken for one of
/// ours in another spelling is refused.
pub(super) fn refuses_spellings(meant: Outcome, gateway: &Gateway, facts: &Facts) -> Outcome {
    let rules = gateway.rules();
    let names = &rules.config.identity;
    let is_spelling = |name: &HeaderName| names.claims(name) && !names.all().contains(&name);
    if facts.headers.keys().any(is_spelling) { Outcome::Answered(400, Vec::new()) } else { meant }
}

/// Traefik completes a relative address with the one that it asks at.
pub(super) fn with_absolute_address(meant: Outcome, facts: &Facts) -> Outcome {
    let Outcome::Answered(status, mut headers) = meant else { return meant };
    for (name, value) in &mut headers {
        if name == LOCATION.as_str() {
            *value = format!("{}://{}{value}", facts.scheme.as_str(), facts.host);
        }
    }
    Outcome::Answered(status, headers)
}

/// 2xx would let the request go on.
pub(super) fn without_preflights(meant: Outcome) -> Outcome {
    match meant {
        Outcome::Answered(204, headers) => Outcome::Answered(403, headers),
        other => other,
    }
}
