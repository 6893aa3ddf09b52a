//! Tokens that are bound to a key: the proof must fit, and is good for one request.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_verifier::testing::{START, TestIssuer};
use menshen_verifier::token::{AccessToken, Jwk};
use serde_json::{Value, json};

use super::{api, ask, issuer};

const URL: &str = "https://api.example/v1/hello";
const WRONG: &str = "401\nwww-authenticate: DPoP error=\"invalid_dpop_proof\", \
                     error_description=\"DPoP proof is not valid for this request\", \
                     algs=\"ES256 EdDSA PS256\"";
const MISSING: &str = "401\nwww-authenticate: DPoP error=\"invalid_token\", \
                       error_description=\"token is bound to a key and needs a DPoP proof\", \
                       algs=\"ES256 EdDSA PS256\"";

/// An app that holds a key.
struct App {
    key: Ed25519KeyPair,
}

impl App {
    fn new() -> Self {
        Self { key: Ed25519KeyPair::generate().expect("the system has randomness") }
    }

    fn jwk(&self) -> Jwk {
        Jwk::ed25519(self.key.public_key().as_ref())
    }

    fn bound_token(&self, issuer: &TestIssuer) -> String {
        let confirmation = Some(self.jwk().thumbprint());
        issuer.sign(&AccessToken { confirmation, ..issuer.claims("ada") })
    }

    fn claims(token: &str, jti: &str) -> Value {
        json!({
            "htm": "GET", "htu": URL, "jti": jti, "iat": START.as_seconds(),
            "ath": URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())),
        })
    }

    fn sign(&self, claims: &Value) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.key.public_key().as_ref());
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
        let header = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", part(&header), part(claims));
        let signature = self.key.sign(input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

fn protected(issuer: &TestIssuer) -> Router {
    let base_url = "https://api.example/v1/".parse().expect("a URL");
    api().layer(issuer.verifier().layer().dpop(base_url))
}

fn request(authorization: &str, proofs: &[&str]) -> Request<Body> {
    let mut request = Request::get("/hello?page=2").header("authorization", authorization);
    for proof in proofs {
        request = request.header("dpop", *proof);
    }
    request.body(Body::empty()).expect("a valid request")
}

#[tokio::test]
async fn a_proof_is_good_for_one_request() {
    let (issuer, app) = (issuer(), App::new());
    let api = protected(&issuer);
    let token = app.bound_token(&issuer);
    let authorization = format!("DPoP {token}");
    let proof = app.sign(&App::claims(&token, "1"));
    let answer = ask(api.clone(), request(&authorization, &[&proof])).await;
    assert_eq!(answer, "200\nhello ada");
    assert_eq!(ask(api.clone(), request(&authorization, &[&proof])).await, WRONG);
    // The same `jti` in another proof is the same proof.
    let mut again = App::claims(&token, "1");
    again["iat"] = (START.as_seconds() - 1).into();
    assert_eq!(ask(api.clone(), request(&authorization, &[&app.sign(&again)])).await, WRONG);
    let next = app.sign(&App::claims(&token, "2"));
    assert_eq!(ask(api, request(&authorization, &[&next])).await, "200\nhello ada");
}

#[tokio::test]
async fn a_replay_is_refused_for_as_long_as_the_proof_is_recent() {
    let (issuer, app) = (issuer(), App::new());
    let api = protected(&issuer);
    let token = app.bound_token(&issuer);
    let authorization = format!("DPoP {token}");
    let proof = app.sign(&App::claims(&token, "1"));
    assert!(ask(api.clone(), request(&authorization, &[&proof])).await.starts_with("200"));
    for step in 0..8 {
        issuer.advance(Duration::from_secs(10));
        let other = app.sign(&App::claims(&token, &format!("step-{step}")));
        let _ = ask(api.clone(), request(&authorization, &[&other])).await;
        assert_eq!(ask(api.clone(), request(&authorization, &[&proof])).await, WRONG);
    }
}

#[tokio::test]
async fn a_bound_token_is_no_bearer_token() {
    let (issuer, app) = (issuer(), App::new());
    let token = app.bound_token(&issuer);
    let bearer = format!("Bearer {token}");
    let proof = app.sign(&App::claims(&token, "1"));
    // Neither with a proof beside it, nor where nobody configured DPoP.
    let plain = api().layer(issuer.verifier().layer());
    for api in [protected(&issuer), plain] {
        assert_eq!(ask(api.clone(), request(&bearer, &[])).await, MISSING);
        assert_eq!(ask(api.clone(), request(&bearer, &[&proof])).await, MISSING);
    }
    let answer = ask(protected(&issuer), request(&format!("DPoP {token}"), &[])).await;
    assert_eq!(answer, MISSING);
}

#[tokio::test]
async fn an_unbound_token_does_not_gain_by_a_proof() {
    let (issuer, app) = (issuer(), App::new());
    let token = issuer.token("ada", "");
    let proof = app.sign(&App::claims(&token, "1"));
    let answer = ask(protected(&issuer), request(&format!("DPoP {token}"), &[&proof])).await;
    assert_eq!(answer, WRONG);
}

#[tokio::test]
async fn a_proof_for_something_else_is_refused() {
    let (issuer, app) = (issuer(), App::new());
    let api = protected(&issuer);
    let token = app.bound_token(&issuer);
    let authorization = format!("DPoP {token}");
    let change = |name: &str, value: Value| {
        let mut claims = App::claims(&token, name);
        claims[name] = value;
        app.sign(&claims)
    };
    let thief = App::new();
    let wrong = [
        change("htm", "POST".into()),
        change("htu", "https://api.example/hello".into()),
        change("htu", "https://evil.example/v1/hello".into()),
        change("iat", (START.as_seconds() - 61).into()),
        change("iat", (START.as_seconds() + 61).into()),
        change("ath", "AAAA".into()),
        change("ath", Value::Null),
        change("jti", "".into()),
        thief.sign(&App::claims(&token, "thief")),
        "nonsense".to_owned(),
    ];
    for proof in &wrong {
        assert_eq!(ask(api.clone(), request(&authorization, &[proof])).await, WRONG, "{proof}");
    }
    let good = app.sign(&App::claims(&token, "good"));
    assert_eq!(ask(api.clone(), request(&authorization, &[&good, &good])).await, WRONG);
    assert_eq!(ask(api, request(&authorization, &[&good])).await, "200\nhello ada");
}
