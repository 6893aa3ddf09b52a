//! Looking at tokens: `/introspect`.

use std::time::Duration;

use menshen_store::Target;
use menshen_token::jws::Compact;
use menshen_token::{Algorithm, Reason};
use serde_json::json;

use crate::harness::{Answer, ISSUER, SECRET, Server, claims, read};

/// A server with `ada`, `app`, the verifier `gate`, the client `api` that tokens of `app` are
/// meant for, and `other`, which has nothing to do with them.
async fn server() -> Server {
    let server = Server::start().await;
    server.add_user("ada").await;
    server
        .add_app("app", |policy| {
            policy.audience = vec!["api".to_owned(), "https://api.example".to_owned()];
        })
        .await;
    server
        .add_confidential("gate", |policy| {
            policy.scope = "revocations:read".parse().expect("a scope");
        })
        .await;
    server.add_confidential("api", |_| ()).await;
    server.add_confidential("other", |_| ()).await;
    server
}

async fn introspect(server: &Server, client_id: &str, token: &str) -> Answer {
    let call = server.call("POST", "/introspect").basic(client_id, SECRET);
    call.form(&[("token", token)]).send().await
}

#[tokio::test]
async fn a_live_access_token_is_described() {
    let server = server().await;
    let tokens = server.sign_in().await;
    insta::assert_snapshot!(introspect(&server, "gate", &tokens.access).await.print());
}

#[tokio::test]
async fn a_current_refresh_token_is_described_and_not_used_up() {
    let server = server().await;
    let first = server.sign_in().await;
    insta::assert_snapshot!(introspect(&server, "gate", &first.refresh).await.print());
    let second = server.refresh(&first.refresh).await.tokens();
    assert_eq!(introspect(&server, "gate", &first.refresh).await.body, r#"{"active":false}"#);
    assert_eq!(introspect(&server, "gate", &second.refresh).await.json()["active"], true);
}

#[tokio::test]
async fn a_client_sees_its_own_tokens_and_those_meant_for_it() {
    let server = server().await;
    let tokens = server.sign_in().await;
    for (client_id, active) in [("gate", true), ("api", true), ("other", false)] {
        for token in [&tokens.access, &tokens.refresh] {
            let answer = introspect(&server, client_id, token).await;
            assert_eq!(answer.json()["active"], active, "{client_id}");
            assert!(active || answer.body == r#"{"active":false}"#);
        }
    }
}

#[tokio::test]
async fn whatever_ends_a_session_shows_at_once() {
    let server = server().await;
    let targets: [fn(&menshen_token::AccessToken) -> Target; 5] = [
        |token| Target::Token { jti: token.jti, expires_at: token.expires_at },
        |token| Target::Grant(token.grant_id.expect("a grant")),
        |token| Target::Session(token.session_id.expect("a session")),
        |token| Target::User(token.subject.clone()),
        |token| Target::All { before: token.issued_at + Duration::from_millis(1) },
    ];
    for (number, target) in targets.into_iter().enumerate() {
        let tokens = server.sign_in().await;
        assert_eq!(introspect(&server, "gate", &tokens.access).await.json()["active"], true);
        let target = target(&read(&server, &tokens.access));
        server.app.store.revoke(&target, Reason::Admin, server.now()).await.expect("revoked");
        let answer = introspect(&server, "gate", &tokens.access).await;
        assert_eq!(answer.body, r#"{"active":false}"#, "{target:?}");
        if (1..=3).contains(&number) {
            let answer = introspect(&server, "gate", &tokens.refresh).await;
            assert_eq!(answer.body, r#"{"active":false}"#, "{target:?}");
        }
        server.advance(Duration::from_secs(1));
    }
}

#[tokio::test]
async fn what_is_not_a_live_token_of_ours_is_not_active() {
    let server = server().await;
    let tokens = server.sign_in().await;
    let damaged = format!("{}A", tokens.access);
    for token in ["garbage", "a.b.c", "mrt_x", "\u{e9}", &damaged, &tokens.refresh[1..]] {
        let answer = introspect(&server, "gate", token).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"active":false}"#));
    }
    server.advance(Duration::from_mins(10));
    assert_eq!(introspect(&server, "gate", &tokens.access).await.body, r#"{"active":false}"#);
    server.advance(Duration::from_hours(24 * 7));
    assert_eq!(introspect(&server, "gate", &tokens.refresh).await.body, r#"{"active":false}"#);
}

#[tokio::test]
async fn only_a_confidential_client_or_a_verifier_may_look() {
    let server = server().await;
    let tokens = server.sign_in().await;
    let form = [("token", tokens.access.as_str())];
    let public = [("client_id", "app"), ("token", tokens.access.as_str())];
    let call = || server.call("POST", "/introspect");
    assert_eq!(call().form(&public).send().await.verdict(), "401 invalid_client");
    assert_eq!(
        call().basic("gate", "wrong").form(&form).send().await.verdict(),
        "401 invalid_client"
    );
    assert_eq!(call().bearer("garbage").form(&form).send().await.verdict(), "401 invalid_token");
    let unscoped = call().bearer(&tokens.access).form(&form).send().await;
    assert_eq!(unscoped.verdict(), "403 insufficient_scope");
    insta::assert_snapshot!(unscoped.print());
    let credentials = [("grant_type", "client_credentials")];
    let gate = server.call("POST", "/token").basic("gate", SECRET).form(&credentials).send().await;
    let bearer = gate.tokens().access;
    assert_eq!(call().bearer(&bearer).form(&form).send().await.json()["active"], true);
    assert_eq!(call().bearer(&bearer).form(&[]).send().await.verdict(), "400 invalid_request");
}

#[tokio::test]
async fn a_client_that_has_to_show_it_to_somebody_gets_it_signed() {
    let server = server().await;
    let tokens = server.sign_in().await;
    let ask = async |accept: &str, token: &str| {
        let call = server.call("POST", "/introspect").basic("api", SECRET);
        call.header("accept", accept).form(&[("token", token)]).send().await
    };
    let signed = "application/token-introspection+jwt";
    let answer = ask(signed, &tokens.access).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, signed));
    assert_eq!(answer.header("cache-control"), "no-store");
    let compact = Compact::parse(&answer.body, usize::MAX).expect("a JWT");
    assert!(compact.header.is_type("token-introspection+jwt"));
    assert_eq!(compact.header.algorithm, Some(Algorithm::RS256));
    let keys = server.app.keyring.public();
    let key = keys.find(compact.header.key_id.as_ref().expect("a kid")).expect("one of ours");
    compact.verify(key).expect("genuine");
    let says = claims(&answer.body);
    let named = [&says["iss"], &says["aud"], &says["iat"]];
    assert_eq!(named, [&json!(ISSUER), &json!("api"), &json!(server.now().as_seconds())]);
    assert_eq!(says["token_introspection"], ask("*/*", &tokens.access).await.json());
    assert!(says.get("sub").is_none() && says.get("exp").is_none(), "it is no access token");
    let dead = claims(&ask(signed, "garbage").await.body);
    assert_eq!(dead["token_introspection"], json!({ "active": false }));
    for other in ["application/json", "application/jwt", "text/html, */*;q=0.8"] {
        assert_eq!(ask(other, "x").await.header("content-type"), "application/json", "{other}");
    }
    let several = ask("text/html, Application/Token-Introspection+JWT;q=0.9", "x").await;
    assert_eq!(several.header("content-type"), signed);
}
