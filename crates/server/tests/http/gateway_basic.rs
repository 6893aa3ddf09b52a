//! A gateway turns the password that comes with a request into a token for a minute.

use std::time::Duration;

use menshen_domain::client::{AccessTokenFormat, ClientPolicy};
use menshen_store::Target;
use menshen_token::{Reason, Scope};
use serde_json::json;

use crate::harness::{Answer, PASSWORD, SECRET, Server, claims};

const GRANT: &str = "urn:menshen:params:oauth:grant-type:basic";

fn scope(text: &str) -> Scope {
    text.parse().expect("a scope")
}

pub(crate) fn edge(policy: &mut ClientPolicy) {
    policy.scope = scope("gateway revocations:read account orders files");
    policy.audience = vec!["https://api.example".to_owned()];
}

/// A server with `ada`, and the gateway `edge`.
pub(crate) async fn with_edge() -> Server {
    let server = Server::start().await;
    server.add_user("ada").await;
    server.add_confidential("edge", edge).await;
    server
}

async fn ask(server: &Server, more: &[(&str, &str)]) -> Answer {
    let defaults = [
        ("grant_type", GRANT),
        ("username", "ada"),
        ("password", PASSWORD),
        ("client_address", "203.0.113.9"),
    ];
    let given = |name| more.iter().any(|(known, _)| *known == name);
    let kept = defaults.into_iter().filter(|(name, _)| !given(*name));
    let form: Vec<(&str, &str)> = kept.chain(more.iter().copied()).collect();
    server.call("POST", "/token").basic("edge", SECRET).form(&form).send().await
}

async fn is_active(server: &Server, token: &str) -> bool {
    let call = server.call("POST", "/introspect").basic("edge", SECRET);
    call.form(&[("token", token)]).send().await.json()["active"] == json!(true)
}

#[tokio::test]
async fn a_password_gives_a_token_without_a_session() {
    let server = with_edge().await;
    let answer = ask(&server, &[]).await;
    insta::assert_snapshot!(answer.print());
    let token = answer.text("access_token");
    assert!(is_active(&server, &token).await);
    server.advance(Duration::from_mins(1));
    assert!(!is_active(&server, &token).await, "it lives a minute");
}

#[tokio::test]
async fn it_is_signed_whatever_the_gateway_gets_for_itself() {
    let server = Server::start().await;
    server.add_user("ada").await;
    let opaque = |policy: &mut ClientPolicy| {
        edge(policy);
        policy.access_token_format = AccessTokenFormat::Opaque;
        policy.access_token_lifetime_ms = 5_000;
    };
    server.add_confidential("edge", opaque).await;
    let answer = ask(&server, &[]).await;
    assert_eq!(claims(&answer.text("access_token"))["sub"], "user-ada");
    assert_eq!(answer.json()["expires_in"], 5);
}

#[tokio::test]
async fn it_allows_what_is_asked_for_and_nothing_of_ours() {
    let server = with_edge().await;
    let narrow = ask(&server, &[("scope", "orders account gateway")]).await;
    let token = narrow.text("access_token");
    assert_eq!(claims(&token)["scope"], "orders");
    assert_eq!(claims(&token)["aud"], "https://api.example");
    let answer = server.call("GET", "/account/sessions").bearer(&token).send().await;
    assert_eq!(answer.verdict(), "401 invalid-token");
    assert_eq!(ask(&server, &[("scope", "admin")]).await.verdict(), "400 invalid_scope");
    let elsewhere = ask(&server, &[("resource", "https://other.example")]).await;
    assert_eq!(elsewhere.verdict(), "400 invalid_target");
}

#[tokio::test]
async fn only_a_gateway_may_ask() {
    let server = with_edge().await;
    server.add_confidential("service", |policy| policy.scope = scope("revocations:read")).await;
    server.add_app("app", |policy| policy.scope = scope("openid gateway")).await;
    let form = [
        ("grant_type", GRANT),
        ("username", "ada"),
        ("password", PASSWORD),
        ("client_address", "203.0.113.9"),
    ];
    let service = server.call("POST", "/token").basic("service", SECRET).form(&form).send().await;
    assert_eq!(service.verdict(), "400 unauthorized_client");
    // A user's token may say `gateway`; it is the client that counts.
    let user = server.sign_in().await.access;
    assert_eq!(claims(&user)["scope"], "openid gateway");
    let mut public = form.to_vec();
    public.push(("client_id", "app"));
    let app = server.call("POST", "/token").bearer(&user).form(&public).send().await;
    assert_ne!(app.status, 200, "{}", app.body);
    let app = server.post("/token", &public).await;
    assert_eq!(app.verdict(), "400 unauthorized_client");
}

#[tokio::test]
async fn whoever_may_not_sign_in_gets_the_same_answer() {
    let server = with_edge().await;
    server.add_user("barred").await;
    let barred = server.user("barred").id;
    server.app.store.disable_user(&barred, server.now()).await.expect("disabled");
    let mut answers = Vec::new();
    for (username, password) in [("ada", "wrong"), ("nobody", PASSWORD), ("barred", PASSWORD)] {
        let answer = ask(&server, &[("username", username), ("password", password)]).await;
        assert_eq!(answer.verdict(), "400 invalid_grant", "{username}");
        answers.push(answer.print());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    for missing in ["username", "password", "client_address"] {
        assert_eq!(ask(&server, &[(missing, "")]).await.verdict(), "400 invalid_request");
    }
    let odd = ask(&server, &[("client_address", "the moon")]).await;
    assert_eq!(odd.verdict(), "400 invalid_request");
}

#[tokio::test]
async fn guesses_are_counted_by_the_address_that_the_gateway_names() {
    let server = with_edge().await;
    let mut last = ask(&server, &[("password", "wrong")]).await;
    for _ in 0..40 {
        last = ask(&server, &[("password", "wrong")]).await;
    }
    assert_eq!(last.status, 429, "{}", last.body);
    let elsewhere = ask(&server, &[("client_address", "198.51.100.4")]).await;
    assert_eq!(elsewhere.status, 200, "nobody else pays for it: {}", elsewhere.body);
    let mapped = ask(&server, &[("client_address", "::ffff:203.0.113.9")]).await;
    assert_eq!(mapped.status, 429, "one address has one spelling");
}

#[tokio::test]
async fn it_dies_with_all_that_its_user_has() {
    for cause in ["password", "disabled", "everywhere", "gateway"] {
        let server = with_edge().await;
        let token = ask(&server, &[]).await.text("access_token");
        let ada = server.user("ada").id;
        let store = &server.app.store;
        match cause {
            "password" => {
                let hash = menshen_domain::credential::PasswordHash::from_stored("x".to_owned());
                let changed = store.change_password(&ada, None, &hash.into(), server.now()).await;
                changed.expect("changed").expect("is somebody");
            }
            "disabled" => drop(store.disable_user(&ada, server.now()).await.expect("disabled")),
            "everywhere" => {
                let target = Target::User(ada);
                let ended = store.revoke(&target, Reason::LogoutEverywhere, server.now()).await;
                assert!(ended.expect("ended").appended.is_some(), "every verifier is told");
            }
            _ => {
                let edge = "edge".parse().expect("valid");
                drop(store.disable_client(&edge, server.now()).await.expect("disabled"));
            }
        }
        let token = crate::harness::read(&server, &token);
        let dead = store.is_revoked(&token, server.now()).await.expect("answers");
        assert!(dead.is_some(), "{cause}");
    }
}
