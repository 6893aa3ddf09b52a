//! Tokens bound to a key (RFC 9449): what a proof must say, and what a thief without the key
//! gets.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::json;

use crate::harness::{
    Answer, ISSUER, Server, Tokens, VERIFIER, claims, refresh_form, sign_in_form,
};
use crate::proof::Device;

async fn token(server: &Server, form: &[(&str, &str)], proof: &str) -> Answer {
    server.call("POST", "/token").header("dpop", proof).form(form).send().await
}

/// Signs `ada` in on a device, the code bound to its key.
async fn sign_in(server: &Server, device: &Device) -> Tokens {
    let call = server.call("POST", "/authorize-challenge");
    let call = call.header("dpop", device.prove(server, "/authorize-challenge", "challenge"));
    let code = call.form(&sign_in_form("app")).send().await.text("authorization_code");
    let proof = device.prove(server, "/token", "code");
    let answer = token(server, &code_form(&code), &proof).await;
    assert_eq!(answer.text("token_type"), "DPoP");
    answer.tokens()
}

fn code_form(code: &str) -> [(&str, &str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", code),
        ("code_verifier", VERIFIER),
    ]
}

#[tokio::test]
async fn a_bound_session_gives_bound_tokens() {
    let server = Server::with_ada().await;
    let device = Device::new(1);
    let first = sign_in(&server, &device).await;
    assert_eq!(claims(&first.access)["cnf"]["jkt"], device.thumbprint().as_str());
    let form = refresh_form("app", &first.refresh);
    let answer = token(&server, &form, &device.prove(&server, "/token", "r1")).await;
    insta::assert_snapshot!(answer.print());
}

#[tokio::test]
async fn a_bound_code_needs_its_key() {
    let server = Server::with_ada().await;
    let (device, thief) = (Device::new(1), Device::new(2));
    let jkt = device.thumbprint();
    let mut form = sign_in_form("app").to_vec();
    form.push(("dpop_jkt", jkt.as_str()));
    let code = server.post("/authorize-challenge", &form).await.text("authorization_code");
    let form = code_form(&code);
    assert_eq!(server.post("/token", &form).await.verdict(), "400 invalid_dpop_proof");
    let stolen = token(&server, &form, &thief.prove(&server, "/token", "t1")).await;
    assert_eq!(stolen.verdict(), "400 invalid_dpop_proof");
    let owned = token(&server, &form, &device.prove(&server, "/token", "d1")).await;
    assert_eq!(owned.status, 200, "{}", owned.body);
}

#[tokio::test]
async fn one_request_names_one_key() {
    let server = Server::with_ada().await;
    let other = Device::new(2).thumbprint();
    let mut form = sign_in_form("app").to_vec();
    form.push(("dpop_jkt", other.as_str()));
    let proof = Device::new(1).prove(&server, "/authorize-challenge", "p1");
    let call = server.call("POST", "/authorize-challenge").header("dpop", proof);
    assert_eq!(call.form(&form).send().await.verdict(), "400 invalid_dpop_proof");
}

#[tokio::test]
async fn a_stolen_refresh_token_is_worth_nothing_without_the_key() {
    let server = Server::with_ada().await;
    let (device, thief) = (Device::new(1), Device::new(2));
    let first = sign_in(&server, &device).await;
    let form = refresh_form("app", &first.refresh);
    assert_eq!(server.post("/token", &form).await.verdict(), "400 invalid_dpop_proof");
    let stolen = token(&server, &form, &thief.prove(&server, "/token", "t1")).await;
    assert_eq!(stolen.verdict(), "400 invalid_dpop_proof");
    let owned = token(&server, &form, &device.prove(&server, "/token", "d1")).await;
    assert_eq!(owned.status, 200, "the thief ended nothing");
    // Superseded now, and still nothing a stranger could end the session with.
    let stolen = token(&server, &form, &thief.prove(&server, "/token", "t2")).await;
    assert_eq!(stolen.verdict(), "400 invalid_dpop_proof");
    let retried = token(&server, &form, &device.prove(&server, "/token", "d2")).await;
    assert_eq!(retried.tokens().refresh, owned.tokens().refresh);
}

#[tokio::test]
async fn a_bound_device_may_retry_at_any_time_without_a_key_of_idempotency() {
    let server = Server::with_ada().await;
    let device = Device::new(1);
    let first = sign_in(&server, &device).await;
    let form = refresh_form("app", &first.refresh);
    let second = token(&server, &form, &device.prove(&server, "/token", "r1")).await.tokens();
    server.advance(Duration::from_hours(24));
    let again = token(&server, &form, &device.prove(&server, "/token", "r2")).await.tokens();
    assert_eq!(second.refresh, again.refresh);
}

