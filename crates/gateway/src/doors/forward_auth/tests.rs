//! Requests as each proxy sends them, recorded or written down from its source, and what it is
//! answered.

use axum::response::Response;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use menshen_verifier::{Rejection, Schemes};

use super::subrequest::{Unreadable, forwarded};
use super::verdict::refuse;
use super::{caddy, ingress_nginx, nginx, traefik};
use crate::{Allowed, Decision, Facts, HeaderNames, Host, Leniency, Refusal, Scheme, Target};

/// nginx 1.22, set up as in `docs/guide/gateway-nginx.md`.
const NGINX: &str = "\
Host: menshen
X-Original-Method: POST
X-Original-Scheme: https
X-Original-Host: api.example:443
X-Original-URI: /orders/7?x=1
X-Forwarded-For: 203.0.113.9
User-Agent: curl/7.88.1
Accept: */*
Authorization: Bearer abc
X-Forwarded-Host: evil.example";

/// ingress-nginx, from its template of configurations.
const INGRESS: &str = "\
Host: menshen-gateway.menshen.svc.cluster.local
Connection: close
X-Request-ID: 8b3d2d4f6f1f0f6a3d1f7ad2e9f5b3c1
X-Original-URL: https://api.example/orders/7?x=1
X-Original-Method: POST
X-Sent-From: nginx-ingress-controller
X-Real-IP: 203.0.113.9
X-Forwarded-For: 203.0.113.9
X-Auth-Request-Redirect: /orders/7?x=1
User-Agent: curl/7.88.1
Authorization: Bearer abc";

/// Traefik 3, from its source.
const TRAEFIK: &str = "\
Host: 127.0.0.1:9180
User-Agent: curl/7.88.1
Authorization: Bearer abc
X-Forwarded-For: 203.0.113.9
X-Forwarded-Host: api.example
X-Forwarded-Method: POST
X-Forwarded-Port: 443
X-Forwarded-Proto: https
X-Forwarded-Server: 4f1b4d1c2a3e
X-Forwarded-Uri: /orders/7?x=1
X-Real-Ip: 203.0.113.9
Accept-Encoding: gzip";

/// Caddy 2.6, set up as in `docs/guide/gateway-caddy.md`.
const CADDY: &str = "\
Host: api.example
User-Agent: curl/7.88.1
Authorization: Bearer abc
X-Forwarded-For: 203.0.113.9
X-Forwarded-Host: api.example
X-Forwarded-Method: POST
X-Forwarded-Proto: https
X-Forwarded-Uri: /orders/7?x=1
Accept-Encoding: gzip";

type Reader = fn(HeaderMap, &[IpNet]) -> Result<Facts, Unreadable>;

/// Each proxy's request, and the headers without which it says nothing.
fn proxies() -> [(&'static str, Reader, &'static [&'static str]); 4] {
    const FORWARDED: [&str; 5] = [
        "X-Forwarded-Method",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Forwarded-Uri",
        "X-Forwarded-For",
    ];
    [
        (
            NGINX,
            nginx::facts,
            &[
                "X-Original-Method",
                "X-Original-Scheme",
                "X-Original-Host",
                "X-Original-URI",
                "X-Forwarded-For",
            ],
        ),
        (
            INGRESS,
            |headers, trusted| ingress_nginx::facts(headers, "host=api.example", trusted),
            &["X-Original-URL", "X-Original-Method", "X-Forwarded-For"],
        ),
        (TRAEFIK, |headers, trusted| forwarded(headers, &traefik::ADDED, trusted), &FORWARDED),
        (CADDY, |headers, trusted| forwarded(headers, &[], trusted), &FORWARDED),
    ]
}

fn headers(text: &str) -> HeaderMap {
    let lines = text.lines().filter_map(|line| line.split_once(": "));
    lines
        .map(|(name, value)| {
            let name: HeaderName = name.parse().expect("a name");
            (name, HeaderValue::from_str(value).expect("a value"))
        })
        .fold(HeaderMap::new(), |mut map, (name, value)| {
            map.append(name, value);
            map
        })
}

fn said(response: &Response) -> Vec<String> {
    let mut lines = vec![response.status().to_string()];
    for (name, value) in response.headers() {
        lines.push(format!("{name}: {}", value.to_str().expect("text")));
    }
    lines
}

#[test]
fn each_proxy_says_what_the_client_asked_for() {
    for (request, read, _) in proxies() {
        let facts = read(headers(request), &[]).expect("facts");
        assert_eq!(facts.method, "POST");
        assert_eq!(facts.scheme, Scheme::Https);
        assert!(matches!(facts.host.as_str(), "api.example" | "api.example:443"));
        assert_eq!(facts.target, "/orders/7?x=1");
        assert_eq!(facts.address.to_string(), "203.0.113.9");
        assert_eq!(facts.headers["authorization"], "Bearer abc");
    }
}

#[test]
fn what_the_proxy_adds_is_not_the_clients() {
    for (request, read, told_by) in proxies() {
        let facts = read(headers(request), &[]).expect("facts");
        for name in told_by.iter().chain(&["Host", "Connection", "X-Real-IP", "X-Sent-From"]) {
            assert!(!facts.headers.contains_key(*name), "{name}");
        }
    }
    // Nothing that nginx adds; the client sent it.
    let facts = nginx::facts(headers(NGINX), &[]).expect("facts");
    assert_eq!(facts.headers["x-forwarded-host"], "evil.example");
}

#[test]
fn nothing_is_guessed() {
    for (request, read, told_by) in proxies() {
        for name in told_by {
            let line = request.lines().find(|line| line.starts_with(&format!("{name}: ")));
            let line = line.expect("a line");
            let without = request.replace(line, "");
            assert_eq!(read(headers(&without), &[]).err(), Some(Unreadable::Missing(name)));
            let twice = format!("{request}\n{line}");
            assert_eq!(read(headers(&twice), &[]).err(), Some(Unreadable::Twice(name)));
        }
    }
}

#[test]
fn the_address_is_the_last_that_is_not_of_a_known_proxy() {
    for (request, read, _) in proxies() {
        let spoofed = request.replace("For: 203.0.113.9", "For: 10.0.0.1, 203.0.113.9");
        let address = |trusted: &str| {
            let trusted = [trusted.parse().expect("a network")];
            read(headers(&spoofed), &trusted).expect("facts").address.to_string()
        };
        assert_eq!(address("192.0.2.0/24"), "203.0.113.9");
        assert_eq!(address("203.0.113.0/24"), "10.0.0.1");
        assert_eq!(address("0.0.0.0/0"), "10.0.0.1");
        let none = request.replace("For: 203.0.113.9", "For: unix:");
        let meaningless = Unreadable::Meaningless("X-Forwarded-For");
        assert_eq!(read(headers(&none), &[]).err(), Some(meaningless));
    }
}

#[test]
fn bytes_that_are_no_text_are_not_dropped() {
    let mut told = headers(NGINX);
    told.insert("x-original-uri", HeaderValue::from_bytes(b"/ad\xffmin").expect("a value"));
    let facts = nginx::facts(told, &[]).expect("facts");
    assert!(Target::parse(&facts.target, Leniency::default()).is_err());
}

#[test]
fn a_client_may_send_an_empty_host_and_is_refused_for_it() {
    let told = TRAEFIK.replace("Host: api.example", "Host: ");
    let facts = forwarded(headers(&told), &traefik::ADDED, &[]).expect("facts");
    assert!(facts.host.parse::<Host>().is_err());
}

#[test]
fn one_ingress_is_not_entered_by_the_rules_of_another() {
    let facts = |query| ingress_nginx::facts(headers(INGRESS), query, &[]).err();
    assert_eq!(facts(""), Some(Unreadable::Parameter("?host=$host")));
    assert_eq!(facts("host="), Some(Unreadable::Parameter("?host=$host")));
    for (told, query, same) in [
        ("api.example", "host=api.example", true),
        ("API.example:443", "host=api.example", true),
        ("api.example", "host=admin.example", false),
        ("api.example", "host=api.example&host=admin.example", false),
        ("", "host=", false),
    ] {
        assert_eq!(ingress_nginx::same_host(told, query), same, "{told} {query}");
    }
}

#[test]
fn nginx_gets_answers_that_it_knows() {
    let facts = nginx::facts(headers(NGINX), &[]).expect("facts");
    let challenges = Rejection::Expired.challenges(Schemes::BearerAndDpop);
    let retry_after = std::time::Duration::from_secs(7);
    let decisions = [
        refuse(Refusal::SeveralCredentials),
        refuse(Refusal::Unauthenticated { reason: Rejection::Expired, challenges }),
        Decision::Redirect("/.menshen/login?return_to=%2F".to_owned()),
        refuse(Refusal::NoRule),
        refuse(Refusal::TooMany { retry_after }),
        refuse(Refusal::Unavailable),
        Decision::Preflight(headers("access-control-allow-origin: https://app.example")),
    ];
    let answers = decisions.map(|decision| said(&nginx::say(decision, &facts)).join("\n"));
    let unreadable = nginx::unreadable(&Unreadable::Missing("X-Original-URI"));
    insta::assert_snapshot!(format!(
        "{}\n\n{}",
        answers.join("\n\n"),
        said(&unreadable).join("\n")
    ));
}

#[test]
fn traefik_and_caddy_hand_the_answer_on() {
    let facts = forwarded(headers(TRAEFIK), &traefik::ADDED, &[]).expect("facts");
    let redirect = || Decision::Redirect("/.menshen/login?return_to=%2F".to_owned());
    let from_traefik = traefik::say(redirect(), &facts);
    assert_eq!(
        from_traefik.headers()["location"],
        "https://api.example/.menshen/login?return_to=%2F"
    );
    let from_caddy = caddy::say(redirect(), &facts);
    assert_eq!(from_caddy.headers()["location"], "/.menshen/login?return_to=%2F");
    for answer in [
        traefik::say(refuse(Refusal::Unavailable), &facts),
        caddy::say(refuse(Refusal::Unavailable), &facts),
    ] {
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], "1");
    }
}

#[test]
fn who_asks_is_always_said_if_only_by_nothing() {
    let answer = went_on(Vec::new(), HeaderMap::new());
    assert_eq!(answer.status(), 200);
    for name in HeaderNames::default().all() {
        assert!(answer.headers().contains_key(name), "{name}");
    }
}

#[test]
fn credentials_and_cookies_go_on_as_the_decision_says() {
    let answer = went_on(Vec::new(), HeaderMap::new());
    assert_eq!(answer.headers()["authorization"], "Bearer abc");
    assert_eq!(answer.headers()["dpop"], "");
    assert_eq!(answer.headers()["cookie"], "a=1; b=2");
    let answer = went_on(vec![AUTHORIZATION, COOKIE], headers("Cookie: b=2"));
    assert_eq!(answer.headers()["authorization"], "");
    assert_eq!(answer.headers()["cookie"], "b=2");
}

/// What a proxy is told about a request with credentials and two lines of cookies.
fn went_on(withheld: Vec<HeaderName>, more: HeaderMap) -> Response {
    let told = headers(&format!("{CADDY}\nCookie: a=1\nCookie: b=2"));
    let facts = forwarded(told, &[], &[]).expect("facts");
    let mut headers = HeaderNames::default().telling(None, "r1");
    headers.extend(more);
    let request = Allowed {
        rule: "public".to_owned(),
        identity: None,
        target: Target::parse("/", Leniency::default()).expect("a target"),
        headers,
        withheld,
        answer: HeaderMap::new(),
        upstream: None,
        streams: crate::config::Streams::Close,
    };
    caddy::say(Decision::Allow(Box::new(request)), &facts)
}
