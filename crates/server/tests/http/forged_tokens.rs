//! Tokens that are not what they claim to be, thrown at every place of ours that takes one.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_token::{ACCESS_TOKEN_TYPE, Algorithm};
use serde_json::{Value, json};

use crate::harness::{SECRET, Server, claims};

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A server, a genuine token of it, and the id of the key that signed that.
async fn server() -> (Server, String, String) {
    let server = Server::with_ada().await;
    server
        .add_confidential("gate", |policy| {
            policy.scope = "revocations:read".parse().expect("a scope");
        })
        .await;
    let token = server.sign_in().await.access;
    let header = token.split('.').next().expect("three parts");
    let header = URL_SAFE_NO_PAD.decode(header).expect("base64url");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    let key_id = header["kid"].as_str().expect("a kid").to_owned();
    (server, token, key_id)
}

/// Nobody takes it for a token, and nobody falls over it.
async fn assert_worthless(server: &Server, case: &str, token: &str) {
    let userinfo = server.userinfo(token).await;
    assert_eq!(userinfo.status, 401, "{case}: {}", userinfo.body);
    let call = server.call("POST", "/introspect").basic("gate", SECRET);
    let introspected = call.form(&[("token", token)]).send().await;
    assert_eq!(introspected.body, r#"{"active":false}"#, "{case}");
    let revoked = server.post("/revoke", &[("client_id", "app"), ("token", token)]).await;
    assert_eq!(revoked.status, 200, "{case}");
}

#[tokio::test]
async fn an_unsigned_token_is_worthless() {
    let (server, token, key_id) = server().await;
    let payload = part(&claims(&token));
    let genuine = token.rsplit_once('.').expect("three parts").1;
    for algorithm in ["none", "None", "nOnE", "NONE", ""] {
        let header = part(&json!({ "alg": algorithm, "typ": "at+jwt", "kid": key_id }));
        for signature in ["", genuine] {
            let token = format!("{header}.{payload}.{signature}");
            assert_worthless(&server, algorithm, &token).await;
        }
    }
    let header = part(&json!({ "typ": "at+jwt", "kid": key_id }));
    assert_worthless(&server, "no alg", &format!("{header}.{payload}.{genuine}")).await;
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let (server, token, key_id) = server().await;
    let document: Value =
        serde_json::from_slice(&server.app.keyring.document()).expect("a JWK set");
    let keys = document["keys"].as_array().expect("keys");
    let key = keys.iter().find(|key| key["kid"] == key_id.as_str()).expect("the key");
    let x = key["x"].as_str().expect("a coordinate");
    let raw = URL_SAFE_NO_PAD.decode(x).expect("base64url");
    for secret in [raw.as_slice(), x.as_bytes(), key.to_string().as_bytes(), b""] {
        let header = part(&json!({ "alg": "HS256", "typ": "at+jwt", "kid": key_id }));
        let input = format!("{header}.{}", part(&claims(&token)));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
        let forged = format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag));
        assert_worthless(&server, "HS256", &forged).await;
    }
}

#[tokio::test]
async fn a_key_that_comes_with_the_token_is_not_ours() {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    let (server, token, key_id) = server().await;
    let thief = Ed25519KeyPair::from_seed_unchecked(&[66; 32]).expect("a seed");
    let x = URL_SAFE_NO_PAD.encode(thief.public_key().as_ref());
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": key_id });
    let headers = [
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key_id }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "jwk": jwk }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key_id, "jwk": jwk }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key_id, "jku": "https://evil.example/jwks" }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key_id, "x5u": "https://evil.example/x5u" }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "../../etc/passwd" }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "' OR '1'='1" }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": 7 }),
        json!({ "alg": "EdDSA", "typ": "at+jwt" }),
        json!({ "alg": "ES256", "typ": "at+jwt", "kid": key_id }),
        json!({ "alg": "RS256", "typ": "at+jwt", "kid": key_id }),
    ];
    for header in headers {
        let input = format!("{}.{}", part(&header), part(&claims(&token)));
        let signature = thief.sign(input.as_bytes());
        let forged = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()));
        assert_worthless(&server, &header.to_string(), &forged).await;
    }
}