#[tokio::test]
async fn a_proof_is_for_one_request_once() {
    let server = Server::with_ada().await;
    let device = Device::new(1);
    let first = sign_in(&server, &device).await;
    let form = refresh_form("app", &first.refresh);
    let good = || device.draft(&server, "/token", "x");
    let now = server.now().as_seconds();
    let mut private = good();
    private.header["jwk"]["d"] = json!("AAAA");
    let other_jwk = Device::new(2).draft(&server, "/token", "x").header["jwk"].clone();
    let unsigned = good().header("alg", "none");
    let cases = [
        ("another method", device.sign(&good().claim("htm", "GET"))),
        ("a method in lower case", device.sign(&good().claim("htm", "post"))),
        ("another path", device.sign(&good().claim("htu", format!("{ISSUER}/revoke")))),
        ("another host", device.sign(&good().claim("htu", "https://evil.example/token"))),
        ("another scheme", device.sign(&good().claim("htu", "http://id.example/token"))),
        ("no URL", device.sign(&good().claim("htu", "/token"))),
        ("too old", device.sign(&good().claim("iat", now - 61))),
        ("too new", device.sign(&good().claim("iat", now + 61))),
        ("no time", device.sign(&good().claim("iat", "now"))),
        ("no jti", device.sign(&good().claim("jti", ""))),
        ("a long jti", device.sign(&good().claim("jti", "j".repeat(256)))),
        ("another type", device.sign(&good().header("typ", "JWT"))),
        ("a critical extension", device.sign(&good().header("crit", json!(["b64"])))),
        ("the key of another", device.sign(&good().header("jwk", other_jwk))),
        ("a private key", device.sign(&private)),
        ("no key", device.sign(&good().header("jwk", json!({})))),
        ("alg none", format!("{}.", unsigned.input())),
        ("alg HS256", device.sign(&good().header("alg", "HS256"))),
        ("alg ES256 for this key", device.sign(&good().header("alg", "ES256"))),
        ("garbage", "garbage".to_owned()),
        ("empty", String::new()),
        ("too long", "A".repeat(9_000)),
    ];
    let mut table = String::new();
    for (case, proof) in cases {
        let answer = token(&server, &form, &proof).await;
        let sentence = answer.text("error_description");
        let _ = writeln!(table, "{case}: {}: {sentence}", answer.verdict());
    }
    let proof = device.sign(&good());
    let call = server.call("POST", "/token").header("dpop", &proof).header("dpop", &proof);
    let _ = writeln!(table, "two headers: {}", call.form(&form).send().await.verdict());
    insta::assert_snapshot!(table);
    let answer = token(&server, &form, &proof).await;
    assert_eq!(answer.status, 200, "no refused request took anything: {}", answer.body);
    let replayed = token(&server, &form, &proof).await;
    assert_eq!(replayed.text("error_description"), "the DPoP proof was used before");
}

#[tokio::test]
async fn a_replayed_proof_is_refused_for_as_long_as_it_is_recent() {
    let server = Server::with_ada().await;
    let device = Device::new(1);
    let first = sign_in(&server, &device).await;
    let form = refresh_form("app", &first.refresh);
    let iat = server.now().as_seconds() + 60;
    let proof = device.sign(&device.draft(&server, "/token", "ahead").claim("iat", iat));
    assert_eq!(token(&server, &form, &proof).await.status, 200);
    for _ in 0..13 {
        server.advance(Duration::from_secs(10));
        server.app.store.delete_expired(server.now(), 1_000).await.expect("cleaned");
        assert_eq!(token(&server, &form, &proof).await.verdict(), "400 invalid_dpop_proof");
    }
}

#[tokio::test]
async fn a_url_is_compared_and_not_spelled() {
    let server = Server::with_ada().await;
    let device = Device::new(1);
    let mut refresh = sign_in(&server, &device).await.refresh;
    let spellings = [
        "https://ID.example/token",
        "https://id.example:443/token",
        "https://id.example/token?x#y",
    ];
    for (number, htu) in spellings.into_iter().enumerate() {
        let draft = device.draft(&server, "/token", &format!("n{number}")).claim("htu", htu);
        let answer = token(&server, &refresh_form("app", &refresh), &device.sign(&draft)).await;
        refresh = answer.tokens().refresh;
    }
}

#[tokio::test]
async fn a_server_that_wants_a_nonce_says_which() {
    let server = Server::start_with(|config| config.dpop_nonce_required = true).await;
    server.add_user("ada").await;
    server.add_app("app", |policy| policy.require_dpop = true).await;
    let device = Device::new(1);
    let code = server.code("app").await;
    let form = code_form(&code);
    let asked = token(&server, &form, &device.prove(&server, "/token", "n1")).await;
    assert_eq!(asked.verdict(), "400 use_dpop_nonce");
    let nonce = asked.header("dpop-nonce").to_owned();
    let draft = device.draft(&server, "/token", "n2").claim("nonce", nonce.as_str());
    let wrong = device.draft(&server, "/token", "n3").claim("nonce", "made up");
    assert_eq!(token(&server, &form, &device.sign(&wrong)).await.verdict(), "400 use_dpop_nonce");
    let access = token(&server, &form, &device.sign(&draft)).await.tokens().access;
    let at_resource = |jti: &str, nonce: &str| {
        let draft = device.draft(&server, "/userinfo", jti).with(&access).claim("htm", "GET");
        let proof = device.sign(&draft.claim("nonce", nonce));
        let call = server.call("GET", "/userinfo").header("dpop", proof);
        call.header("authorization", format!("DPoP {access}")).send()
    };
    assert_eq!(at_resource("n4", &nonce).await.status, 200);
    server.advance(Duration::from_mins(4));
    insta::assert_snapshot!(at_resource("n5", "old").await.print());
}

