//! Somebody whom the operator trusts says who a user is: the JWT bearer grant (RFC 7523).

use std::time::Duration;

use menshen_domain::client::TrustedIssuer;
use serde_json::{Value, json};

use crate::harness::{Answer, ISSUER, SECRET, Server, claims};
use crate::proof::{Device, Draft};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const PARTNER: &str = "https://partner.example";

async fn server() -> Server {
    let server = Server::start().await;
    server.add_user("ada").await;
    let mut jwk = Device::new(1).jwk();
    jwk["kid"] = "one".into();
    let trusted = TrustedIssuer {
        issuer: PARTNER.to_owned(),
        jwks: Some(json!({ "keys": [jwk] })),
        jwks_uri: None,
    };
    server.add_confidential("bridge", |policy| policy.trusted_issuers = vec![trusted]).await;
    server.add_confidential("plain", |_| ()).await;
    server
}

fn draft(server: &Server, subject: &str, jti: &str) -> Draft {
    let now = server.now().as_seconds();
    Draft {
        header: json!({ "alg": "EdDSA", "kid": "one" }),
        claims: json!({
            "iss": PARTNER, "sub": subject, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": jti,
        }),
    }
}

async fn send(server: &Server, client: &str, assertion: &str) -> Answer {
    let form = [("grant_type", GRANT), ("assertion", assertion), ("scope", "openid profile")];
    server.call("POST", "/token").basic(client, SECRET).form(&form).send().await
}

#[tokio::test]
async fn an_assertion_opens_a_session_for_its_user_once() {
    let server = server().await;
    let device = Device::new(1);
    for (subject, jti) in [("user-ada", "by id"), ("ada", "by name")] {
        let assertion = device.sign(&draft(&server, subject, jti));
        let answer = send(&server, "bridge", &assertion).await;
        let tokens = answer.tokens();
        let said = claims(&tokens.access);
        assert_eq!(said["sub"], json!("user-ada"));
        assert_eq!((&said["amr"], &said["acr"]), (&Value::Null, &Value::Null), "nobody knows how");
        assert_eq!(server.userinfo(&tokens.access).await.status, 200);
        assert_eq!(send(&server, "bridge", &assertion).await.verdict(), "400 invalid_grant");
        assert_eq!(server.userinfo(&tokens.access).await.status, 200, "and a replay ends nothing");
    }
    let meant = draft(&server, "ada", "token endpoint").claim("aud", format!("{ISSUER}/token"));
    assert_eq!(send(&server, "bridge", &device.sign(&meant)).await.status, 200);
}

#[tokio::test]
async fn what_is_wrong_with_an_assertion_makes_no_difference() {
    let server = server().await;
    let device = Device::new(1);
    let now = server.now().as_seconds();
    let good = || draft(&server, "ada", "bad");
    let without = |claim: &str| {
        let mut draft = good();
        draft.claims.as_object_mut().expect("an object").remove(claim);
        draft
    };
    let mut bent = vec![
        good().claim("iss", "https://other.example"),
        good().claim("sub", "nobody"),
        good().claim("sub", ""),
        good().claim("sub", json!(["ada"])),
        good().claim("aud", "https://other.example"),
        good().claim("aud", format!("{ISSUER}/userinfo")),
        good().claim("exp", now),
        good().claim("exp", now + 3_700),
        good().claim("iat", now + 120),
        good().claim("nbf", now + 120),
        good().claim("jti", ""),
        good().claim("jti", "x".repeat(256)),
        good().header("typ", "at+jwt"),
        good().header("kid", "two"),
        good().header("alg", "none"),
    ];
    bent.extend(["iss", "sub", "aud", "exp", "iat", "jti"].map(without));
    for draft in bent {
        let answer = send(&server, "bridge", &device.sign(&draft)).await;
        assert_eq!(answer.verdict(), "400 invalid_grant", "{} {}", draft.header, draft.claims);
    }
    let foreign = Device::new(2).sign(&good());
    for assertion in [foreign.as_str(), "garbage", "a.b.c"] {
        assert_eq!(send(&server, "bridge", assertion).await.verdict(), "400 invalid_grant");
    }
    assert_eq!(send(&server, "bridge", "").await.verdict(), "400 invalid_request");
    let genuine = device.sign(&good());
    assert_eq!(send(&server, "plain", &genuine).await.verdict(), "400 unauthorized_client");
    assert_eq!(send(&server, "bridge", &genuine).await.status, 200, "nothing of it was used up");
}

#[tokio::test]
async fn a_user_who_may_not_sign_in_does_not() {
    let server = server().await;
    let device = Device::new(1);
    let id = "user-ada".parse().expect("an id");
    server.app.store.disable_user(&id, server.now()).await.expect("disabled");
    let assertion = device.sign(&draft(&server, "ada", "a"));
    assert_eq!(send(&server, "bridge", &assertion).await.verdict(), "400 invalid_grant");
    server.app.store.enable_user(&id).await.expect("enabled");
    server.advance(Duration::from_secs(1));
    assert_eq!(send(&server, "bridge", &assertion).await.status, 200);
}
