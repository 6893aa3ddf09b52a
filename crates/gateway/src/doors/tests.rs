//! Same request, same moment: every door says what [`crate::Gateway::decide`] says.

mod conventions;
mod envoy;
mod subrequests;
mod world;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, COOKIE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use self::conventions::{Door, doors};
use self::world::{Credentials, World};
use crate::{Decision, Facts, Gateway};

/// What comes of a request, however its door says so.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    /// The service behind gets the request with these headers.
    GoesOn(Vec<(String, String)>),
    /// The client gets an answer with this status, and these of its headers.
    Answered(u16, Vec<(String, String)>),
}

impl Outcome {
    /// Some proxies send a header without a value, some leave it out; some put cookies on one line.
    fn goes_on(headers: &HeaderMap) -> Self {
        let mut headers = headers.clone();
        let cookies: Vec<&[u8]> =
            headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
        let cookies = HeaderValue::from_bytes(&cookies.join(&b"; "[..])).expect("a value");
        headers.insert(COOKIE, cookies);
        let mut lines = lines(&headers, |name| name != "x-request-id");
        lines.retain(|(_, value)| !value.is_empty());
        Self::GoesOn(lines)
    }

    /// How a body is worded and for how long it is kept is up to the door.
    fn answered(status: u16, headers: &HeaderMap) -> Self {
        const SAID: [HeaderName; 7] = [
            WWW_AUTHENTICATE,
            RETRY_AFTER,
            LOCATION,
            ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_HEADERS,
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
        ];
        Self::Answered(status, lines(headers, |name| SAID.contains(name)))
    }

    /// What is meant by a decision.
    fn of(gateway: &Gateway, decision: Decision, facts: &Facts) -> Self {
        match decision {
            Decision::Allow(allowed) => {
                let mut headers = facts.headers.clone();
                gateway.rules().config.identity.strip(&mut headers);
                for name in &allowed.withheld {
                    headers.remove(name);
                }
                headers.extend(allowed.headers);
                Self::goes_on(&headers)
            }
            Decision::Refuse(refused) => {
                Self::answered(refused.status().as_u16(), &refused.headers())
            }
            Decision::Redirect(address) => {
                Self::Answered(302, vec![(LOCATION.to_string(), address)])
            }
            Decision::Preflight(headers) => Self::answered(204, &headers),
        }
    }
}

fn lines(headers: &HeaderMap, kept: impl Fn(&HeaderName) -> bool) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let kept = headers.iter().filter(|(name, _)| kept(name));
    let mut lines: Vec<_> =
        kept.map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
    lines.sort();
    lines
}

/// Asks every door, and compares.
async fn agree(gateway: &Gateway, facts: &Facts) -> Result<Outcome, String> {
    let meant = Outcome::of(gateway, gateway.decide(facts).await, facts);
    for Door { name, ask, forced } in doors() {
        let said = ask(gateway.clone(), facts.clone()).await;
        let due = forced(meant.clone(), gateway, facts);
        if said != due {
            return Err(format!("{name}: {said:?} instead of {due:?}, for {facts:?}"));
        }
    }
    Ok(meant)
}

const RULES: &str = r#"
[[rule]]
name = "open"
hosts = ["*"]
paths = ["/open/**"]
access = "public"

[[rule]]
name = "closed"
hosts = ["*"]
paths = ["/closed/**"]
access = "deny"

[[rule]]
name = "pages"
hosts = ["api.example"]
paths = ["/pages/**"]
authenticate = ["bearer"]
audiences = ["https://api.example"]
unauthenticated = "login"

[[rule]]
name = "orders"
hosts = ["api.example"]
paths = ["/orders/**"]
methods = ["GET", "POST"]
authenticate = ["bearer"]
audiences = ["https://api.example"]
scopes = ["orders:read"]
roles = ["staff"]

[[rule]]
name = "payments"
hosts = ["api.example"]
paths = ["/payments/**"]
authenticate = ["bearer"]
audiences = ["https://api.example"]
acr = ["urn:menshen:acr:mfa"]
max_age = "5m"
"#;

/// A request line, what it shows, further headers, and the status that it gets; 0 where it goes on.
type Case = (&'static str, Credentials, &'static [(&'static str, &'static str)], u16);

