//! Access tokens that are references: whatever may be done with a signed one, and dead as soon.

use std::time::Duration;

use menshen_domain::client::{AccessTokenFormat, Renewal};
use menshen_store::Target;
use menshen_token::{Reason, Scope};
use serde_json::json;

use crate::harness::{Answer, SECRET, Server, Tokens};
use crate::proof::Device;

fn scope(text: &str) -> Scope {
    text.parse().expect("a scope")
}

/// A server with `ada`, and the app whose tokens are references.
async fn with_references() -> Server {
    let server = Server::start().await;
    server.add_user("ada").await;
    server.add_app("app", |policy| policy.access_token_format = AccessTokenFormat::Opaque).await;
    server.add_confidential("gate", |policy| policy.scope = scope("revocations:read")).await;
    server
}

async fn introspect(server: &Server, token: &str) -> Answer {
    let call = server.call("POST", "/introspect").basic("gate", SECRET);
    call.form(&[("token", token)]).send().await
}

/// Whether the token still opens anything.
async fn is_live(server: &Server, tokens: &Tokens) -> bool {
    let bearer = |path| server.call("GET", path).bearer(&tokens.access);
    let statuses = [
        server.userinfo(&tokens.access).await.status,
        bearer("/account/sessions").send().await.status,
    ];
    let active = introspect(server, &tokens.access).await.json()["active"] == json!(true);
    assert!(statuses == [if active { 200 } else { 401 }; 2], "{statuses:?} {active}");
    active
}

#[tokio::test]
async fn a_reference_opens_what_a_signed_token_opens() {
    let server = with_references().await;
    let tokens = server.sign_in().await;
    assert!(tokens.access.starts_with("mat_") && !tokens.access.contains('.'));
    assert!(is_live(&server, &tokens).await);
    let described = introspect(&server, &tokens.access).await.json();
    assert_eq!(described["client_id"], json!("app"));
    assert_eq!(described["sub"], json!("user-ada"));
    assert_eq!(described["scope"], json!("openid profile account"));
    let renewed = server.refresh(&tokens.refresh).await.tokens();
    assert_ne!(renewed.access, tokens.access);
    assert!(is_live(&server, &renewed).await && is_live(&server, &tokens).await);
}

#[tokio::test]
async fn a_reference_dies_of_whatever_a_signed_token_dies_of() {
    for cause in ["logout", "revoke", "session", "user", "disabled", "client", "all", "reuse"] {
        let server = with_references().await;
        let (tokens, now) = (server.sign_in().await, server.now());
        server.advance(Duration::from_secs(1));
        let ada = server.user("ada").id;
        let app = "app".parse().expect("valid");
        let end = |target, reason| {
            let store = server.app.store.clone();
            async move { store.revoke(&target, reason, now + Duration::from_secs(1)).await }
        };
        match cause {
            "logout" => {
                let form = [("token", tokens.access.as_str())];
                assert_eq!(server.post("/account/logout", &form).await.status, 200);
            }
            "revoke" => {
                let form = [("client_id", "app"), ("token", tokens.access.as_str())];
                assert_eq!(server.post("/revoke", &form).await.status, 200);
            }
            "session" => {
                let sid = introspect(&server, &tokens.access).await.text("sid");
                let target = Target::Session(sid.parse().expect("a session"));
                end(target, Reason::Admin).await.expect("ended");
            }
            "user" => {
                end(Target::User(ada), Reason::LogoutEverywhere).await.expect("ended");
            }
            "disabled" => {
                server.app.store.disable_user(&ada, server.now()).await.expect("disabled");
            }
            "client" => {
                server.app.store.disable_client(&app, server.now()).await.expect("disabled");
            }
            "all" => {
                end(Target::All { before: now + Duration::from_secs(1) }, Reason::AllRevoked)
                    .await
                    .expect("ended");
            }
            _ => {
                server.refresh(&tokens.refresh).await.tokens();
                server.advance(Duration::from_mins(1));
                server.refresh(&tokens.refresh).await;
            }
        }
        assert!(!is_live(&server, &tokens).await, "{cause}");
    }
}

#[tokio::test]
async fn a_reference_dies_of_age_and_may_still_sign_out() {
    let server = with_references().await;
    let tokens = server.sign_in().await;
    server.advance(Duration::from_mins(10));
    assert!(!is_live(&server, &tokens).await);
    let form = [("token", tokens.access.as_str())];
    let receipt = server.post("/account/logout", &form).await;
    assert_eq!(receipt.status, 200, "{}", receipt.body);
    let refused = server.refresh(&tokens.refresh).await;
    assert_eq!(refused.verdict(), "400 invalid_grant logout");
}

