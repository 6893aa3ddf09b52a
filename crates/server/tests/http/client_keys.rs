//! Where the keys of clients come from: their `jwks_uri`, which may not lead us astray, and the
//! certificates that belong to them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair};
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use menshen_domain::client::{AuthMethod, Client};
use menshen_token::Jwk;
use rcgen::{
    CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
    PublicKeyData as _,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::{ISSUER, Server};
use crate::proof::{Device, Draft};

/// A client's own server, which says what the test wants, and counts who asks.
struct Host {
    address: SocketAddr,
    document: Arc<Mutex<(StatusCode, String)>>,
    asked: Arc<AtomicUsize>,
}

impl Host {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let document = Arc::new(Mutex::new((StatusCode::OK, "{}".to_owned())));
        let asked = Arc::new(AtomicUsize::new(0));
        let (said, count) = (document.clone(), asked.clone());
        let answer = async move || -> Response {
            count.fetch_add(1, Ordering::SeqCst);
            said.lock().expect("whole").clone().into_response()
        };
        let router = Router::new()
            .route("/jwks", get(answer))
            .route("/moved", get(async || Redirect::temporary("/jwks")));
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { address, document, asked }
    }

    fn publish(&self, keys: &[(u8, &str)]) {
        let keys: Vec<Value> = keys.iter().map(|(number, id)| key(*number, id)).collect();
        self.say(StatusCode::OK, &json!({ "keys": keys }).to_string());
    }

    fn say(&self, status: StatusCode, document: &str) {
        *self.document.lock().expect("whole") = (status, document.to_owned());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn key(number: u8, id: &str) -> Value {
    let mut jwk = Device::new(number).jwk();
    if !id.is_empty() {
        jwk["kid"] = id.into();
    }
    jwk
}

async fn register(server: &Server, id: &str, jwks_uri: &str) {
    let adjust = |client: &mut Client| {
        client.metadata.token_endpoint_auth_method = Some(AuthMethod::PrivateKeyJwt);
        client.metadata.jwks_uri = Some(jwks_uri.to_owned());
    };
    server.register(id, adjust).await;
}

/// The status of a request of this client that is signed by this key, under this name.
async fn status(server: &Server, client_id: &str, (number, key_id): (u8, &str)) -> u16 {
    let now = server.now().as_seconds();
    let jti = URL_SAFE_NO_PAD.encode(server.app.random::<16>());
    let mut draft = Draft {
        header: json!({ "alg": "EdDSA" }),
        claims: json!({
            "iss": client_id, "sub": client_id, "aud": ISSUER, "exp": now + 60, "jti": jti,
        }),
    };
    if !key_id.is_empty() {
        draft = draft.header("kid", key_id);
    }
    let assertion = Device::new(number).sign(&draft);
    let form = [
        ("token", "x"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", &assertion),
    ];
    server.post("/introspect", &form).await.status
}

async fn server_beside_hosts() -> Server {
    let network = "127.0.0.0/8".parse().expect("a network");
    Server::start_with(|config| config.outbound.allowed_networks = vec![network]).await
}

#[tokio::test]
async fn a_key_that_was_rotated_is_fetched_on_the_next_request() {
    let (server, host) = (server_beside_hosts().await, Host::start().await);
    register(&server, "robot", &format!("http://{}/jwks", host.address)).await;
    host.publish(&[(1, "one")]);
    assert_eq!(status(&server, "robot", (1, "one")).await, 200);
    assert_eq!(status(&server, "robot", (1, "one")).await, 200);
    assert_eq!(host.asked(), 1, "they are kept");
    host.publish(&[(2, "two")]);
    server.advance(Duration::from_secs(3));
    assert_eq!(status(&server, "robot", (2, "two")).await, 200);
    assert_eq!(host.asked(), 2, "they are fetched for a new one");
    assert_eq!(status(&server, "robot", (1, "one")).await, 401, "the old one is gone");
    for _ in 0..20 {
        assert_eq!(status(&server, "robot", (3, "three")).await, 401);
    }
    assert_eq!(host.asked(), 2, "but not for everybody who names an unknown one");
    server.advance(Duration::from_mins(5));
    host.publish(&[]);
    assert_eq!(status(&server, "robot", (2, "two")).await, 401, "nor are they kept for ever");
}

#[tokio::test]
async fn a_key_without_a_name_is_found_and_rotated_as_well() {
    let (server, host) = (server_beside_hosts().await, Host::start().await);
    register(&server, "robot", &format!("http://localhost:{}/jwks", host.address.port())).await;
    host.publish(&[(1, "")]);
    assert_eq!(status(&server, "robot", (1, "")).await, 200);
    host.publish(&[(2, "")]);
    assert_eq!(status(&server, "robot", (2, "")).await, 401, "a moment ago they were others");
    server.advance(Duration::from_secs(3));
    assert_eq!(status(&server, "robot", (2, "")).await, 200);
}

#[tokio::test]
async fn a_host_that_fails_is_asked_again_but_not_by_every_request() {
    let (server, host) = (server_beside_hosts().await, Host::start().await);
    register(&server, "robot", &format!("http://{}/jwks", host.address)).await;
    let broken = [
        (StatusCode::INTERNAL_SERVER_ERROR, json!({ "keys": [key(1, "one")] }).to_string()),
        (StatusCode::OK, "<html>".to_owned()),
        (StatusCode::OK, "{}".to_owned()),
        (StatusCode::OK, " ".repeat(70_000)),
    ];
    for (number, (code, document)) in broken.into_iter().enumerate() {
        host.say(code, &document);
        for _ in 0..5 {
            assert_eq!(status(&server, "robot", (1, "one")).await, 401);
        }
        assert_eq!(host.asked(), number + 1);
        server.advance(Duration::from_secs(3));
    }
    host.publish(&[(1, "one")]);
    assert_eq!(status(&server, "robot", (1, "one")).await, 200);
}

#[tokio::test]
async fn the_address_of_keys_leads_nowhere_that_is_private() {
    let host = Host::start().await;
    host.publish(&[(1, "one")]);
    let port = host.address.port();
    let private = [
        format!("http://127.0.0.1:{port}/jwks"),
        format!("http://localhost:{port}/jwks"),
        format!("http://[::ffff:127.0.0.1]:{port}/jwks"),
        format!("http://2130706433:{port}/jwks"),
        format!("https://127.0.0.1:{port}/jwks"),
        "https://169.254.169.254/jwks".to_owned(),
        "file:///etc/passwd".to_owned(),
        "jwks".to_owned(),
    ];
    let server = Server::start().await;
    for (number, address) in private.iter().enumerate() {
        let id = format!("robot-{number}");
        register(&server, &id, address).await;
        assert_eq!(status(&server, &id, (1, "one")).await, 401, "{address}");
    }
    assert_eq!(host.asked(), 0);
    let server = server_beside_hosts().await;
    register(&server, "moved", &format!("http://{}/moved", host.address)).await;
    assert_eq!(status(&server, "moved", (1, "one")).await, 401);
    assert_eq!(host.asked(), 0, "a redirect is not followed");
}

/// A certificate of one's own making, in DER, and its key.
fn certificate(algorithm: &'static rcgen::SignatureAlgorithm) -> (Vec<u8>, KeyPair) {
    let key = KeyPair::generate_for(algorithm).expect("a key");
    let params = CertificateParams::new(vec!["robot".to_owned()]).expect("a name");
    (params.self_signed(&key).expect("signed").der().to_vec(), key)
}

#[tokio::test]
async fn a_client_may_prove_who_it_is_by_a_certificate_of_its_own() {
    let server = Server::start().await;
    let (edwards, edwards_key) = certificate(&PKCS_ED25519);
    let (curve, curve_key) = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
    let (rsa, rsa_key) = certificate(&PKCS_RSA_SHA256);
    let rsa_key = RsaKeyPair::from_pkcs8(&rsa_key.serialize_der()).expect("an RSA key");
    let rsa_key = rsa_key.public_key();
    let (large, _) = certificate(&PKCS_ECDSA_P384_SHA384);
    let (strange, _) = certificate(&PKCS_ED25519);
    let jwks = json!({ "keys": [
        Jwk::ed25519(edwards_key.der_bytes()),
        Jwk::p256(curve_key.der_bytes()).expect("a point"),
        Jwk::rsa(
            rsa_key.modulus().big_endian_without_leading_zero(),
            rsa_key.exponent().big_endian_without_leading_zero(),
        ),
        { "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA", "x5c": [STANDARD.encode(&large)] },
    ] });
    let by = |method: AuthMethod| {
        let jwks = jwks.clone();
        move |client: &mut Client| {
            client.metadata.token_endpoint_auth_method = Some(method);
            client.metadata.jwks = Some(jwks);
        }
    };
    server.register("robot", by(AuthMethod::SelfSignedTlsClientAuth)).await;
    server.register("signer", by(AuthMethod::PrivateKeyJwt)).await;
    server.register("public", by(AuthMethod::None)).await;
    let call = |id| server.call("POST", "/introspect").form(&[("client_id", id), ("token", "x")]);
    for known in [&edwards, &curve, &rsa, &large] {
        assert_eq!(call("robot").certificate(known).send().await.status, 200);
    }
    for unknown in [strange.as_slice(), &edwards[1..], b"", b"x"] {
        let answer = call("robot").certificate(unknown).send().await;
        assert_eq!(answer.verdict(), "401 invalid_client");
    }
    assert_eq!(call("robot").send().await.verdict(), "401 invalid_client");
    for other in ["signer", "public", "nobody"] {
        let answer = call(other).certificate(&edwards).send().await;
        assert_eq!(answer.verdict(), "401 invalid_client", "{other}");
    }
    let twice = call("robot").basic("robot", "x").certificate(&edwards).send().await;
    assert_eq!(twice.verdict(), "401 invalid_client");
}
