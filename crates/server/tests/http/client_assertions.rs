//! Clients that prove who they are by something signed: every way to forge it, bend it or use it
//! twice.

use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_domain::Secret;
use menshen_domain::client::{AuthMethod, Client, SecurityProfile};
use menshen_token::Jwk;
use serde_json::{Value, json};

use crate::harness::{Answer, ISSUER, SECRET, Server};
use crate::proof::{Device, Draft};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A server with `robot`, whose key is the first device's, and `fapi`, whose key is as well.
async fn server() -> Server {
    let server = Server::start().await;
    let jwks = json!({ "keys": [named(Device::new(1).jwk(), "one")] });
    let by_key = |client: &mut Client| {
        client.metadata.token_endpoint_auth_method = Some(AuthMethod::PrivateKeyJwt);
        client.metadata.jwks = Some(jwks.clone());
    };
    server.register("robot", by_key).await;
    let fapi = |client: &mut Client| {
        by_key(client);
        client.policy.security_profile = SecurityProfile::Fapi2;
    };
    server.register("fapi", fapi).await;
    server
}

fn named(mut jwk: Value, key_id: &str) -> Value {
    jwk["kid"] = key_id.into();
    jwk
}

/// A good assertion, before it is signed.
fn draft(server: &Server, client_id: &str, jti: &str) -> Draft {
    let now = server.now().as_seconds();
    Draft {
        header: json!({ "alg": "EdDSA", "kid": "one" }),
        claims: json!({
            "iss": client_id, "sub": client_id, "aud": ISSUER,
            "iat": now, "exp": now + 60, "jti": jti,
        }),
    }
}

/// Introspection is for authenticated clients of every kind, and changes nothing.
async fn introspect(server: &Server, form: &[(&str, &str)]) -> Answer {
    server.post("/introspect", &[form, &[("token", "x")]].concat()).await
}

async fn send(server: &Server, assertion: &str) -> Answer {
    let form = [("client_assertion_type", TYPE), ("client_assertion", assertion)];
    introspect(server, &form).await
}

fn without(mut draft: Draft, claim: &str) -> Draft {
    draft.claims.as_object_mut().expect("an object").remove(claim);
    draft
}

#[tokio::test]
async fn a_client_may_prove_who_it_is_by_a_key() {
    let server = server().await;
    let device = Device::new(1);
    let now = server.now().as_seconds();
    let good = |jti: &str| draft(&server, "robot", jti);
    let drafts = [
        good("plain"),
        good("typ").header("typ", "JWT"),
        good("own typ").header("typ", "client-authentication+jwt"),
        good("several").claim("aud", json!(["https://other.example", ISSUER])),
        good("token endpoint").claim("aud", format!("{ISSUER}/token")),
        good("this endpoint").claim("aud", format!("{ISSUER}/introspect")),
        good("clock ahead").claim("iat", now + 10).claim("nbf", now + 10),
        without(good("no iat"), "iat"),
        good("an hour").claim("exp", now + 3_600),
    ];
    for draft in drafts {
        let answer = send(&server, &device.sign(&draft)).await;
        assert_eq!(answer.status, 200, "{} {}", draft.claims, answer.body);
    }
    let assertion = device.sign(&good("named"));
    let form =
        [("client_id", "robot"), ("client_assertion_type", TYPE), ("client_assertion", &assertion)];
    assert_eq!(introspect(&server, &form).await.status, 200);
}