const CASES: &[Case] = &[
    ("GET /open/x?y=1", Credentials::None, &[], 0),
    (
        "GET /open/x",
        Credentials::Garbage,
        &[("x-auth-subject", "root"), ("X_Auth-Roles", "staff")],
        0,
    ),
    ("GET /closed/x", Credentials::Good, &[], 403),
    ("GET /nowhere", Credentials::Good, &[], 403),
    ("GET /orders/7", Credentials::Good, &[], 0),
    (
        "HEAD /orders/7",
        Credentials::Good,
        &[("x-auth-roles", "admin"), ("x-auth-roles", "root")],
        0,
    ),
    ("DELETE /orders/7", Credentials::Good, &[], 403),
    ("GET /orders/7", Credentials::None, &[], 401),
    ("GET /orders/7", Credentials::Expired, &[], 401),
    ("GET /orders/7", Credentials::OtherAudience, &[], 401),
    ("GET /orders/7", Credentials::OtherIssuer, &[], 401),
    ("GET /orders/7", Credentials::Revoked, &[], 401),
    ("GET /orders/7", Credentials::Garbage, &[], 401),
    ("GET /orders/7", Credentials::Basic, &[], 401),
    ("GET /orders/7", Credentials::Twice, &[], 400),
    ("GET /orders/7", Credentials::WithoutScope, &[], 403),
    ("GET /orders/7", Credentials::WithoutRole, &[], 403),
    ("GET /orders/7", Credentials::Good, &[("X-HTTP-Method-Override", "DELETE")], 400),
    ("GET /payments/7", Credentials::Good, &[], 0),
    ("GET /payments/7", Credentials::SignedInLongAgo, &[], 401),
    ("GET /payments/7", Credentials::WithoutFactor, &[], 401),
    ("GET /pages/7?x=%2F", Credentials::None, &[("sec-fetch-mode", "navigate")], 302),
    ("GET /pages/7", Credentials::Revoked, &[("accept", "text/html")], 302),
    (
        "GET /pages/7",
        Credentials::None,
        &[("sec-fetch-mode", "cors"), ("accept", "text/html")],
        401,
    ),
    ("POST /pages/7", Credentials::None, &[("sec-fetch-mode", "navigate")], 401),
    ("GET /open/%6frders", Credentials::None, &[], 0),
    ("GET /open/../orders/7", Credentials::None, &[], 400),
    ("GET /open/%2e%2E/orders/7", Credentials::None, &[], 400),
    ("GET /open/..%2forders", Credentials::None, &[], 400),
    ("GET /open//orders", Credentials::None, &[], 400),
    ("GET //open/orders", Credentials::None, &[], 400),
    ("GET /open/..;/orders", Credentials::None, &[], 400),
    ("GET /open/%5c..%5corders", Credentials::None, &[], 400),
    ("GET /open/%252e%252e/orders", Credentials::None, &[], 400),
    ("GET /open/x.", Credentials::None, &[], 400),
    ("GET /open/%00", Credentials::None, &[], 400),
    ("GET /ext-authz/open/x", Credentials::None, &[], 403),
    ("GET /../ext-authz/open/x", Credentials::None, &[], 400),
    ("GET /healthz", Credentials::None, &[], 403),
];

