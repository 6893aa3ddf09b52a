//! Pairwise subjects: apps of two sectors cannot tell by any `sub` that they know the same user.

use std::collections::BTreeSet;

use menshen_domain::client::{Client, SubjectType};
use menshen_domain::{Secret, client::ClientPolicy};
use serde_json::Value;

use crate::authorize::{come_back, request};
use crate::harness::{Answer, SECRET, Server, VERIFIER, claims};
use crate::walk::{Walker, sent};

async fn with_sectors() -> Server {
    let server = Server::start().await;
    server.add_user("ada").await;
    for (id, host) in [("one", "one.example"), ("one-too", "one.example"), ("two", "two.example")] {
        let register = |client: &mut Client| {
            client.metadata.redirect_uris = vec![format!("https://{host}/cb")];
            client.metadata.subject_type = Some(SubjectType::Pairwise);
            client.secret_hash = Some(Secret::new(SECRET.to_owned()).hash());
            client.policy = ClientPolicy {
                scope: "openid offline_access".parse().expect("valid"),
                ..ClientPolicy::default()
            };
        };
        server.register(id, register).await;
    }
    server
}

async fn token(server: &Server, id: &str, form: &[(&str, &str)]) -> Answer {
    server.call("POST", "/token").basic(id, SECRET).form(form).send().await
}

/// Every `sub` that an app sees of `ada`.
async fn subjects(server: &Server, walker: &mut Walker, id: &str, host: &str) -> BTreeSet<String> {
    let uri = format!("https://{host}/cb");
    let asked = [("client_id", id), ("redirect_uri", &uri), ("scope", "openid offline_access")];
    let answer = come_back(walker, server, &request(&asked)).await;
    let code = sent(&answer)["code"].clone();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", uri.as_str()),
        ("code_verifier", VERIFIER),
    ];
    let first = token(server, id, &form).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", &first.text("refresh_token"))];
    let second = token(server, id, &form).await;
    let mut seen = Vec::new();
    for answer in [&first, &second] {
        let access = answer.text("access_token");
        seen.push(claims(&answer.text("id_token"))["sub"].clone());
        seen.push(claims(&access)["sub"].clone());
        seen.push(server.userinfo(&access).await.json()["sub"].clone());
        for looked_at in [access, answer.text("refresh_token")] {
            let call = server.call("POST", "/introspect").basic(id, SECRET);
            let described = call.form(&[("token", &looked_at)]).send().await.json();
            seen.extend(described.get("sub").cloned());
            let described = described.to_string();
            assert!(!described.contains("user-ada") && !described.contains("\"ada\""));
        }
    }
    assert!(seen.len() >= 9, "{seen:?}");
    seen.iter().map(|sub| sub.as_str().expect("a text").to_owned()).collect()
}

#[tokio::test]
async fn apps_of_two_sectors_know_two_people() {
    let server = with_sectors().await;
    let mut walker = Walker::default();
    let one = subjects(&server, &mut walker, "one", "one.example").await;
    let one_too = subjects(&server, &mut walker, "one-too", "one.example").await;
    let two = subjects(&server, &mut walker, "two", "two.example").await;
    assert_eq!((one.len(), two.len()), (1, 1), "{one:?} {two:?}");
    assert_eq!(one, one_too, "one sector knows one person");
    assert!(one.is_disjoint(&two));
    assert!(!one.contains("user-ada") && !two.contains("user-ada"));
}

#[tokio::test]
async fn the_hint_of_one_sector_names_nobody_in_the_other() {
    let server = with_sectors().await;
    let mut walker = Walker::default();
    let uri = ("redirect_uri", "https://one.example/cb");
    let asked = request(&[("client_id", "one"), uri, ("scope", "openid")]);
    let answer = come_back(&mut walker, &server, &asked).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &sent(&answer)["code"]),
        uri,
        ("code_verifier", VERIFIER),
    ];
    let hint: String = token(&server, "one", &form).await.text("id_token");
    let sub: Value = claims(&hint)["sub"].clone();
    assert!(sub.is_string());
    let uri = ("redirect_uri", "https://two.example/cb");
    let silent = [
        ("client_id", "two"),
        uri,
        ("scope", "openid"),
        ("prompt", "none"),
        ("id_token_hint", hint.as_str()),
    ];
    let answer = walker.get(&server, &request(&silent)).await;
    assert_eq!(sent(&answer)["error"], "login_required");
}