#[tokio::test]
async fn our_own_signature_under_the_wrong_words_is_worthless() {
    let (server, token, _) = server().await;
    let now = server.now().as_seconds();
    let genuine = claims(&token);
    let sign = |token_type: &str, payload: &str| {
        let keyring = &server.app.keyring;
        keyring.sign(Algorithm::EdDSA, token_type, payload.as_bytes()).expect("a key")
    };
    let control = sign(ACCESS_TOKEN_TYPE, &genuine.to_string());
    assert_eq!(server.userinfo(&control).await.status, 200, "the control is accepted");
    for token_type in ["JWT", "dpop+jwt", "revocation-feed+jwt", "at+jwt ", ""] {
        let token = sign(token_type, &genuine.to_string());
        assert_worthless(&server, token_type, &token).await;
    }
    let changes = [
        ("iss", json!("https://evil.example")),
        ("iss", json!("https://id.example/")),
        ("exp", json!(now)),
        ("exp", json!("9999999999")),
        ("nbf", json!(now + 3_600)),
        ("iat_ms", json!(1)),
        ("sub", json!("")),
        ("sub", json!(["user-ada"])),
        ("aud", json!([])),
        ("cnf", json!({ "x5t#S256": "abc" })),
        ("jti", Value::Null),
        ("client_id", Value::Null),
        ("exp", Value::Null),
        ("iat", Value::Null),
        ("aud", Value::Null),
    ];
    for (name, value) in changes {
        let mut said = genuine.clone();
        let case = format!("{name}: {value}");
        if value.is_null() {
            said.as_object_mut().expect("an object").remove(name);
        } else {
            said[name] = value;
        }
        let token = sign(ACCESS_TOKEN_TYPE, &said.to_string());
        assert_worthless(&server, &case, &token).await;
    }
    let text = genuine.to_string();
    let twice = format!("{},\"sub\":\"user-ada\"}}", &text[..text.len() - 1]);
    for payload in [twice.as_str(), "[]", "null", "", "{", &format!("{text} {text}")] {
        assert_worthless(&server, payload, &sign(ACCESS_TOKEN_TYPE, payload)).await;
    }
}

#[tokio::test]
async fn a_damaged_token_is_worthless() {
    let (server, token, _) = server().await;
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { unreachable!("three parts") };
    let long = format!("{header}.{}.{signature}", "A".repeat(17_000));
    let damaged = [
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{header}.{payload}.{signature}."),
        format!("{header}.{payload}.{signature}.{signature}"),
        format!("{header}.{payload}.{signature}="),
        format!("{header}.{payload}.{}", &signature[..signature.len() - 1]),
        format!("{header}.{payload}.{signature}A"),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{header}.{payload}.{}", signature.to_uppercase()),
        format!("{payload}.{header}.{signature}"),
        long,
        "..".to_owned(),
        ".".repeat(1_000),
    ];
    for token in damaged {
        let case: String = token.chars().rev().take(40).collect();
        assert_worthless(&server, &case, &token).await;
    }
    for at in (0..token.len()).step_by(7) {
        let mut bytes = token.clone().into_bytes();
        bytes[at] ^= 1;
        if let Ok(flipped) = String::from_utf8(bytes) {
            assert_worthless(&server, &format!("bit flipped at {at}"), &flipped).await;
        }
    }
}

#[tokio::test]
async fn a_token_of_another_server_is_worthless() {
    let (server, ..) = server().await;
    let other = Server::start_with(|config| {
        config.issuer = "https://other.example".parse().expect("a URL");
    });
    let other = other.await;
    other.add_user("ada").await;
    other.add_app("app", |_| ()).await;
    let token = other.sign_in().await;
    assert_worthless(&server, "another issuer", &token.access).await;
    assert_worthless(&server, "another issuer's refresh token", &token.refresh).await;
}
