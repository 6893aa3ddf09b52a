//! Whole decisions.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use menshen_verifier::testing::TestIssuer;

use super::*;
use crate::config::Config;
use crate::{Scheme, SystemEntropy};

const RULES: &str = r#"
[provider]
issuer = "https://id.example"
client_id = "edge"

[[rule]]
name = "read"
hosts = ["api.example"]
paths = ["/orders/**"]
methods = ["GET"]
authenticate = ["bearer"]
audiences = ["https://api.example"]
rate_limit = { requests = 3, per = "1m" }
cors = { origins = ["https://app.example", "https://two.example"], headers = ["authorization", "dpop"], expose = ["x-total"], credentials = true, max_age = "10m" }

[[rule]]
name = "write"
hosts = ["api.example"]
paths = ["/orders/**"]
methods = ["POST"]
authenticate = ["bearer"]
audiences = ["https://api.example"]
rate_limit = { requests = 2, per = "1m", by = "subject" }

[[rule]]
name = "fonts"
hosts = ["api.example"]
paths = ["/fonts/**"]
access = "public"
cors = { origins = ["*"] }

[[rule]]
name = "sandbox"
hosts = ["api.example"]
paths = ["/sandbox"]
access = "public"
cors = { origins = ["null"] }
"#;

struct Stage {
    issuer: TestIssuer,
    gateway: Gateway,
}

fn stage() -> Stage {
    let issuer = TestIssuer::new("https://id.example", "https://api.example");
    let config = Config::parse("gateway.toml", RULES).expect("a sound file");
    let gateway =
        Gateway::new(config, Some(issuer.verifier()), issuer.clock(), Arc::new(SystemEntropy));
    Stage { issuer, gateway }
}

fn facts(method: &str, target: &str, headers: &[(&str, &str)]) -> Facts {
    let mut sent = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().expect("a name");
        sent.append(name, value.parse().expect("a value"));
    }
    Facts {
        method: method.parse().expect("a method"),
        scheme: Scheme::Https,
        host: "api.example".to_owned(),
        target: target.to_owned(),
        headers: sent,
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
    }
}

