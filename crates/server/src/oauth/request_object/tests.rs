//! Request objects, good ones and bad ones.

use std::fmt::Write as _;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_domain::client::ClientPolicy;
use menshen_domain::credential::HashingCost;
use menshen_domain::sealed::KeyEncryptionKey;
use menshen_store::{Store, StoreOptions};
use menshen_token::{Jwk, ManualClock, Timestamp};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::config::{Config, Sources};
use menshen_token::SystemEntropy;

const ISSUER: &str = "https://id.example";

const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);

/// A server, which has to live as long as its folder.
async fn app(networks: &[&str]) -> (App, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let flag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let data = folder.path().to_str().expect("a path in UTF-8");
    let flags = vec![
        flag("issuer", ISSUER),
        flag("data", data),
        flag("outbound.allowed_networks", &networks.join(",")),
    ];
    let mut config = Config::load(&Sources { flags, ..Sources::default() }).expect("valid");
    config.hashing_cost = HashingCost { memory_kib: 32, passes: 1, lanes: 1 };
    config.hashing_threads = 1;
    let options = StoreOptions {
        url: config.store_url.clone(),
        connections: 1,
        access_token_ceiling: config.access_token_ceiling,
    };
    let store = Store::open(&options).await.expect("a store");
    let (key, clock) = (KeyEncryptionKey::new(&[7; 32]), Arc::new(ManualClock::at(NOW)));
    let app = App::assemble(config, store, key, clock, Arc::new(SystemEntropy)).await;
    (app.expect("an app"), folder)
}

fn pair(number: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[number; 32]).expect("a seed")
}

fn client(profile: SecurityProfile) -> Client {
    let policy = ClientPolicy { security_profile: profile, ..ClientPolicy::default() };
    let mut client =
        Client::new("rp".parse().expect("valid"), "RP".to_owned(), policy, Timestamp::default());
    let jwk = Jwk::ed25519(pair(1).public_key().as_ref());
    client.metadata.jwks = Some(json!({ "keys": [jwk] }));
    client
}