/// Assertions that would be good but for one thing each.
fn bent(server: &Server) -> Vec<Draft> {
    let now = server.now().as_seconds();
    let good = || draft(server, "robot", "bad");
    vec![
        good().claim("iss", "other"),
        good().claim("sub", "app"),
        without(good(), "iss"),
        without(good(), "sub"),
        good().claim("aud", "https://other.example"),
        good().claim("aud", format!("{ISSUER}/")),
        good().claim("aud", format!("{ISSUER}/token/x")),
        good().claim("aud", json!([])),
        good().claim("aud", json!({ "a": ISSUER })),
        without(good(), "aud"),
        good().claim("exp", now),
        good().claim("exp", now - 300),
        good().claim("exp", now + 3_601),
        good().claim("exp", "never"),
        without(good(), "exp"),
        good().claim("iat", now + 61),
        good().claim("nbf", now + 61),
        good().claim("jti", ""),
        good().claim("jti", "x".repeat(256)),
        good().claim("jti", 1),
        without(good(), "jti"),
        good().header("typ", "at+jwt"),
        good().header("typ", "dpop+jwt"),
        good().header("typ", "oauth-authz-req+jwt"),
        good().header("crit", json!(["exp"])),
        good().header("kid", "two"),
        good().header("alg", "none"),
        good().header("alg", "RS256"),
        good().header("alg", "HS256"),
    ]
}

/// What is no assertion of `robot` at all, or was damaged on the way.
fn forged(server: &Server) -> Vec<String> {
    let (device, stranger) = (Device::new(1), Device::new(2));
    let good = draft(server, "robot", "bad");
    let signed = device.sign(&good);
    let (input, _) = signed.rsplit_once('.').expect("three parts");
    let twice = good.claims.to_string().replacen('{', "{\"sub\":\"other\",", 1);
    let header = URL_SAFE_NO_PAD.encode(good.header.to_string());
    vec![
        stranger.sign(&good),
        format!("{input}."),
        format!("{input}.AAAA"),
        format!("{signed}A"),
        format!("{header}.{}.AAAA", URL_SAFE_NO_PAD.encode(twice)),
        "x".to_owned(),
        "a.b.c".to_owned(),
        "x".repeat(10_000),
        stranger.sign(&draft(server, "nobody", "unknown")),
    ]
}

#[tokio::test]
async fn what_is_wrong_with_an_assertion_makes_no_difference() {
    let server = server().await;
    let device = Device::new(1);
    let mut assertions: Vec<String> = bent(&server).iter().map(|bent| device.sign(bent)).collect();
    assertions.extend(forged(&server));
    let mut answers = Vec::new();
    for assertion in &assertions {
        let answer = send(&server, assertion).await;
        assert_eq!(answer.verdict(), "401 invalid_client", "{assertion}");
        answers.push(answer.print());
    }
    assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:#?}");
    let good = device.sign(&draft(&server, "robot", "bad"));
    assert_eq!(send(&server, &good).await.status, 200, "its jti was not spent");
}

#[tokio::test]
async fn an_assertion_is_used_once() {
    let server = server().await;
    let device = Device::new(1);
    let assertion = device.sign(&draft(&server, "robot", "once"));
    assert_eq!(send(&server, &assertion).await.status, 200);
    assert_eq!(send(&server, &assertion).await.verdict(), "401 invalid_client");
    // The same id in another statement is the same id; with another client it is not.
    let again = draft(&server, "robot", "once").claim("more", 1);
    assert_eq!(send(&server, &device.sign(&again)).await.verdict(), "401 invalid_client");
    assert_eq!(send(&server, &device.sign(&draft(&server, "fapi", "once"))).await.status, 200);
    server.advance(Duration::from_mins(2));
    assert_eq!(send(&server, &assertion).await.verdict(), "401 invalid_client");
}