impl Stage {
    async fn decide(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Decision {
        self.gateway.decide(&facts(method, target, headers)).await
    }

    async fn preflight(&self, target: &str, origin: &str, method: &str) -> Decision {
        let headers = [("origin", origin), ("access-control-request-method", method)];
        self.decide("OPTIONS", target, &headers).await
    }
}

fn refused(decision: Decision) -> Refused {
    match decision {
        Decision::Refuse(refused) => *refused,
        other => panic!("refused, not {other:?}"),
    }
}

fn said(headers: &HeaderMap) -> String {
    let mut lines: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
        .collect();
    lines.sort();
    lines.join("\n")
}

#[tokio::test]
async fn a_preflight_is_answered_by_the_rule_of_the_request_it_asks_about() {
    let stage = stage();
    let Decision::Preflight(answer) =
        stage.preflight("/orders/7", "https://app.example", "GET").await
    else {
        panic!("answered")
    };
    insta::assert_snapshot!(said(&answer), @r"
    access-control-allow-credentials: true
    access-control-allow-headers: authorization, dpop
    access-control-allow-methods: GET
    access-control-allow-origin: https://app.example
    access-control-max-age: 600
    vary: origin, access-control-request-method, access-control-request-headers
    ");
    for method in ["POST", "DELETE"] {
        let decision = stage.preflight("/orders/7", "https://app.example", method).await;
        assert_eq!(refused(decision).refusal, Refusal::NoRule, "{method}");
    }
    let plain = stage.decide("OPTIONS", "/orders/7", &[("origin", "https://app.example")]).await;
    assert_eq!(refused(plain).refusal, Refusal::NoRule);
}

#[tokio::test]
async fn no_origin_is_allowed_that_is_not_named() {
    let stage = stage();
    let others = [
        "https://evil.example",
        "https://app.example.evil.example",
        "https://app.example:444",
        "http://app.example",
        "https://APP.example",
        "https://app.example/",
        "https://app.example, https://evil.example",
        "null",
        "*",
        "",
    ];
    for origin in others {
        let Decision::Preflight(answer) = stage.preflight("/orders/7", origin, "GET").await else {
            panic!("answered")
        };
        let names: Vec<&str> = answer.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["vary"], "{origin}");
    }
    let two = [
        ("origin", "https://app.example"),
        ("origin", "https://two.example"),
        ("access-control-request-method", "GET"),
    ];
    let Decision::Preflight(answer) = stage.decide("OPTIONS", "/orders/7", &two).await else {
        panic!("answered")
    };
    assert!(!answer.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn scripts_can_read_a_refusal() {
    let stage = stage();
    let origin = [("origin", "https://app.example")];
    let refused = refused(stage.decide("GET", "/orders/7", &origin).await);
    assert_eq!(refused.rule.as_deref(), Some("read"));
    let headers = refused.headers();
    assert_eq!(headers["access-control-allow-origin"], "https://app.example");
    assert_eq!(headers["vary"], "origin");
    let exposed = "x-total, www-authenticate, retry-after";
    assert_eq!(headers["access-control-expose-headers"], exposed);
    assert!(headers.contains_key("www-authenticate"));
}

#[tokio::test]
async fn everybody_may_read_what_is_everybodys_but_nobody_sends_cookies_there() {
    let stage = stage();
    for (target, origin, allowed) in [
        ("/fonts/a", "https://any.example", Some("*")),
        ("/fonts/a", "null", None),
        ("/sandbox", "null", Some("null")),
        ("/sandbox", "https://any.example", None),
    ] {
        let Decision::Allow(request) = stage.decide("GET", target, &[("origin", origin)]).await
        else {
            panic!("let through")
        };
        let told = request.answer.get("access-control-allow-origin");
        assert_eq!(told.map(|value| value.to_str().expect("text")), allowed, "{target} {origin}");
        assert!(!request.answer.contains_key("access-control-allow-credentials"));
        assert_eq!(request.answer["vary"], "origin");
    }
}

#[tokio::test]
async fn guessing_counts_against_an_address_before_the_guess_is_looked_at() {
    let stage = stage();
    let guess = [("authorization", "Bearer guess")];
    for _ in 0..3 {
        assert_eq!(refused(stage.decide("GET", "/orders", &guess).await).status(), 401);
    }
    let bearer = format!("Bearer {}", stage.issuer.token("ada", ""));
    let right = [("authorization", bearer.as_str())];
    let refused = refused(stage.decide("GET", "/orders", &right).await);
    assert_eq!((refused.status().as_u16(), refused.refusal.code()), (429, "too_many_requests"));
    assert_eq!(refused.headers()["retry-after"], "20");
}

#[tokio::test]
async fn a_subject_has_its_limit_wherever_it_is() {
    let stage = stage();
    let bearer = |user: &str| format!("Bearer {}", stage.issuer.token(user, ""));
    let (ada, bob) = (bearer("ada"), bearer("bob"));
    let guess = [("authorization", "Bearer guess")];
    for _ in 0..5 {
        assert_eq!(refused(stage.decide("POST", "/orders", &guess).await).status(), 401);
    }
    for (token, status) in [(&ada, 200), (&ada, 200), (&ada, 429), (&bob, 200)] {
        let decision = stage.decide("POST", "/orders", &[("authorization", token)]).await;
        let found = match decision {
            Decision::Allow(_) => 200,
            other => refused(other).status().as_u16(),
        };
        assert_eq!(found, status);
    }
}

#[tokio::test]
async fn decisions_are_counted_by_rule_door_and_outcome() {
    let stage = stage();
    let bearer = format!("Bearer {}", stage.issuer.token("ada", ""));
    let right = [("authorization", bearer.as_str())];
    for (door, target) in [
        (Door::Proxy, "/orders?secret=1"),
        (Door::ExtAuthz, "/orders"),
        (Door::Proxy, "/elsewhere"),
        (Door::Proxy, "/a//b"),
    ] {
        stage.gateway.decide_at(door, &facts("GET", target, &right)).await;
    }
    stage.issuer.advance_in_silence(std::time::Duration::from_secs(3));
    let numbers = stage.gateway.metrics();
    let about = |line: &&str| {
        !line.is_empty() && !line.starts_with('#') && !line.contains("decision_seconds")
    };
    let mut lines: Vec<&str> = numbers.lines().filter(about).collect();
    lines.sort_unstable();
    insta::assert_snapshot!(lines.join("\n"));
    assert!(numbers.contains("menshen_gateway_decision_seconds_count{door=\"proxy\"} 3"));
    assert!(!numbers.contains("secret"));
}