fn input(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn signed(number: u8, header: &Value, claims: &Value) -> String {
    let input = input(header, claims);
    let signature = pair(number).sign(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

/// A good object's claims, with others laid over them; `null` takes one away.
fn claims(more: Value) -> Value {
    let mut claims = json!({
        "iss": "rp", "aud": ISSUER, "client_id": "rp", "response_type": "code",
        "exp": NOW.as_seconds() + 60,
    });
    let Value::Object(more) = more else { return claims };
    for (name, value) in more {
        if value.is_null() {
            claims.as_object_mut().map(|claims| claims.remove(&name));
        } else {
            claims[name] = value;
        }
    }
    claims
}

fn good(more: Value) -> String {
    signed(1, &json!({ "alg": "EdDSA" }), &claims(more))
}

async fn verdict(app: &App, client: &Client, source: Source<'_>) -> String {
    match parameters(app, client, source).await {
        Ok(_) => "good".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

#[tokio::test]
async fn a_request_object_becomes_the_parameters_it_holds() {
    let (app, _folder) = app(&[]).await;
    let object = good(json!({
        "sub": "somebody", "jti": "1", "nbf": NOW.as_seconds(), "iat": NOW.as_seconds(),
        "scope": "openid", "max_age": 60, "flag": true, "nothing": [],
        "claims": { "userinfo": { "email": { "essential": true } } },
        "resource": ["https://a.example", "https://b.example"],
    }));
    let client = client(SecurityProfile::None);
    let mut found = parameters(&app, &client, Source::Value(&object)).await.expect("good");
    found.sort();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = [
        pair("claims", r#"{"userinfo":{"email":{"essential":true}}}"#),
        pair("client_id", "rp"),
        pair("flag", "true"),
        pair("max_age", "60"),
        pair("nothing", "[]"),
        pair("resource", "https://a.example"),
        pair("resource", "https://b.example"),
        pair("response_type", "code"),
        pair("scope", "openid"),
    ];
    assert_eq!(found, expected);
    for typ in ["JWT", "oauth-authz-req+jwt", "application/oauth-authz-req+jwt"] {
        let object = signed(1, &json!({ "alg": "EdDSA", "typ": typ }), &claims(json!({})));
        assert_eq!(verdict(&app, &client, Source::Value(&object)).await, "good");
    }
    for more in [
        json!({ "iss": null }),
        json!({ "aud": null }),
        json!({ "client_id": null }),
        json!({ "exp": null }),
        json!({ "aud": [ISSUER, "https://other.example"] }),
    ] {
        let object = good(more.clone());
        assert_eq!(verdict(&app, &client, Source::Value(&object)).await, "good", "{more}");
    }
}

#[tokio::test]
async fn what_is_not_a_request_of_this_client_for_us_is_refused() {
    let (app, _folder) = app(&[]).await;
    let client = client(SecurityProfile::None);
    let hour = NOW.as_seconds() + 3_600;
    let none = input(&json!({ "alg": "none" }), &claims(json!({})));
    let x = pair(1).public_key().as_ref().to_vec();
    let confused = input(&json!({ "alg": "HS256" }), &claims(json!({})));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &x), confused.as_bytes());
    let typed = |typ: &str| signed(1, &json!({ "alg": "EdDSA", "typ": typ }), &claims(json!({})));
    let cases = [
        ("unsigned", format!("{none}.")),
        ("none with a signature", format!("{none}.AAAA")),
        ("public key as secret", format!("{confused}.{}", URL_SAFE_NO_PAD.encode(tag))),
        ("another key", signed(2, &json!({ "alg": "EdDSA" }), &claims(json!({})))),
        ("another name", signed(1, &json!({ "alg": "EdDSA", "kid": "x" }), &claims(json!({})))),
        ("another issuer", good(json!({ "iss": "other" }))),
        ("another audience", good(json!({ "aud": "https://other.example" }))),
        ("no audience in the list", good(json!({ "aud": [] }))),
        ("an odd audience", good(json!({ "aud": 1 }))),
        ("another client", good(json!({ "client_id": "other" }))),
        ("an odd client", good(json!({ "client_id": ["rp"] }))),
        ("about the client", good(json!({ "sub": "rp" }))),
        ("expired", good(json!({ "exp": NOW.as_seconds() }))),
        ("not yet", good(json!({ "nbf": hour }))),
        ("from the future", good(json!({ "iat": hour }))),
        ("request inside", good(json!({ "request": "x" }))),
        ("request_uri inside", good(json!({ "request_uri": "https://rp.example/r" }))),
        ("an access token", typed("at+jwt")),
        ("a client assertion", typed("client-authentication+jwt")),
        ("encrypted", "a.b.c.d.e".to_owned()),
        ("no object", "x".to_owned()),
        ("too long", "x".repeat(40_000)),
    ];
    let mut table = String::new();
    for (case, object) in cases {
        let verdict = verdict(&app, &client, Source::Value(&object)).await;
        let _ = writeln!(table, "{case}: {verdict}");
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn a_client_signs_as_it_is_registered() {
    let (app, _folder) = app(&[]).await;
    let object = good(json!({}));
    let mut client = client(SecurityProfile::None);
    client.metadata.request_object_signing_alg = Some(Algorithm::EdDSA);
    assert_eq!(verdict(&app, &client, Source::Value(&object)).await, "good");
    client.metadata.request_object_signing_alg = Some(Algorithm::ES256);
    assert_ne!(verdict(&app, &client, Source::Value(&object)).await, "good");
    client.metadata.request_object_signing_alg = None;
    client.metadata.jwks = None;
    assert_ne!(verdict(&app, &client, Source::Value(&object)).await, "good", "no keys");
    let fapi = self::client(SecurityProfile::Fapi2);
    assert_eq!(verdict(&app, &fapi, Source::Value(&object)).await, "good");
    let unaddressed = good(json!({ "aud": null }));
    assert_ne!(verdict(&app, &fapi, Source::Value(&unaddressed)).await, "good");
}

/// Answers everybody with this, once each; gives the port.
async fn serve(head: &'static str, body: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let length = body.len();
            let answer =
                format!("{head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

#[tokio::test]
async fn an_object_is_fetched_from_where_the_client_keeps_it_and_from_nowhere_else() {
    let port = serve("HTTP/1.1 200 OK", format!("{}\n", good(json!({})))).await;
    let (open, _folder) = app(&["127.0.0.0/8"]).await;
    let mut client = client(SecurityProfile::None);
    let address = format!("http://127.0.0.1:{port}/request.jwt");
    let reference = Source::Reference(&address);
    assert_eq!(verdict(&open, &client, reference).await, "good");
    client.metadata.request_uris = vec![format!("{address}#hash")];
    assert_eq!(verdict(&open, &client, reference).await, "good");
    let other = format!("{address}#other");
    assert_eq!(verdict(&open, &client, Source::Reference(&other)).await, "good");
    let tricks = [
        format!("{address}?x=y"),
        format!("{address}/x"),
        format!("http://127.0.0.1:{port}/x/../request.jwt"),
        format!("http://u@127.0.0.1:{port}/request.jwt"),
    ];
    for trick in &tricks {
        let found = verdict(&open, &client, Source::Reference(trick)).await;
        assert!(found.contains("did not register"), "{trick}: {found}");
    }
    client.metadata.request_uris.clear();
    let (closed, _folder) = app(&[]).await;
    let private = [
        address.clone(),
        format!("http://localhost:{port}/request.jwt"),
        format!("http://[::ffff:127.0.0.1]:{port}/request.jwt"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://10.0.0.1/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://rp.example/request.jwt".to_owned(),
    ];
    for address in &private {
        let found = verdict(&closed, &client, Source::Reference(address)).await;
        assert!(found.contains("there is no request object"), "{address}: {found}");
    }
}

#[tokio::test]
async fn what_is_no_object_tells_nothing_about_what_it_is() {
    let (app, _folder) = app(&["127.0.0.0/8"]).await;
    let client = client(SecurityProfile::None);
    let inner = serve("HTTP/1.1 200 OK", good(json!({}))).await;
    let head: &str = format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{inner}/").leak();
    let moved = serve(head, String::new()).await;
    let missing = serve("HTTP/1.1 404 Not Found", good(json!({}))).await;
    let long = serve("HTTP/1.1 200 OK", "x".repeat(70_000)).await;
    for port in [moved, missing, long] {
        let address = format!("http://127.0.0.1:{port}/");
        let found = verdict(&app, &client, Source::Reference(&address)).await;
        assert!(found.contains("there is no request object"), "{found}");
    }
    let page = serve("HTTP/1.1 200 OK", "<html>secret</html>".to_owned()).await;
    let address = format!("http://127.0.0.1:{page}/");
    let found = verdict(&app, &client, Source::Reference(&address)).await;
    assert_eq!(found, r#"InvalidRequestObject("the request object is malformed")"#);
}