#[tokio::test]
async fn every_door_says_what_is_decided() {
    let world = World::new();
    let gateway = world.gateway(RULES);
    for (line, credentials, headers, status) in CASES {
        let (method, target) = line.split_once(' ').expect("a method and a target");
        let facts = world.facts(method, "api.example", target, *credentials, headers);
        let outcome = agree(&gateway, &facts).await.expect("one decision");
        let found = match &outcome {
            Outcome::GoesOn(_) => 0,
            Outcome::Answered(status, _) => *status,
        };
        assert_eq!(found, *status, "{line} {credentials:?} {headers:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn nobody_takes_an_outage_for_a_refusal() {
    let world = World::new();
    let gateway = world.gateway(RULES);
    world.issuer.advance_in_silence(std::time::Duration::from_mins(1));
    let facts = world.facts("GET", "api.example", "/orders/7", Credentials::Good, &[]);
    let outcome = agree(&gateway, &facts).await.expect("one decision");
    assert!(matches!(outcome, Outcome::Answered(503, _)), "{outcome:?}");
}

/// One rule, as it stands in the file.
fn rule() -> impl Strategy<Value = String> {
    let hosts = select(&["*", "api.example", "*.example", "shop.example"]);
    let paths = select(&["/**", "/a/**", "/a/*", "/a/b", "/b/**", "/"]);
    let methods = subsequence(vec!["GET", "POST", "DELETE"], 0..=2);
    let access = prop_oneof![
        Just("access = \"public\"".to_owned()),
        Just("access = \"deny\"".to_owned()),
        requirements(),
    ];
    let cors = select(&["", "cors = { origins = [\"https://app.example\"], credentials = true }"]);
    (hosts, paths, methods, access, cors).prop_map(|(host, path, methods, access, cors)| {
        format!("hosts = [{host:?}]\npaths = [{path:?}]\nmethods = {methods:?}\n{access}\n{cors}\n")
    })
}

fn requirements() -> impl Strategy<Value = String> {
    let required = vec![
        "scopes = [\"orders:read\"]",
        "roles = [\"staff\", \"root\"]",
        "acr = [\"urn:menshen:acr:mfa\"]",
        "max_age = \"5m\"",
        "unauthenticated = \"login\"",
    ];
    let told = select(&[
        "",
        "forward_credentials = true",
        "identity = \"none\"",
        "identity = \"access_token\"",
    ]);
    let always = "authenticate = [\"bearer\"]\naudiences = [\"https://api.example\"]\n";
    (subsequence(required, 0..=5), told)
        .prop_map(move |(required, told)| format!("{always}{told}\n{}", required.join("\n")))
}

fn target() -> impl Strategy<Value = String> {
    let plain = select(&["a", "b", "c", "%61"]);
    let tricky = select(&[
        "..",
        ".",
        "",
        "%2e%2e",
        "%2F",
        "a%2fb",
        "a;x",
        "..;",
        "b.",
        "\\",
        "%5c",
        "%00",
        "%zz",
        "%252e",
        "ä",
        "%C3%A4",
        "{",
        "\"",
        "ext-authz",
        "healthz",
    ]);
    let segment = prop_oneof![4 => plain, 1 => tricky];
    let query = select(&["", "?", "?x=1", "?x=/../a", "?x=%2F&y", "?#"]);
    (prop::collection::vec(segment, 0..4), query)
        .prop_map(|(segments, query)| format!("/{}{query}", segments.join("/")))
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let known = vec![
        ("x-auth-subject", "root"),
        ("x-auth-subject", "root again"),
        ("x_auth_subject", "root"),
        ("x-auth_roles", "staff"),
        ("x-request-id", "1"),
        ("x-http-method", "DELETE"),
        ("x-forwarded-proto", "https"),
        ("x-envoy-auth-headers-to-remove", "authorization"),
        ("x-forwarded-uri", "/open/a"),
        ("x-menshen-status", "200"),
        ("x-menshen-client-address", "127.0.0.1"),
        ("sec-fetch-mode", "navigate"),
        ("accept", "text/html"),
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
    ];
    subsequence(known, 0..=4)
}

proptest! {
    #[test]
    fn every_door_says_what_is_decided_about_anything(
        rules in prop::collection::vec(rule(), 1..4),
        method in select(&["GET", "HEAD", "POST", "OPTIONS", "DELETE", "PROPFIND"]),
        host in select(&["api.example", "API.Example.:443", "shop.example", "evil", "a b", "[::1]"]),
        target in target(),
        credentials in select(&Credentials::ALL),
        headers in headers(),
    ) {
        thread_local! {
            static WORLD: World = World::new();
        }
        let named = |(n, rule)| format!("[[rule]]\nname = \"r{n}\"\n{rule}");
        let rules: Vec<String> = rules.iter().enumerate().map(named).collect();
        let rules = rules.join("\n");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        WORLD.with(|world| {
            let gateway = world.gateway(&rules);
            let facts = world.facts(method, host, &target, credentials, &headers);
            runtime.block_on(agree(&gateway, &facts)).map_err(TestCaseError::fail)
        })?;
    }
}
