//! A database that does not answer: "try again", and never "your session is gone".

use std::time::Duration;

use menshen_domain::client::SHORTEST_RETRY_WINDOW;

use crate::harness::{SECRET, Server, refresh_form, sign_in_form};
use crate::proof::Device;

#[tokio::test]
async fn a_request_is_given_up_while_its_retry_still_counts_as_one() {
    let server = Server::with_ada().await;
    let never = futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
    let call = server.call("POST", "/token").header("prefer", "wait=30");
    let form = "application/x-www-form-urlencoded";
    let answer = call.raw(form, axum::body::Body::from_stream(never)).send();
    let answer = tokio::time::timeout(SHORTEST_RETRY_WINDOW, answer).await;
    let answer = answer.expect("an answer within the shortest window");
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
}

#[tokio::test]
async fn an_outage_is_not_a_logout() {
    let server = Server::with_ada().await;
    server.add_confidential("gate", |_| ()).await;
    let tokens = server.sign_in().await;
    let code = server.code("app").await;
    server.app.store.clone().close().await;
    let device = Device::new(1);
    let refresh = refresh_form("app", &tokens.refresh);
    let code_form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", code.as_str()),
        ("code_verifier", crate::harness::VERIFIER),
    ];
    let give_back = [("client_id", "app"), ("token", tokens.refresh.as_str())];
    let give_access_back = [("client_id", "app"), ("token", tokens.access.as_str())];
    let look = [("token", tokens.access.as_str())];
    let post = |path| server.call("POST", path);
    // First while the cache still knows the clients, then when it has to ask.
    for _ in 0..2 {
        let proof = device.prove(&server, "/token", "p");
        let calls = [
            ("sign in", post("/authorize-challenge").form(&sign_in_form("app"))),
            ("redeem", post("/token").form(&code_form)),
            ("refresh", post("/token").form(&refresh)),
            ("refresh, keyed", post("/token").header("idempotency-key", "k").form(&refresh)),
            ("refresh, bound", post("/token").header("dpop", proof).form(&refresh)),
            ("revoke", post("/revoke").form(&give_back)),
            ("revoke an access token", post("/revoke").form(&give_access_back)),
            ("introspect", post("/introspect").basic("gate", SECRET).form(&look)),
            ("userinfo", server.call("GET", "/userinfo").bearer(&tokens.access)),
        ];
        for (case, call) in calls {
            let answer = call.send().await;
            assert_eq!(answer.verdict(), "503 temporarily_unavailable", "{case}");
            assert!(!answer.header("retry-after").is_empty(), "{case}");
        }
        server.advance(Duration::from_secs(2));
    }
}

#[tokio::test]
async fn a_forgery_is_refused_without_asking_the_database() {
    let server = Server::with_ada().await;
    let tokens = server.sign_in().await;
    server.app.store.clone().close().await;
    let last = if tokens.refresh.ends_with('A') { "B" } else { "A" };
    let forged = format!("{}{last}", &tokens.refresh[..tokens.refresh.len() - 1]);
    for forged in [forged.as_str(), "garbage"] {
        assert_eq!(server.refresh(forged).await.verdict(), "400 invalid_grant");
        assert_eq!(server.userinfo(forged).await.verdict(), "401 invalid_token");
    }
}

#[tokio::test]
async fn keys_and_metadata_need_no_database() {
    let server = Server::start().await;
    server.app.store.clone().close().await;
    for path in ["/jwks", "/.well-known/oauth-authorization-server"] {
        assert_eq!(server.call("GET", path).send().await.status, 200);
    }
}