#[tokio::test]
async fn what_only_looks_like_a_reference_opens_nothing() {
    let server = with_references().await;
    let tokens = server.sign_in().await;
    let cut = &tokens.access[..tokens.access.len() - 1];
    let longer = format!("{}x", tokens.access);
    let other = format!("mat_{}", "A".repeat(43));
    let hash = menshen_domain::SecretHash::of(tokens.access.as_bytes());
    let hashed = format!("mat_{}", hash.as_str());
    for forged in ["mat_", cut, longer.as_str(), other.as_str(), hashed.as_str(), hash.as_str()] {
        assert_eq!(server.userinfo(forged).await.verdict(), "401 invalid_token", "{forged}");
        assert_eq!(introspect(&server, forged).await.json(), json!({ "active": false }));
    }
}

#[tokio::test]
async fn a_reference_meant_for_another_service_opens_nothing_here() {
    let server = Server::start().await;
    server.add_user("ada").await;
    server
        .add_app("app", |policy| {
            policy.access_token_format = AccessTokenFormat::Opaque;
            policy.audience = vec!["gate".to_owned()];
            policy.scope = scope("orders");
        })
        .await;
    server.add_confidential("gate", |_| ()).await;
    server.add_confidential("stranger", |_| ()).await;
    let tokens = server.sign_in().await;
    assert_eq!(server.userinfo(&tokens.access).await.verdict(), "401 invalid_token");
    assert_eq!(introspect(&server, &tokens.access).await.json()["active"], json!(true));
    let call = server.call("POST", "/introspect").basic("stranger", SECRET);
    let unseen = call.form(&[("token", &tokens.access)]).send().await;
    assert_eq!(unseen.json(), json!({ "active": false }));
}

#[tokio::test]
async fn a_bound_reference_needs_its_proof() {
    let server = with_references().await;
    let device = Device::new(1);
    let code = server.code("app").await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", code.as_str()),
        ("code_verifier", crate::harness::VERIFIER),
    ];
    let proof = device.prove(&server, "/token", "a");
    let tokens = server.call("POST", "/token").header("dpop", proof).form(&form).send().await;
    let access = tokens.tokens().access;
    assert_eq!(server.userinfo(&access).await.verdict(), "401 invalid_token");
    let draft = device.draft(&server, "/userinfo", "b").claim("htm", "GET").with(&access);
    let call = server.call("GET", "/userinfo").header("authorization", format!("DPoP {access}"));
    let answer = call.header("dpop", device.sign(&draft)).send().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let thief = Device::new(2);
    let draft = thief.draft(&server, "/userinfo", "c").claim("htm", "GET").with(&access);
    let call = server.call("GET", "/userinfo").header("authorization", format!("DPoP {access}"));
    let answer = call.header("dpop", thief.sign(&draft)).send().await;
    assert_eq!(answer.verdict(), "401 invalid_token");
}

#[tokio::test]
async fn references_can_be_exchanged_for_the_next() {
    let server = Server::start().await;
    server.add_user("ada").await;
    server
        .add_app("app", |policy| {
            policy.access_token_format = AccessTokenFormat::Opaque;
            policy.renewal = Renewal::AccessToken;
        })
        .await;
    let first = server.sign_in().await.access;
    let exchange = |token: String| {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("client_id", "app"),
            ("subject_token", token.as_str()),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ];
        server.call("POST", "/token").form(&form).send()
    };
    let second = exchange(first.clone()).await.tokens().access;
    assert!(second.starts_with("mat_") && second != first);
    assert_eq!(server.userinfo(&second).await.status, 200);
    let form = [("client_id", "app"), ("token", second.as_str())];
    assert_eq!(server.post("/revoke", &form).await.status, 200);
    assert_eq!(exchange(second).await.verdict(), "400 invalid_request token_revoked");
    assert_eq!(exchange(first).await.verdict(), "400 invalid_request token_revoked");
}

#[tokio::test]
async fn an_outage_does_not_make_a_reference_dead() {
    let server = with_references().await;
    let tokens = server.sign_in().await;
    server.app.store.clone().close().await;
    let answer = server.userinfo(&tokens.access).await;
    assert_eq!(answer.verdict(), "503 temporarily_unavailable");
    let form = [("token", tokens.access.as_str())];
    assert_eq!(server.post("/account/logout", &form).await.verdict(), "503 unavailable");
    assert_eq!(server.refresh(&tokens.refresh).await.status, 503);
}
