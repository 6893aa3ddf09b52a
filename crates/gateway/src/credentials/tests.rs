//! Requests with passwords, digests and opaque tokens, judged by rules, with a token endpoint that
//! the test holds.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use menshen_token::digest::{DigestAnswer, DigestKey};
use menshen_token::{AccessToken, Revocation};
use menshen_verifier::testing::TestIssuer;
use serde_json::json;

use crate::config::Config;
use crate::{Decision, Facts, Gateway, Refused, Scheme, SystemEntropy};

const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "https://api.example";

/// The provider: `ada` has the password `secret`, and `mat_AA..A` is hers.
struct Provider {
    issuer: TestIssuer,
    asked: AtomicU64,
    out: AtomicU64,
}

type Pairs = Vec<(String, String)>;

fn find<'a>(form: &'a Pairs, name: &str) -> &'a str {
    form.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

fn opaque() -> String {
    format!("mat_{}", "A".repeat(43))
}

async fn token(State(provider): State<Arc<Provider>>, Form(form): Form<Pairs>) -> Response {
    provider.asked.fetch_add(1, Ordering::SeqCst);
    // Long enough for others to come while this one is under way.
    tokio::task::yield_now().await;
    if provider.out.load(Ordering::SeqCst) > 0 {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let key = DigestKey::of("ada", "menshen", "secret");
    let answer = DigestAnswer {
        method: find(&form, "method"),
        uri: find(&form, "uri"),
        nonce: find(&form, "nonce"),
        count: find(&form, "nc"),
        client_nonce: find(&form, "cnonce"),
        response: find(&form, "response"),
    };
    let kind = find(&form, "grant_type").rsplit(':').next().unwrap_or_default().to_owned();
    let right = match kind.as_str() {
        "basic" => find(&form, "username") == "ada" && find(&form, "password") == "secret",
        "digest" => find(&form, "username") == "ada" && key.made(&answer),
        _ => find(&form, "subject_token") == opaque(),
    };
    if find(&form, "username") == "guesser" {
        let wait = [("retry-after", "7")];
        return (StatusCode::TOO_MANY_REQUESTS, wait, axum::Json(json!({}))).into_response();
    }
    if !right {
        let body = axum::Json(json!({ "error": "invalid_grant" }));
        return (StatusCode::BAD_REQUEST, body).into_response();
    }
    let claims = provider.issuer.claims("ada");
    let claims = AccessToken { session_id: None, ..claims };
    let mut body = json!({ "access_token": provider.issuer.sign(&claims), "expires_in": 60 });
    if kind == "digest" {
        body["digest_key"] = key.expose().into();
    }
    axum::Json(body).into_response()
}

struct Scene {
    provider: Arc<Provider>,
    gateway: Gateway,
}

impl Scene {
    async fn new(methods: &str) -> Self {
        let issuer = TestIssuer::new(ISSUER, AUDIENCE);
        let (clock, verifier) = (issuer.clock(), issuer.verifier());
        let provider =
            Arc::new(Provider { issuer, asked: AtomicU64::new(0), out: AtomicU64::new(0) });
        let router = Router::new().route("/token", axum::routing::post(token));
        let router = router.with_state(Arc::clone(&provider));
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = tokio::net::TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move { axum::serve(listener, router).await });
        let rules = format!(
            r#"
            [provider]
            issuer = "http://{address}"
            client_id = "edge"

            [[rule]]
            name = "files"
            hosts = ["files.example"]
            paths = ["/**"]
            authenticate = [{methods}]
            audiences = ["{AUDIENCE}"]
            identity = "access_token"
            "#
        );
        let config = Config::parse("test", &rules).expect("sound rules");
        let settings = config.provider.clone().expect("there");
        let gateway = Gateway::new(config, Some(verifier), clock, Arc::new(SystemEntropy));
        gateway.convert_by(reqwest::Client::new(), &settings, "the secret");
        Self { provider, gateway }
    }

    fn asked(&self) -> u64 {
        self.provider.asked.load(Ordering::SeqCst)
    }

    async fn send(&self, authorizations: &[&str]) -> Result<crate::Allowed, Refused> {
        self.send_to("/list?a=1", authorizations).await
    }

    async fn send_to(
        &self,
        target: &str,
        authorizations: &[&str],
    ) -> Result<crate::Allowed, Refused> {
        let mut headers = HeaderMap::new();
        for line in authorizations {
            let value = HeaderValue::from_bytes(line.as_bytes()).expect("a value");
            headers.append(http::header::AUTHORIZATION, value);
        }
        self.judge(Method::GET, target, headers).await
    }

    async fn judge(
        &self,
        method: Method,
        target: &str,
        headers: HeaderMap,
    ) -> Result<crate::Allowed, Refused> {
        let facts = Facts {
            method,
            scheme: Scheme::Https,
            host: "files.example".to_owned(),
            target: target.to_owned(),
            headers,
            address: "192.0.2.1".parse().expect("an address"),
        };
        match self.gateway.decide(&facts).await {
            Decision::Allow(allowed) => Ok(*allowed),
            Decision::Refuse(refused) => Err(*refused),
            other => panic!("neither: {other:?}"),
        }
    }

    /// The status of a refusal, 200 for none.
    async fn status(&self, authorization: &str) -> u16 {
        self.send(&[authorization]).await.map_or_else(|refused| refused.status().as_u16(), |_| 200)
    }

    /// Kills what `ada` has by now.
    fn end_ada(&self) {
        let issuer = &self.provider.issuer;
        issuer.advance(Duration::from_millis(10));
        let now = menshen_token::Clock::now(issuer.clock().as_ref());
        let ada = "ada".parse().expect("valid");
        issuer.revoke(Revocation::UserBefore(ada, now));
        issuer.advance(Duration::from_millis(10));
    }
}

fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))
}

fn challenges(refused: &Refused) -> Vec<String> {
    let headers = refused.headers();
    let lines = headers.get_all(HeaderName::from_static("www-authenticate")).iter();
    lines.map(|line| line.to_str().expect("text").to_owned()).collect()
}

#[tokio::test]
async fn a_password_lets_in_and_goes_no_further() {
    let scene = Scene::new("\"basic\"").await;
    let allowed = scene.send(&[&basic("ada", "secret")]).await.expect("allowed");
    let identity = allowed.identity.expect("is somebody");
    assert_eq!((identity.subject.as_str(), identity.session_id.as_deref()), ("ada", None));
    let upstream = allowed.headers["authorization"].to_str().expect("text").to_owned();
    assert_eq!(upstream, format!("Bearer {}", identity.access_token.expect("a JWT")));
    for _ in 0..5 {
        assert_eq!(scene.status(&basic("ada", "secret")).await, 200);
    }
    assert_eq!(scene.asked(), 1, "one question for as long as the token is good");
    scene.provider.issuer.advance(Duration::from_mins(1));
    assert_eq!(scene.status(&basic("ada", "secret")).await, 200);
    assert_eq!(scene.asked(), 2);
}

#[tokio::test]
async fn of_many_requests_at_once_one_asks() {
    let scene = Arc::new(Scene::new("\"basic\"").await);
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let scene = Arc::clone(&scene);
            tokio::spawn(async move { scene.status(&basic("ada", "secret")).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("no panic"), 200);
    }
    assert_eq!(scene.asked(), 1);
}