#[tokio::test]
async fn a_client_that_must_prove_a_key_gets_nothing_without() {
    let server = Server::start().await;
    server.add_user("ada").await;
    server.add_app("app", |policy| policy.require_dpop = true).await;
    let code = server.code("app").await;
    let form = code_form(&code);
    assert_eq!(server.post("/token", &form).await.verdict(), "400 invalid_dpop_proof");
    let proof = Device::new(1).prove(&server, "/token", "p1");
    assert_eq!(token(&server, &form, &proof).await.status, 200);
}

#[tokio::test]
async fn a_bound_access_token_needs_its_proof_at_a_resource() {
    let server = Server::with_ada().await;
    let (device, thief) = (Device::new(1), Device::new(2));
    let access = sign_in(&server, &device).await.access;
    let other = sign_in(&server, &thief).await.access;
    let unbound = server.sign_in().await.access;
    let draft =
        |device: &Device, jti: &str| device.draft(&server, "/userinfo", jti).claim("htm", "GET");
    let call = |scheme: &str, token: &str, proof: Option<String>| {
        let call = server.call("GET", "/userinfo");
        let call = call.header("authorization", format!("{scheme} {token}"));
        match proof {
            Some(proof) => call.header("dpop", proof).send(),
            None => call.send(),
        }
    };
    let good = device.sign(&draft(&device, "a1").with(&access));
    let cases = [
        ("as it should be", call("DPoP", &access, Some(good.clone())).await),
        ("the same again", call("DPoP", &access, Some(good)).await),
        ("as a bearer token", call("Bearer", &access, None).await),
        ("as a bearer token with its proof", {
            let proof = device.sign(&draft(&device, "a2").with(&access));
            call("Bearer", &access, Some(proof)).await
        }),
        ("without a proof", call("DPoP", &access, None).await),
        ("by another key", {
            let proof = thief.sign(&draft(&thief, "a3").with(&access));
            call("DPoP", &access, Some(proof)).await
        }),
        ("for another token", {
            let proof = device.sign(&draft(&device, "a4").with(&other));
            call("DPoP", &access, Some(proof)).await
        }),
        ("for no token", {
            let proof = device.sign(&draft(&device, "a5"));
            call("DPoP", &access, Some(proof)).await
        }),
        ("an unbound token as a bound one", {
            let proof = device.sign(&draft(&device, "a6").with(&unbound));
            call("DPoP", &unbound, Some(proof)).await
        }),
    ];
    let mut table = String::new();
    for (case, answer) in cases {
        let challenge = answer.header("www-authenticate");
        let _ = writeln!(table, "{case}: {} {challenge}", answer.verdict());
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn a_proof_that_is_sent_again_says_nothing_against_the_token() {
    let server = Server::with_ada().await;
    let device = Device::new(1);
    let access = sign_in(&server, &device).await.access;
    let call = |proof: &str| {
        let call = server.call("GET", "/account/sessions").header("dpop", proof);
        call.header("authorization", format!("DPoP {access}")).send()
    };
    let draft = |jti: &str| device.draft(&server, "/account/sessions", jti).claim("htm", "GET");
    let proof = device.sign(&draft("s1").with(&access));
    assert_eq!(call(&proof).await.status, 200);
    let again = call(&proof).await;
    assert_eq!(again.verdict(), "401 invalid-dpop-proof");
    let challenge = again.header("www-authenticate");
    assert!(challenge.starts_with("DPoP error=\"invalid_dpop_proof\""), "{challenge}");
    assert!(challenge.ends_with("algs=\"ES256 EdDSA PS256\""), "{challenge}");
    assert_eq!(call(&device.sign(&draft("s2").with(&access))).await.status, 200);
    let bare = server.call("GET", "/account/sessions").bearer(&access).send().await;
    assert_eq!(bare.verdict(), "401 invalid-token");
    let challenge = bare.header("www-authenticate");
    assert!(challenge.starts_with("DPoP error=\"invalid_token\""), "{challenge}");
}

#[tokio::test]
async fn a_wrong_password_uses_up_no_proof() {
    let server = Server::with_ada().await;
    let proof = Device::new(1).prove(&server, "/authorize-challenge", "once");
    let sign_in = async |password| {
        let mut form = sign_in_form("app").to_vec();
        form.retain(|(name, _)| *name != "password");
        form.push(("password", password));
        let call = server.call("POST", "/authorize-challenge").header("dpop", &proof);
        call.form(&form).send().await.verdict()
    };
    assert_eq!(sign_in("wrong").await, "400 access_denied");
    assert_eq!(sign_in(crate::harness::PASSWORD).await, "200");
    assert_eq!(sign_in(crate::harness::PASSWORD).await, "400 invalid_dpop_proof");
}
