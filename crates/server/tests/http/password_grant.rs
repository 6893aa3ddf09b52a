//! Passwords at the token endpoint: for old clients that the operator has named, and nobody else.

use menshen_domain::SecretHash;
use menshen_domain::client::Client;

use crate::harness::{Answer, PASSWORD, SECRET, Server, claims};

async fn server() -> Server {
    let server = Server::start().await;
    server.add_user("ada").await;
    let relic = |legacy: bool, grant_types: &[&str]| {
        let grant_types: Vec<String> = grant_types.iter().map(ToString::to_string).collect();
        move |client: &mut Client| {
            client.secret_hash = Some(SecretHash::of(SECRET.as_bytes()));
            client.policy.legacy_grants = legacy;
            client.metadata.grant_types = grant_types;
        }
    };
    server.register("relic", relic(true, &["password", "refresh_token"])).await;
    server.register("unlisted", relic(true, &[])).await;
    server.register("modern", relic(false, &["password"])).await;
    server
}

async fn send(server: &Server, client: &str, username: &str, password: &str) -> Answer {
    let form = [("grant_type", "password"), ("username", username), ("password", password)];
    server.call("POST", "/token").basic(client, SECRET).form(&form).send().await
}

#[tokio::test]
async fn an_old_client_that_was_named_signs_users_in() {
    let server = server().await;
    let answer = send(&server, "relic", "ada", PASSWORD).await;
    let tokens = answer.tokens();
    assert!(!tokens.refresh.is_empty() && !answer.text("logout_handle").is_empty());
    assert_eq!(claims(&tokens.access)["amr"], serde_json::json!(["pwd"]));
    for client in ["unlisted", "modern"] {
        let answer = send(&server, client, "ada", PASSWORD).await;
        assert_eq!(answer.verdict(), "400 unauthorized_client", "{client}");
    }
}

#[tokio::test]
async fn guesses_are_slowed_down_like_everywhere() {
    let server = server().await;
    for (username, password) in [("ada", "wrong"), ("nobody", "wrong")] {
        let answer = send(&server, "relic", username, password).await;
        assert_eq!(answer.verdict(), "400 invalid_grant", "{username}");
    }
    assert_eq!(send(&server, "relic", "ada", "").await.verdict(), "400 invalid_request");
    let mut last = send(&server, "relic", "ada", "wrong").await;
    for _ in 0..40 {
        last = send(&server, "relic", "ada", "wrong").await;
    }
    assert_eq!(last.status, 429, "{}", last.body);
    assert_ne!(last.header("retry-after"), "");
}