#[tokio::test]
async fn a_wrong_password_is_asked_about_once_a_second() {
    let scene = Scene::new("\"basic\"").await;
    for _ in 0..5 {
        assert_eq!(scene.status(&basic("ada", "wrong")).await, 401);
    }
    assert_eq!(scene.asked(), 1);
    scene.provider.issuer.advance(Duration::from_secs(1));
    assert_eq!(scene.status(&basic("ada", "wrong")).await, 401);
    assert_eq!(scene.asked(), 2);
    assert_eq!(scene.status(&basic("ada", "secret")).await, 200, "nobody else is refused");
    let slowed = scene.send(&[&basic("guesser", "x")]).await.expect_err("slowed down");
    assert_eq!(slowed.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(slowed.headers()["retry-after"], "7");
}

#[tokio::test]
async fn an_outage_is_no_refusal() {
    let scene = Scene::new("\"basic\", \"digest\", \"reference_token\"").await;
    scene.provider.out.store(1, Ordering::SeqCst);
    assert_eq!(scene.status(&basic("ada", "secret")).await, 503);
    assert_eq!(scene.status(&format!("Bearer {}", opaque())).await, 503);
    scene.provider.out.store(0, Ordering::SeqCst);
    scene.provider.issuer.advance(Duration::from_secs(1));
    assert_eq!(scene.status(&basic("ada", "secret")).await, 200);
}

#[tokio::test]
async fn a_token_that_has_died_is_not_used_and_the_password_asked_about_anew() {
    let scene = Scene::new("\"basic\"").await;
    assert_eq!(scene.status(&basic("ada", "secret")).await, 200);
    scene.end_ada();
    assert_eq!(scene.status(&basic("ada", "secret")).await, 200, "it is still the password");
    assert_eq!(scene.asked(), 2);
    scene.end_ada();
    scene.provider.out.store(1, Ordering::SeqCst);
    assert_eq!(scene.status(&basic("ada", "secret")).await, 503);
}

#[tokio::test]
async fn what_is_no_credential_is_refused_without_asking() {
    let scene = Scene::new("\"basic\", \"digest\"").await;
    let twice = [&*basic("ada", "secret"), &*basic("ada", "secret")];
    let refused = scene.send(&twice).await.expect_err("refused");
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let latin = format!("Basic {}", STANDARD.encode(b"ada:s\xe9cret"));
    let joined = format!("{}, {}", basic("ada", "secret"), basic("ada", "secret"));
    assert_eq!(scene.status(&joined).await, 400);
    for bad in [latin.as_str(), "Basic", "Basic ada:secret", "Digest", "Bearer x", "Other y"] {
        assert_eq!(scene.status(bad).await, 401, "{bad}");
    }
    assert_eq!(scene.asked(), 0);
}

#[tokio::test]
async fn a_challenge_names_every_way_that_the_rule_takes() {
    let scene = Scene::new("\"basic\", \"digest\", \"bearer\"").await;
    let refused = scene.send(&[]).await.expect_err("refused");
    let schemes: Vec<String> = challenges(&refused)
        .iter()
        .map(|challenge| challenge.split(' ').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(schemes, ["Digest", "Bearer", "DPoP", "Basic"]);
    let scene = Scene::new("\"bearer\"").await;
    assert_eq!(scene.status(&basic("ada", "secret")).await, 401, "not a way that the rule takes");
    assert_eq!(scene.asked(), 0);
}

#[tokio::test]
async fn an_opaque_token_is_swapped_for_the_jwt() {
    let scene = Scene::new("\"reference_token\"").await;
    let bearer = format!("Bearer {}", opaque());
    let allowed = scene.send(&[&bearer]).await.expect("allowed");
    let upstream = allowed.headers["authorization"].to_str().expect("text");
    assert_eq!(upstream.split('.').count(), 3, "{upstream}");
    assert_eq!(scene.status(&bearer).await, 200);
    assert_eq!(scene.asked(), 1);
    let unknown = format!("Bearer mat_{}", "B".repeat(43));
    let refused = scene.send(&[&unknown]).await.expect_err("refused");
    assert!(challenges(&refused)[0].contains("invalid_token"), "{refused:?}");
    for odd in ["mat_", "mat_x", &format!("mat_{}", "\u{e9}".repeat(22))] {
        assert_eq!(scene.status(&format!("Bearer {odd}")).await, 401);
    }
    assert_eq!(scene.asked(), 2);
}

/// A client of HTTP Digest.
struct Browser {
    nonce: String,
}

impl Browser {
    /// Takes the challenge of a refusal.
    fn challenged_by(refused: &Refused) -> Self {
        let challenges = challenges(refused);
        let digest = challenges.iter().find(|one| one.starts_with("Digest ")).expect("offered");
        let (_, rest) = digest.split_once("nonce=\"").expect("a nonce");
        Self { nonce: rest.split('"').next().unwrap_or_default().to_owned() }
    }

    fn answer(&self, password: &str, uri: &str, count: &str) -> String {
        let hash = |text: String| {
            let hashed = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
            hashed.as_ref().iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            })
        };
        let nonce = &self.nonce;
        let user = hash(format!("ada:menshen:{password}"));
        let request = hash(format!("GET:{uri}"));
        let response = hash(format!("{user}:{nonce}:{count}:c:auth:{request}"));
        format!(
            "Digest username=\"ada\", realm=\"menshen\", nonce=\"{nonce}\", uri=\"{uri}\", \
             cnonce=\"c\", nc={count}, qop=auth, response=\"{response}\", algorithm=SHA-256"
        )
    }
}

