//! Giving tokens back: `/revoke`.

use std::time::Duration;

use crate::harness::{SECRET, Server, refresh_form};

#[tokio::test]
async fn a_revoked_token_ends_the_grant_whichever_token_it_is() {
    for hint in ["", "access_token", "refresh_token", "nonsense"] {
        for given in ["access", "refresh", "superseded", "expired access"] {
            let server = Server::with_ada().await;
            let first = server.sign_in().await;
            let second = server.refresh(&first.refresh).await.tokens();
            if given == "expired access" {
                server.advance(Duration::from_mins(11));
            }
            let token = match given {
                "refresh" => &second.refresh,
                "superseded" => &first.refresh,
                _ => &first.access,
            };
            let form = [("client_id", "app"), ("token", token), ("token_type_hint", hint)];
            let answer = server.post("/revoke", &form).await;
            assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{given} {hint}");
            assert_eq!(server.userinfo(&second.access).await.status, 401, "{given} {hint}");
            let refused = server.refresh(&second.refresh).await;
            assert_eq!(refused.verdict(), "400 invalid_grant token_revoked", "{given} {hint}");
            assert_eq!(server.post("/revoke", &form).await.status, 200, "twice is a success");
        }
    }
}

#[tokio::test]
async fn a_token_that_was_never_ours_is_a_success_too() {
    let server = Server::with_ada().await;
    for token in ["garbage", "mrt_aaaaaaaa.x.0.y.z", "a.b.c", "\u{e9}"] {
        let answer = server.post("/revoke", &[("client_id", "app"), ("token", token)]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    }
}

#[tokio::test]
async fn another_client_ends_nothing_and_learns_nothing() {
    let server = Server::with_ada().await;
    server.add_app("other", |_| ()).await;
    let tokens = server.sign_in().await;
    for token in [&tokens.access, &tokens.refresh] {
        let answer = server.post("/revoke", &[("client_id", "other"), ("token", token)]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    }
    assert_eq!(server.userinfo(&tokens.access).await.status, 200);
    assert_eq!(server.post("/token", &refresh_form("app", &tokens.refresh)).await.status, 200);
}

#[tokio::test]
async fn a_token_without_a_grant_dies_alone() {
    let server = Server::start().await;
    server
        .add_confidential("robot", |policy| {
            policy.scope = "revocations:read".parse().expect("a scope");
        })
        .await;
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let form = [("grant_type", "client_credentials")];
        let call = server.call("POST", "/token").basic("robot", SECRET).form(&form);
        tokens.push(call.send().await.tokens().access);
    }
    let call = server.call("POST", "/revoke").basic("robot", SECRET);
    assert_eq!(call.form(&[("token", &tokens[0])]).send().await.status, 200);
    let mut active = Vec::new();
    for token in &tokens {
        let call = server.call("POST", "/introspect").basic("robot", SECRET);
        active.push(call.form(&[("token", token)]).send().await.json()["active"] == true);
    }
    assert_eq!(active, [false, true]);
}

#[tokio::test]
async fn nothing_is_revoked_for_whoever_does_not_authenticate() {
    let server = Server::with_ada().await;
    server.add_confidential("web", |_| ()).await;
    let tokens = server.sign_in().await;
    let form = [("client_id", "web"), ("client_secret", "wrong"), ("token", &tokens.refresh)];
    assert_eq!(server.post("/revoke", &form).await.verdict(), "401 invalid_client");
    let missing = server.post("/revoke", &[("client_id", "app")]).await;
    assert_eq!(missing.verdict(), "400 invalid_request");
}