#[tokio::test]
async fn the_fapi_profile_takes_the_issuer_alone_and_no_rs256() {
    let server = server().await;
    let device = Device::new(1);
    let good = |jti: &str| draft(&server, "fapi", jti);
    assert_eq!(send(&server, &device.sign(&good("good"))).await.status, 200);
    let audiences = [
        json!([ISSUER]),
        json!([ISSUER, "https://other.example"]),
        json!(format!("{ISSUER}/token")),
        json!(format!("{ISSUER}/introspect")),
    ];
    for audience in audiences {
        let draft = good("bad").claim("aud", audience);
        assert_eq!(send(&server, &device.sign(&draft)).await.verdict(), "401 invalid_client");
    }
    let rsa = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("a key");
    let public = rsa.public_key();
    let jwk = Jwk::rsa(
        public.modulus().big_endian_without_leading_zero(),
        public.exponent().big_endian_without_leading_zero(),
    );
    let jwks = json!({ "keys": [jwk] });
    for (id, profile, status) in
        [("any rsa", SecurityProfile::None, 200), ("fapi rsa", SecurityProfile::Fapi2, 401)]
    {
        let id = id.replace(' ', "-");
        let adjust = |client: &mut Client| {
            client.metadata.token_endpoint_auth_method = Some(AuthMethod::PrivateKeyJwt);
            client.metadata.jwks = Some(jwks.clone());
            client.policy.security_profile = profile;
        };
        server.register(&id, adjust).await;
        let mut draft = draft(&server, &id, "rsa");
        draft.header = json!({ "alg": "RS256" });
        assert_eq!(send(&server, &rs256(&rsa, &draft)).await.status, status, "{id}");
    }
}

#[expect(clippy::disallowed_methods, reason = "the parameter is required and not used")]
fn rs256(key: &RsaKeyPair, draft: &Draft) -> String {
    let input = draft.input();
    let mut signature = vec![0; key.public_modulus_len()];
    let random = aws_lc_rs::rand::SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, input.as_bytes(), &mut signature).expect("signed");
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn hs256(secret: &[u8], draft: &Draft) -> String {
    let input = draft.clone().header("alg", "HS256").input();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
}

#[tokio::test]
async fn a_public_key_is_no_secret() {
    let server = server().await;
    let jwk = Device::new(1).jwk();
    let x = jwk["x"].as_str().expect("a text").to_owned();
    let raw = URL_SAFE_NO_PAD.decode(&x).expect("base64url");
    let texts = [raw, x.into_bytes(), jwk.to_string().into_bytes(), Vec::new(), b"robot".to_vec()];
    for secret in texts {
        let assertion = hs256(&secret, &draft(&server, "robot", "confused"));
        assert_eq!(send(&server, &assertion).await.verdict(), "401 invalid_client");
    }
}

#[tokio::test]
async fn a_client_may_prove_who_it_is_by_its_secret_without_sending_it() {
    let server = server().await;
    let adjust = |client: &mut Client| {
        let secret = Secret::new(SECRET.to_owned());
        client.metadata.token_endpoint_auth_method = Some(AuthMethod::ClientSecretJwt);
        client.metadata.jwks = Some(json!({ "keys": [Device::new(1).jwk()] }));
        client.sealed_secret = Some(server.app.keyring.seal_secret(&client.id, &secret));
        client.secret_hash = Some(secret.hash());
    };
    server.register("keeper", adjust).await;
    let good = |jti: &str| draft(&server, "keeper", jti);
    assert_eq!(send(&server, &hs256(SECRET.as_bytes(), &good("a"))).await.status, 200);
    let refused = [
        hs256(SECRET.as_bytes(), &good("a")),
        hs256(b"another secret", &good("b")),
        hs256(b"", &good("c")),
        Device::new(1).sign(&good("d")),
        hs256(SECRET.as_bytes(), &draft(&server, "robot", "e")),
    ];
    for assertion in refused {
        assert_eq!(send(&server, &assertion).await.verdict(), "401 invalid_client");
    }
    let basic = server.call("POST", "/introspect").basic("keeper", SECRET);
    assert_eq!(basic.form(&[("token", "x")]).send().await.verdict(), "401 invalid_client");
}