const HERE: &str = "/list?a=1";

async fn digest_scene() -> (Scene, Browser) {
    let scene = Scene::new("\"digest\"").await;
    let refused = scene.send(&[]).await.expect_err("refused");
    (scene, Browser::challenged_by(&refused))
}

fn is_stale(refused: &Refused) -> bool {
    challenges(refused).iter().any(|challenge| challenge.contains("stale=true"))
}

#[tokio::test]
async fn a_digest_is_judged_by_the_provider_once_and_then_here() {
    let (scene, browser) = digest_scene().await;
    for count in ["00000001", "00000002", "0000000a"] {
        let answer = browser.answer("secret", HERE, count);
        let allowed = scene.send(&[&answer]).await.expect("allowed");
        assert_eq!(allowed.identity.expect("is somebody").subject, "ada");
        assert!(allowed.headers["authorization"].to_str().expect("text").starts_with("Bearer "));
    }
    assert_eq!(scene.asked(), 1);
    for count in ["0000000b", "0000000c"] {
        let refused = scene.send(&[&browser.answer("wrong", HERE, count)]).await;
        assert!(!is_stale(&refused.expect_err("refused")), "the client must not repeat it");
    }
    assert_eq!(scene.asked(), 3, "guesses are counted where passwords are");
    scene.end_ada();
    assert_eq!(scene.status(&browser.answer("secret", HERE, "0000000d")).await, 200);
    assert_eq!(scene.asked(), 4, "a dead token judges nothing");
}

#[tokio::test]
async fn an_answer_counts_for_one_request() {
    let (scene, browser) = digest_scene().await;
    let answer = browser.answer("secret", HERE, "00000005");
    assert_eq!(scene.status(&answer).await, 200);
    let replayed = scene.send(&[&answer]).await.expect_err("refused");
    assert!(is_stale(&replayed));
    let earlier = scene.send(&[&browser.answer("secret", HERE, "00000004")]).await;
    assert!(is_stale(&earlier.expect_err("refused")));
    // The same answer elsewhere, and one that says it is for elsewhere.
    let answer = browser.answer("secret", HERE, "00000006");
    for target in ["/list?a=2", "/list", "/other"] {
        assert!(scene.send_to(target, &[&answer]).await.is_err(), "{target}");
    }
    let elsewhere = browser.answer("secret", "/other", "00000006");
    assert_eq!(scene.status(&elsewhere).await, 401);
    let mut headers = HeaderMap::new();
    headers.insert("authorization", answer.parse().expect("a value"));
    let posted = scene.judge(Method::POST, HERE, headers).await.expect_err("another method");
    assert_eq!(posted.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(scene.status(&answer).await, 200, "nobody has used it up");
}

#[tokio::test]
async fn a_nonce_that_is_not_ours_or_too_old_is_stale() {
    let (scene, browser) = digest_scene().await;
    let answer = browser.answer("secret", HERE, "00000001");
    scene.provider.issuer.advance(Duration::from_mins(5));
    let refused = scene.send(&[&answer]).await.expect_err("too old");
    assert!(is_stale(&refused));
    let fresh = Browser::challenged_by(&refused);
    assert_eq!(scene.status(&fresh.answer("secret", HERE, "00000001")).await, 200);
    let own = Browser { nonce: "of-its-own-making".to_owned() };
    let refused = scene.send(&[&own.answer("secret", HERE, "00000001")]).await;
    assert!(is_stale(&refused.expect_err("not ours")));
}

#[tokio::test]
async fn what_is_weaker_is_refused_without_asking() {
    let (scene, browser) = digest_scene().await;
    let answer = browser.answer("secret", HERE, "00000001");
    for (from, to) in [
        ("algorithm=SHA-256", "algorithm=MD5"),
        (", algorithm=SHA-256", ""),
        ("qop=auth, ", ""),
        ("qop=auth", "qop=auth-int"),
        ("realm=\"menshen\"", "realm=\"other\""),
    ] {
        assert!(answer.contains(from), "{from}");
        assert_eq!(scene.status(&answer.replace(from, to)).await, 401, "{to}");
    }
    assert_eq!(scene.asked(), 0);
    assert_eq!(scene.status(&answer).await, 200);
}
