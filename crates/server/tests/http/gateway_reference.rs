//! A gateway gets what stands behind an opaque token: the same token in another form.

use std::time::Duration;

use menshen_domain::client::AccessTokenFormat;
use serde_json::json;

use crate::gateway_basic::with_edge;
use crate::harness::{Answer, SECRET, Server, claims};

const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

async fn server() -> Server {
    let server = with_edge().await;
    server.add_app("app", |policy| policy.access_token_format = AccessTokenFormat::Opaque).await;
    server.add_app("plain", |_| ()).await;
    server.add_confidential("service", |_| ()).await;
    server
}

async fn exchange(server: &Server, client: &str, token: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", token),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("requested_token_type", JWT),
    ];
    form.extend(more);
    server.call("POST", "/token").basic(client, SECRET).form(&form).send().await
}

#[tokio::test]
async fn it_is_the_very_same_token() {
    let server = server().await;
    let opaque = server.sign_in().await.access;
    let answer = exchange(&server, "edge", &opaque, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.text("issued_token_type"), JWT);
    let jwt = claims(&answer.text("access_token"));
    let call = server.call("POST", "/introspect").basic("edge", SECRET);
    let kept = call.form(&[("token", &opaque)]).send().await.json();
    for claim in ["jti", "sid", "grant", "client_id", "sub", "aud", "exp", "iat_ms", "scope"] {
        assert!(!jwt[claim].is_null(), "{claim}");
        assert_eq!(jwt[claim], kept[claim], "{claim}");
    }
    assert_eq!(jwt["act"], json!(null));
    let again = exchange(&server, "edge", &opaque, &[]).await;
    assert_eq!(claims(&again.text("access_token")), jwt, "and stays it");
}

#[tokio::test]
async fn only_a_live_reference_can_be_exchanged_and_by_a_gateway_only() {
    let server = server().await;
    let opaque = server.sign_in().await.access;
    let other = exchange(&server, "service", &opaque, &[]).await;
    assert_eq!(other.verdict(), "400 unauthorized_client");
    let signed = server.sign_in_with("plain").await.access;
    for worthless in [signed.as_str(), "mat_", &opaque[..opaque.len() - 1]] {
        let answer = exchange(&server, "edge", worthless, &[]).await;
        assert_eq!(answer.verdict(), "400 invalid_request", "{worthless}");
    }
    for change in [("scope", "openid"), ("audience", "x"), ("resource", "https://x.example")] {
        let answer = exchange(&server, "edge", &opaque, &[change]).await;
        assert_eq!(answer.verdict(), "400 invalid_request", "{change:?}");
    }
    server.advance(Duration::from_mins(10));
    let old = exchange(&server, "edge", &opaque, &[]).await;
    assert_eq!(old.verdict(), "400 invalid_request");
}

#[tokio::test]
async fn one_logout_kills_both_forms() {
    let server = server().await;
    let tokens = server.sign_in().await;
    let jwt = exchange(&server, "edge", &tokens.access, &[]).await.text("access_token");
    assert_eq!(server.userinfo(&jwt).await.status, 200);
    let logout = [("token", tokens.access.as_str())];
    assert_eq!(server.post("/account/logout", &logout).await.status, 200);
    assert_eq!(server.userinfo(&jwt).await.verdict(), "401 invalid_token");
    let again = exchange(&server, "edge", &tokens.access, &[]).await;
    assert_eq!(again.verdict(), "400 invalid_request");
}
