//! Who may use what we serve besides tokens: they whose token is meant for us, administrators
//! where it takes one, and whoever signed in at another node a moment ago.

use menshen_domain::sealed::KeyEncryptionKey;
use menshen_server::keyring::Keyring;
use menshen_token::{AccessToken, Algorithm, Scope};
use serde_json::json;

use crate::harness::{ISSUER, SECRET, Server, claims, read, refresh_form};

fn scope(text: &str) -> Scope {
    text.parse().expect("a scope")
}

fn mint(keyring: &Keyring, algorithm: Algorithm, mut token: AccessToken) -> String {
    keyring.mint(algorithm, &mut token).expect("minted")
}

/// What each of our endpoints says to a token.
async fn verdicts(server: &Server, token: &str) -> Vec<String> {
    let paths = ["/userinfo", "/account/sessions", "/admin/users", "/feed?after=0"];
    let mut verdicts = Vec::new();
    for path in paths {
        let call = server.call("GET", path).header("accept", "application/json");
        verdicts.push(call.bearer(token).send().await.verdict());
    }
    let ack = server.call("POST", "/feed/ack").bearer(token);
    let ack = ack.raw("application/json", json!({ "stream": "x", "seq": 0 }).to_string());
    verdicts.push(ack.send().await.verdict());
    verdicts
}

#[tokio::test]
async fn a_token_meant_for_another_service_opens_nothing_here() {
    let server = Server::with_ada().await;
    let mut token = read(&server, &server.sign_in().await.access);
    token.scope = scope("openid account admin revocations:read");
    token.roles = vec!["admin".to_owned()];
    let good = mint(&server.app.keyring, Algorithm::EdDSA, token.clone());
    let expected = ["200", "200", "200", "200", "404 not-found"];
    assert_eq!(verdicts(&server, &good).await, expected);
    token.audience = vec!["orders".to_owned()];
    let meant_for_orders = mint(&server.app.keyring, Algorithm::EdDSA, token);
    let refused = verdicts(&server, &meant_for_orders).await;
    assert_eq!(refused[0], "401 invalid_token");
    assert!(refused[1..].iter().all(|verdict| verdict == "401 invalid-token"), "{refused:?}");
}

#[tokio::test]
async fn a_token_is_meant_for_us_when_it_is_good_for_something_here() {
    let server = Server::start().await;
    server.add_user("ada").await;
    server
        .add_app("app", |policy| {
            policy.audience = vec!["orders".to_owned()];
            policy.scope = scope("orders:read account");
        })
        .await;
    let tokens = server.sign_in().await;
    assert_eq!(claims(&tokens.access)["aud"], json!(["orders", ISSUER]));
    assert_eq!(verdicts(&server, &tokens.access).await[1], "200");
    let mut form = refresh_form("app", &tokens.refresh).to_vec();
    form.push(("scope", "orders:read"));
    let narrow = server.post("/token", &form).await.tokens();
    assert_eq!(claims(&narrow.access)["aud"], json!("orders"), "no business here");
    server
        .add_confidential("gate", |policy| {
            policy.audience = vec!["orders".to_owned()];
            policy.scope = scope("orders:read revocations:read");
        })
        .await;
    let form = [("grant_type", "client_credentials")];
    let gate = server.call("POST", "/token").basic("gate", SECRET).form(&form).send().await;
    assert_eq!(claims(&gate.tokens().access)["aud"], json!(["orders", ISSUER]));
}

#[tokio::test]
async fn a_user_is_no_administrator_for_signing_in_where_administrators_do() {
    let server = Server::start().await;
    let ada = server.add_user("ada").await;
    server.add_app("console", |policy| policy.scope = scope("admin openid")).await;
    let tokens = server.sign_in_with("console").await;
    let list = |token: String| server.call("GET", "/admin/users").bearer(&token).send();
    assert_eq!(list(tokens.access).await.verdict(), "403 missing-role");
    let (roles, claims) = (["admin".to_owned()], serde_json::Map::new());
    server.advance(std::time::Duration::from_secs(1));
    change_roles(&server, &ada, &roles, &claims).await;
    let form = refresh_form("console", &tokens.refresh);
    let renewed = server.post("/token", &form).await.tokens();
    assert_eq!(list(renewed.access).await.status, 200);
}

async fn change_roles(
    server: &Server,
    user: &menshen_token::UserId,
    roles: &[String],
    claims: &serde_json::Map<String, serde_json::Value>,
) {
    let changed =
        server.app.store.change_claims(user, Some(roles), Some(claims), server.now()).await;
    changed.expect("changed");
}

/// Another node over the same database, which has just made the first key of an algorithm.
async fn node_with_new_key(server: &Server, algorithm: Algorithm) -> Keyring {
    let keyring = Keyring::open(
        server.app.store.clone(),
        KeyEncryptionKey::new(&[7; 32]),
        server.app.entropy.clone(),
        &server.app.config,
        server.now(),
    );
    let keyring = keyring.await.expect("a keyring");
    keyring.tend(algorithm, server.now()).await.expect("a key");
    keyring
}

#[tokio::test]
async fn a_token_under_a_key_made_by_another_node_is_known_at_once() {
    for endpoint in ["/userinfo", "/introspect", "/revoke", "/account/logout"] {
        let server = Server::with_ada().await;
        server.add_confidential("gate", |policy| policy.scope = scope("revocations:read")).await;
        let token = read(&server, &server.sign_in().await.access);
        let sid = token.session_id.expect("a session");
        let other = node_with_new_key(&server, Algorithm::RS256).await;
        let access = mint(&other, Algorithm::RS256, token);
        let form = [("token", access.as_str())];
        match endpoint {
            "/userinfo" => assert_eq!(server.userinfo(&access).await.status, 200),
            "/introspect" => {
                let call = server.call("POST", endpoint).basic("gate", SECRET).form(&form);
                assert_eq!(call.send().await.json()["active"], json!(true));
            }
            _ => {
                let form = [("token", access.as_str()), ("client_id", "app")];
                let answer = server.post(endpoint, &form).await;
                assert_eq!(answer.status, 200, "{}", answer.body);
                let session = server.app.store.find_session(sid).await.expect("read");
                assert!(session.expect("there").ended.is_some(), "{endpoint} ended nothing");
            }
        }
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_looked_for_does_not_make_a_token_dead() {
    let server = Server::with_ada().await;
    let token = read(&server, &server.sign_in().await.access);
    let other = node_with_new_key(&server, Algorithm::RS256).await;
    let access = mint(&other, Algorithm::RS256, token);
    server.app.store.clone().close().await;
    for _ in 0..2 {
        let answer = server.userinfo(&access).await;
        assert_eq!(answer.verdict(), "503 temporarily_unavailable");
    }
    let form = [("token", access.as_str())];
    assert_eq!(server.post("/account/logout", &form).await.verdict(), "503 unavailable");
}
