//! What a service behind hears, form by form, whatever the client sends.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use menshen_verifier::testing::TestIssuer;

use super::*;
use crate::{Allowed, Decision, Scheme, Signer, SystemEntropy};

const RULES: &str = r#"
[provider]
issuer = "https://id.example"
client_id = "edge"

[upstream.orders]
url = "http://127.0.0.1:3000"
identity = "jwt"
audience = "urn:orders"

[[rule]]
name = "FORM"
hosts = ["api.example"]
paths = ["/orders"]
authenticate = ["bearer"]
audiences = ["https://api.example"]
"#;

struct Stage {
    issuer: TestIssuer,
    gateway: Gateway,
    token: String,
    _folder: tempfile::TempDir,
}

fn stage(more: &str) -> Stage {
    let issuer = TestIssuer::new("https://id.example", "https://api.example");
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key.pem");
    let text = format!("[jwt]\nkey = \"{}\"\n{RULES}{more}", key.display());
    let config = Config::parse("gateway.toml", &text).expect("a sound file");
    let signer = config.assertions.as_ref().map(|says| Signer::open(says).expect("a key"));
    let verifier = Some(issuer.verifier());
    let gateway = Gateway::new(config, verifier, issuer.clock(), Arc::new(SystemEntropy));
    gateway.replace_signer(signer);
    let token = issuer.token("ada", "orders:read");
    Stage { issuer, gateway, token, _folder: folder }
}

impl Stage {
    async fn allowed(&self, more: &[(&'static str, &str)]) -> Allowed {
        let mut headers = HeaderMap::new();
        let bearer = format!("Bearer {}", self.token);
        headers.insert(AUTHORIZATION, bearer.parse().expect("a value"));
        for (name, value) in more {
            headers.append(*name, value.parse().expect("a value"));
        }
        let facts = Facts {
            method: http::Method::GET,
            scheme: Scheme::Https,
            host: "api.example:443".to_owned(),
            target: "/orders".to_owned(),
            headers,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        match self.gateway.decide(&facts).await {
            Decision::Allow(allowed) => *allowed,
            other => panic!("allowed, not {other:?}"),
        }
    }
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers[name].to_str().expect("text").to_owned()
}

fn audience_of(jwt: &str) -> serde_json::Value {
    let compact = menshen_token::jws::Compact::parse(jwt, 4_096).expect("a JWT");
    let claims: serde_json::Value = serde_json::from_slice(&compact.payload).expect("JSON");
    claims["aud"].clone()
}

const NAMED: [&str; 6] = [
    "x-auth-subject",
    "x-auth-client",
    "x-auth-session",
    "x-auth-scope",
    "x-auth-roles",
    "x-auth-acr",
];

#[tokio::test]
async fn by_headers_unless_said_otherwise() {
    let stage = stage("");
    let allowed = stage.allowed(&[]).await;
    assert_eq!(text(&allowed.headers, "x-auth-subject"), "ada");
    assert_eq!(text(&allowed.headers, "x-auth-scope"), "orders:read");
    assert_eq!(text(&allowed.headers, "x-auth-jwt"), "");
    assert!(!allowed.headers.contains_key(AUTHORIZATION));
    assert_eq!(allowed.withheld, CREDENTIALS);
}

#[tokio::test]
async fn by_a_jwt_for_this_service() {
    for (more, audience) in
        [("upstream = \"orders\"", "urn:orders"), ("identity = \"jwt\"", "api.example")]
    {
        let stage = stage(more);
        let first = stage.allowed(&[]).await;
        let jwt = text(&first.headers, "x-auth-jwt");
        assert_eq!(audience_of(&jwt), audience);
        assert!(NAMED.iter().all(|name| first.headers[*name].is_empty()), "{more}");
        assert_eq!(text(&stage.allowed(&[]).await.headers, "x-auth-jwt"), jwt, "remembered");
        assert!(!format!("{first:?}").contains(&jwt), "printed");
    }
}

#[tokio::test]
async fn by_the_access_token() {
    let stage = stage("identity = \"access_token\"");
    let allowed = stage.allowed(&[]).await;
    assert_eq!(text(&allowed.headers, "authorization"), format!("Bearer {}", stage.token));
    assert!(NAMED.iter().all(|name| allowed.headers[*name].is_empty()));
}

#[tokio::test]
async fn not_at_all() {
    let stage = stage("identity = \"none\"\nupstream = \"orders\"\nforward_credentials = true");
    let allowed = stage.allowed(&[]).await;
    assert!(NAMED.iter().all(|name| allowed.headers[*name].is_empty()));
    assert_eq!(text(&allowed.headers, "x-auth-jwt"), "");
    assert!(allowed.withheld.is_empty());
}

#[tokio::test]
async fn the_number_of_a_request_comes_from_whom_we_believe() {
    let id = [("x-request-id", "from-outside")];
    let doubting = stage("").allowed(&id).await;
    assert_eq!(text(&doubting.headers, "x-request-id").len(), 32);
    assert_eq!(doubting.headers["x-request-id"], doubting.answer["x-request-id"]);
    let mut believing = stage("");
    let mut config = believing.gateway.rules().config.clone();
    config.trust_request_id = true;
    let verifier = Some(believing.issuer.verifier());
    let clock = believing.issuer.clock();
    believing.gateway = Gateway::new(config, verifier, clock, Arc::new(SystemEntropy));
    let allowed = believing.allowed(&id).await;
    assert_eq!(text(&allowed.headers, "x-request-id"), "from-outside");
    assert_eq!(text(&allowed.answer, "x-request-id"), "from-outside");
    for strange in ["", "a b", "a\"b", &"x".repeat(129)] {
        let allowed = believing.allowed(&[("x-request-id", strange)]).await;
        assert_eq!(text(&allowed.headers, "x-request-id").len(), 32, "{strange}");
    }
}

#[test]
fn a_rule_says_one_thing() {
    let problem =
        |text: &str| Config::parse("gateway.toml", text).expect_err("a problem").to_string();
    let without_key = format!("{RULES}identity = \"jwt\"");
    assert!(problem(&without_key).contains("write a [jwt]"));
    let both = format!("{RULES}identity = \"access_token\"\nforward_credentials = true");
    assert!(problem(&both).contains("and those as well"));
    let long = format!("[jwt]\nkey = \"k\"\nlifetime = \"5m\"\n{RULES}");
    assert!(problem(&long).contains("from `2s` to `1m`"));
}