#[tokio::test]
async fn a_client_uses_the_method_it_is_registered_for() {
    let server = server().await;
    let methods = [
        ("basic", Some(AuthMethod::ClientSecretBasic)),
        ("post", Some(AuthMethod::ClientSecretPost)),
        ("either", None),
        ("public", Some(AuthMethod::None)),
        ("key", Some(AuthMethod::PrivateKeyJwt)),
        ("certificate", Some(AuthMethod::SelfSignedTlsClientAuth)),
    ];
    let jwks = json!({ "keys": [Device::new(1).jwk()] });
    for (id, method) in methods {
        let adjust = |client: &mut Client| {
            client.metadata.token_endpoint_auth_method = method;
            client.metadata.jwks = Some(jwks.clone());
            client.secret_hash = Some(Secret::new(SECRET.to_owned()).hash());
        };
        server.register(id, adjust).await;
        let mut draft = draft(&server, id, "once");
        draft.header = json!({ "alg": "EdDSA" });
        let assertion = Device::new(1).sign(&draft);
        let call = || server.call("POST", "/revoke");
        let asserted = [
            ("token", "x"),
            ("client_assertion_type", TYPE),
            ("client_assertion", assertion.as_str()),
        ];
        let post = [("token", "x"), ("client_id", id), ("client_secret", SECRET)];
        let found = [
            call().basic(id, SECRET).form(&[("token", "x")]).send().await.status == 200,
            call().form(&post).send().await.status == 200,
            call().form(&[("token", "x"), ("client_id", id)]).send().await.status == 200,
            call().form(&asserted).send().await.status == 200,
        ];
        let expected = match id {
            "basic" => [true, false, false, false],
            "post" => [false, true, false, false],
            "either" => [true, true, false, false],
            "public" => [false, false, true, false],
            "key" => [false, false, false, true],
            _ => [false; 4],
        };
        assert_eq!(found, expected, "{id}");
    }
}

#[tokio::test]
async fn two_ways_at_once_are_one_too_many() {
    let server = server().await;
    server.add_confidential("secret", |_| ()).await;
    let assertion = Device::new(1).sign(&draft(&server, "robot", "two"));
    let asserted =
        [("token", "x"), ("client_assertion_type", TYPE), ("client_assertion", assertion.as_str())];
    let with = |more: &[(&'static str, &'static str)]| [asserted.as_slice(), more].concat();
    let call = || server.call("POST", "/introspect");
    let both = [
        call().basic("robot", SECRET).form(&asserted),
        call().form(&with(&[("client_id", "robot"), ("client_secret", SECRET)])),
        call().header("authorization", "Bearer x").form(&with(&[])),
    ];
    let verdicts = ["400 invalid_request", "400 invalid_request", "401 invalid_token"];
    for (call, verdict) in both.into_iter().zip(verdicts) {
        assert_eq!(call.send().await.verdict(), verdict);
    }
    let other = call().form(&with(&[("client_id", "secret")])).send().await;
    assert_eq!(other.verdict(), "401 invalid_client");
    for kind in ["", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"] {
        let form = [("client_assertion_type", kind), ("client_assertion", assertion.as_str())];
        assert_eq!(introspect(&server, &form).await.verdict(), "401 invalid_client");
    }
    assert_eq!(send(&server, &assertion).await.status, 200, "none of them spent it");
}

#[tokio::test]
async fn a_registered_algorithm_is_the_only_one() {
    let server = server().await;
    for (id, algorithm, status) in [("edwards", "EdDSA", 200), ("curve", "ES256", 401)] {
        let adjust = |client: &mut Client| {
            client.metadata.token_endpoint_auth_method = Some(AuthMethod::PrivateKeyJwt);
            client.metadata.token_endpoint_auth_signing_alg = Some(algorithm.to_owned());
            client.metadata.jwks = Some(json!({ "keys": [named(Device::new(1).jwk(), "one")] }));
        };
        server.register(id, adjust).await;
        let assertion = Device::new(1).sign(&draft(&server, id, "once"));
        assert_eq!(send(&server, &assertion).await.status, status, "{id}");
    }
}
