//! A gateway has a proof by HTTP Digest judged, and gets a token for a minute and the key for it.

use menshen_domain::Secret;
use menshen_domain::credential::PasswordHasher;
use menshen_token::digest::DigestKey;
use serde_json::json;

use crate::gateway_basic::with_edge;
use crate::harness::{Answer, CHEAP, PASSWORD, SECRET, Server, claims, hex_hash};
use crate::one_time_passwords::turn_on;

const NONCE: &str = "dcd98b7102dd2f0e8b11d0f600bfb0c0";

/// The answer of a stock client to a challenge of the gateway.
fn prove(username: &str, password: &str) -> Vec<(&'static str, String)> {
    let user = hex_hash(&format!("{username}:menshen:{password}"));
    let request = hex_hash("GET:/files?all=1");
    let response = hex_hash(&format!("{user}:{NONCE}:00000001:abc:auth:{request}"));
    [
        ("grant_type", "urn:menshen:params:oauth:grant-type:digest"),
        ("username", username),
        ("realm", "menshen"),
        ("nonce", NONCE),
        ("uri", "/files?all=1"),
        ("method", "GET"),
        ("nc", "00000001"),
        ("cnonce", "abc"),
        ("qop", "auth"),
        ("response", response.as_str()),
        ("client_address", "203.0.113.9"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

async fn send(server: &Server, form: &[(&'static str, String)]) -> Answer {
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, &**value)).collect();
    server.call("POST", "/token").basic("edge", SECRET).form(&form).send().await
}

async fn ask(server: &Server, username: &str, password: &str) -> Answer {
    send(server, &prove(username, password)).await
}

/// Turns it on for `ada`, as an operator does.
async fn with_digest() -> Server {
    let server = with_edge().await;
    let (user, password) = (server.user("ada"), Secret::new(PASSWORD.to_owned()));
    let stored = server.app.store.find_password(&user.id).await.expect("reads").expect("has one");
    let key = server.app.keyring.seal_digest_key(&user, "menshen", &password);
    assert!(!key.sealed.contains(DigestKey::of("ada", "menshen", PASSWORD).expose()));
    assert!(server.app.store.keep_digest_key(&user.id, &stored, &key).await.expect("kept"));
    server
}

#[tokio::test]
async fn a_right_answer_gives_a_token_and_the_key_for_the_next_requests() {
    let server = with_digest().await;
    let answer = ask(&server, "ada", PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let token = claims(&answer.text("access_token"));
    assert_eq!(token["sub"], "user-ada");
    assert_eq!(token["client_id"], "edge");
    assert_eq!(token["sid"], json!(null));
    assert_eq!(answer.json()["expires_in"], 60);
    assert_eq!(answer.json()["refresh_token"], json!(null));
    let key = answer.text("digest_key");
    assert_eq!(key, DigestKey::of("ada", "menshen", PASSWORD).expose());
}

#[tokio::test]
async fn who_has_one_time_passwords_on_gives_a_code_as_well() {
    let server = with_digest().await;
    let phone = turn_on(&server, &"user-ada".parse().expect("an id")).await;
    let refused = ask(&server, "ada", PASSWORD).await;
    assert_eq!(refused.verdict(), "403 insufficient_authorization");
    assert_eq!(refused.json()["digest_key"], json!(null));
    let mut form = prove("ada", PASSWORD);
    form.push(("otp", phone.code(server.now())));
    let answer = send(&server, &form).await;
    assert_eq!(claims(&answer.text("access_token"))["amr"], json!(["pwd", "otp"]));
}

#[tokio::test]
async fn every_failure_looks_the_same() {
    let server = with_digest().await;
    server.add_user("ben").await;
    let mut forms = vec![
        prove("ada", "wrong"),
        prove("nobody", PASSWORD),
        prove("ben", PASSWORD),
        // What is compared when there is no key must not be a key.
        prove("ben", ""),
        prove("nobody", ""),
    ];
    for (name, value) in
        [("realm", "elsewhere"), ("uri", "/admin"), ("method", "POST"), ("nonce", "other")]
    {
        let mut form = prove("ada", PASSWORD);
        form.iter_mut().filter(|(known, _)| *known == name).for_each(|pair| {
            value.clone_into(&mut pair.1);
        });
        forms.push(form);
    }
    let mut answers = Vec::new();
    for form in &forms {
        let answer = send(&server, form).await;
        assert_eq!(answer.verdict(), "400 invalid_grant", "{form:?}");
        answers.push(answer.print());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

#[tokio::test]
async fn what_is_weaker_or_missing_is_refused() {
    let server = with_digest().await;
    let without = |name: &str| {
        let mut form = prove("ada", PASSWORD);
        form.retain(|(known, _)| *known != name);
        form
    };
    for name in ["username", "realm", "nonce", "uri", "method", "nc", "cnonce", "qop", "response"] {
        let answer = send(&server, &without(name)).await;
        assert_eq!(answer.verdict(), "400 invalid_request", "{name}");
    }
    let mut form = without("qop");
    form.push(("qop", "auth-int".to_owned()));
    assert_eq!(send(&server, &form).await.verdict(), "400 invalid_request");
}

#[tokio::test]
async fn guesses_are_counted_with_those_at_the_password() {
    let server = with_digest().await;
    let mut last = ask(&server, "ada", "wrong").await;
    for _ in 0..40 {
        last = ask(&server, "ada", "wrong").await;
    }
    assert_eq!(last.status, 429, "{}", last.body);
    assert_eq!(ask(&server, "ada", PASSWORD).await.status, 429);
}

#[tokio::test]
async fn the_key_follows_the_password() {
    let server = with_digest().await;
    server.add_app("app", |_| ()).await;
    let new = "a much better password";
    let access = server.sign_in().await.access;
    let body = json!({ "current_password": PASSWORD, "new_password": new }).to_string();
    let call = server.call("POST", "/account/password").bearer(&access);
    assert_eq!(call.raw("application/json", body).send().await.status, 200);
    assert_eq!(ask(&server, "ada", PASSWORD).await.verdict(), "400 invalid_grant");
    assert_eq!(ask(&server, "ada", new).await.status, 200);
    let ada = server.user("ada").id;
    server.app.store.disable_user(&ada, server.now()).await.expect("disabled");
    assert_eq!(ask(&server, "ada", new).await.verdict(), "400 invalid_grant");
    server.app.store.enable_user(&ada).await.expect("enabled");
    assert_eq!(ask(&server, "ada", new).await.verdict(), "400 invalid_grant", "it was forgotten");
}

#[tokio::test]
async fn a_key_that_another_user_had_opens_nothing() {
    let server = with_digest().await;
    server.add_user("ben").await;
    // Whoever can write to the database gives ben's row what is kept for ada.
    let (_, key) = server
        .app
        .store
        .find_digest_key(&"ada".parse().expect("valid"))
        .await
        .expect("reads")
        .expect("is somebody");
    let ben = server.user("ben").id;
    let hash = PasswordHasher::new(CHEAP)
        .expect("a valid cost")
        .hash(&Secret::new(PASSWORD.to_owned()), [1; 16]);
    let key = key.expect("has one");
    assert!(server.app.store.keep_digest_key(&ben, &hash, &key).await.expect("kept"));
    let form = prove("ben", PASSWORD);
    assert_eq!(send(&server, &form).await.status, 500);
}
