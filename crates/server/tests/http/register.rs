//! Clients that register themselves: `/register` (RFC 7591, RFC 7592).

use std::fmt::Write as _;
use std::time::Duration;

use menshen_server::config::{Config, RegistrationMode};
use serde_json::{Value, json};

use crate::harness::{Answer, Call, SECRET, Server};

async fn open() -> Server {
    let adjust = |config: &mut Config| {
        config.registration.mode = RegistrationMode::Open;
        config.registration.per_hour = 0;
    };
    Server::start_with(adjust).await
}

fn shop() -> Value {
    json!({ "client_name": "Shop", "redirect_uris": ["https://shop.example/cb"] })
}

fn call(server: &Server, method: &str, path: &str, body: &Value) -> Call {
    server.call(method, path).raw("application/json", body.to_string())
}

async fn register(server: &Server, body: &Value) -> Answer {
    call(server, "POST", "/register", body).send().await
}

/// The path of a registration and the token for it.
fn place(registered: &Answer) -> (String, String) {
    assert_eq!(registered.status, 201, "{}", registered.body);
    let uri = registered.text("registration_client_uri");
    let path = uri.strip_prefix("https://id.example").expect("ours").to_owned();
    (path, registered.text("registration_access_token"))
}

async fn use_secret(server: &Server, client_id: &str, secret: &str) -> String {
    let call = server.call("POST", "/token").basic(client_id, secret);
    let form = [("grant_type", "authorization_code"), ("code", "x")];
    call.form(&form).send().await.verdict()
}

#[tokio::test]
async fn unless_the_operator_lets_them_there_is_no_such_path() {
    let server = Server::start().await;
    assert_eq!(register(&server, &shop()).await.verdict(), "404 not-found");
    for method in ["GET", "PUT", "DELETE"] {
        let answer = call(&server, method, "/register/x", &shop()).bearer("x").send().await;
        assert_eq!(answer.verdict(), "404 not-found", "{method}");
    }
    let metadata = server.call("GET", "/.well-known/oauth-authorization-server").send().await;
    assert_eq!(metadata.json()["registration_endpoint"], Value::Null);
}

#[tokio::test]
async fn a_client_that_says_little_has_the_defaults_of_the_specifications() {
    let server = open().await;
    let registered = register(&server, &shop()).await;
    assert_eq!(registered.status, 201, "{}", registered.body);
    assert_eq!(registered.header("content-type"), "application/json");
    assert_eq!(registered.header("cache-control"), "no-store");
    let mut body = registered.json();
    for drawn in ["client_id", "client_secret", "registration_access_token"] {
        assert!(body[drawn].as_str().is_some_and(|text| text.len() >= 32), "{drawn}");
        body[drawn] = Value::from("<drawn>");
    }
    let id = registered.text("client_id");
    assert_eq!(body["registration_client_uri"], json!(format!("https://id.example/register/{id}")));
    body["registration_client_uri"] = Value::from("<uri>");
    insta::assert_snapshot!(format!("{body:#}"));
    let secret = registered.text("client_secret");
    assert_eq!(use_secret(&server, &id, &secret).await, "400 invalid_grant");
    assert_eq!(use_secret(&server, &id, "another").await, "401 invalid_client");
    let client = server.app.store.find_client(&id.parse().expect("an id")).await;
    assert!(!client.expect("read").expect("there").policy.first_party, "users are asked");
    let metadata = server.call("GET", "/.well-known/oauth-authorization-server").send().await;
    assert_eq!(metadata.text("registration_endpoint"), "https://id.example/register");
}

#[tokio::test]
async fn what_it_says_is_what_it_gets_and_no_more() {
    let server = open().await;
    let body = json!({
        "redirect_uris": ["https://shop.example/cb"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
        "scope": "openid profile admin made-up",
        "policy": { "first_party": true, "scope": "admin" },
        "first_party": true,
        "client_id": "admin",
        "client_secret": "chosen",
        "registration_access_token": "chosen",
        "jwks_uri": null,
        "something_else": { "a": 1 },
    });
    let registered = register(&server, &body).await;
    assert_eq!(registered.status, 201, "{}", registered.body);
    let members = registered.json();
    assert_eq!(members["scope"], "openid profile");
    assert_eq!(members["client_name"], "shop.example");
    assert_eq!(members["client_secret"], Value::Null, "a public client has none");
    for ignored in ["policy", "first_party", "something_else", "jwks_uri"] {
        assert_eq!(members[ignored], Value::Null, "{ignored}");
    }
    let id = registered.text("client_id").parse().expect("an id");
    let client = server.app.store.find_client(&id).await.expect("read").expect("there");
    assert!(id.as_str() != "admin" && !client.policy.first_party);
    assert_ne!(registered.text("registration_access_token"), "chosen");
    let hash = client.registration_token_hash.expect("kept");
    assert_ne!(hash.as_str(), registered.text("registration_access_token"));
}

#[tokio::test]
async fn what_could_do_harm_is_refused() {
    let server = open().await;
    let mut table = String::new();
    let with = |member: &str, value: Value| {
        let mut body = shop();
        body[member] = value;
        body
    };
    for body in [
        json!({}),
        with("redirect_uris", json!([])),
        with("redirect_uris", json!(["https://shop.example/cb#x"])),
        with("redirect_uris", json!(["javascript:alert(1)"])),
        with("redirect_uris", json!(["http://shop.example/cb"])),
        with("redirect_uris", json!("https://shop.example/cb")),
        with("response_types", json!(["id_token"])),
        with("grant_types", json!(["implicit"])),
        with("grant_types", json!(["password"])),
        with("grant_types", json!(["magic"])),
        with("token_endpoint_auth_method", json!("private_key_jwt")),
        with("token_endpoint_auth_method", json!("magic")),
        with("id_token_signed_response_alg", json!("none")),
        with("id_token_signed_response_alg", json!("HS256")),
        with("logo_uri", json!("data:image/png,x")),
        with("backchannel_logout_uri", json!("http://10.0.0.1/x")),
        with("jwks_uri", json!("file:///etc/passwd")),
        with("client_name", json!("a\nb")),
        with("client_name", json!(7)),
        with("scope", json!("open\"id")),
        with("contacts", json!(["x".repeat(256)])),
        with("software_statement", json!("e30.e30.x")),
        with("sector_identifier_uri", json!("https://10.0.0.1/sector")),
        with("sector_identifier_uri", json!("http://shop.example/sector")),
    ] {
        let answer = register(&server, &body).await;
        let _ =
            writeln!(table, "{body}: {} | {}", answer.verdict(), answer.text("error_description"));
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn a_body_that_is_no_registration_is_refused() {
    let server = open().await;
    let post = |kind: &str, body: String| server.call("POST", "/register").raw(kind, body).send();
    let json = "application/json";
    for (kind, body, verdict) in [
        ("application/x-www-form-urlencoded", shop().to_string(), "415 invalid_request"),
        (json, "{".to_owned(), "400 invalid_client_metadata"),
        (json, "[]".to_owned(), "400 invalid_client_metadata"),
        (
            json,
            r#"{"client_name":"a","client_name":"b"}"#.to_owned(),
            "400 invalid_client_metadata",
        ),
        (json, r#"{"jwks":{"keys":[],"keys":[]}}"#.to_owned(), "400 invalid_client_metadata"),
        (json, format!("{{\"x\":\"{}\"}}", "x".repeat(65 * 1024)), "413 invalid_request"),
    ] {
        let answer = post(kind, body).await;
        assert_eq!(answer.verdict(), verdict, "{}", answer.body);
    }
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        let answer = server.call(method, "/register").send().await;
        assert_eq!(answer.verdict(), "405 method-not-allowed", "{method}");
    }
}

#[tokio::test]
async fn a_registration_is_looked_at_changed_and_ended_by_its_own_token() {
    let server = open().await;
    let registered = register(&server, &shop()).await;
    let (path, token) = place(&registered);
    let shown = server.call("GET", &path).bearer(&token).send().await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    assert_eq!(shown.text("registration_access_token"), token);
    assert_eq!(shown.json()["client_secret"], Value::Null, "it is told once");

    let id = registered.text("client_id");
    let mut body = shop();
    body["client_id"] = id.as_str().into();
    body["client_secret"] = registered.text("client_secret").into();
    body["redirect_uris"] = json!(["https://shop.example/new"]);
    body["client_name"] = Value::Null;
    let put = |body: &Value| call(&server, "PUT", &path, body).bearer(&token).send();
    let changed = put(&body).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(changed.json()["redirect_uris"], body["redirect_uris"]);
    assert_eq!(changed.text("client_name"), "shop.example", "what is left out is gone");
    assert_eq!(changed.json()["client_secret"], Value::Null, "it has one");

    for (member, value) in [
        ("client_id", json!("another")),
        ("client_id", Value::Null),
        ("client_secret", json!("another")),
        ("registration_access_token", json!(token)),
        ("client_id_issued_at", json!(0)),
    ] {
        let mut body = body.clone();
        body[member] = value;
        let refused = put(&body).await;
        assert_eq!(refused.verdict(), "400 invalid_client_metadata", "{body}");
    }

    let deleted = server.call("DELETE", &path).bearer(&token).send().await;
    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    let secret = registered.text("client_secret");
    assert_eq!(use_secret(&server, &id, &secret).await, "401 invalid_client");
    for method in ["GET", "DELETE"] {
        let gone = server.call(method, &path).bearer(&token).send().await;
        assert_eq!(gone.verdict(), "401 invalid_token", "{method}");
    }
}

#[tokio::test]
async fn a_new_method_brings_a_new_secret_when_there_is_none_that_fits() {
    let server = open().await;
    let mut body = shop();
    body["token_endpoint_auth_method"] = "none".into();
    let registered = register(&server, &body).await;
    let (path, token) = place(&registered);
    body["client_id"] = registered.text("client_id").into();
    let mut secrets = Vec::new();
    for (method, is_new) in [
        ("client_secret_post", true),
        ("client_secret_basic", false),
        ("client_secret_jwt", true),
        ("client_secret_jwt", false),
    ] {
        body["token_endpoint_auth_method"] = method.into();
        let changed = call(&server, "PUT", &path, &body).bearer(&token).send().await;
        assert_eq!(changed.json()["client_secret"].is_string(), is_new, "{}", changed.body);
        secrets.push(changed.text("client_secret"));
    }
    let id = registered.text("client_id").parse().expect("an id");
    let client = server.app.store.find_client(&id).await.expect("read").expect("there");
    let sealed = client.sealed_secret.expect("for its assertions");
    let unsealed = server.app.keyring.unseal_secret(&id, &sealed).expect("ours");
    assert_eq!(unsealed.as_slice(), secrets[2].as_bytes());
}

#[tokio::test]
async fn no_other_token_opens_a_registration_and_none_learns_why() {
    let server = open().await;
    server.add_confidential("ops", |_| ()).await;
    let (path, token) = place(&register(&server, &shop()).await);
    let (other, _) = place(&register(&server, &shop()).await);
    let wrong = |path: &str, token: &str| server.call("GET", path).bearer(token).send();
    let mut answers = Vec::new();
    for (path, token) in [
        (path.as_str(), "wrong"),
        (other.as_str(), token.as_str()),
        ("/register/nobody", token.as_str()),
        ("/register/ops", token.as_str()),
        ("/register/ops", ""),
        ("/register/%00", token.as_str()),
    ] {
        answers.push(wrong(path, token).await.print());
    }
    assert!(answers[0].contains("invalid_token"), "{}", answers[0]);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let missing = server.call("GET", &path).send().await;
    assert_eq!(missing.status, 401);
    let twice = server.call("GET", &path).bearer(&token).bearer("x").send().await;
    assert_eq!(twice.verdict(), "400 invalid_request");
    let basic = server.call("GET", &path).basic("x", &token).send().await;
    assert_eq!(basic.verdict(), "401 invalid_token");
}

#[tokio::test]
async fn an_address_registers_so_many_an_hour() {
    let server = Server::start_with(|config| {
        config.registration.mode = RegistrationMode::Open;
        config.registration.per_hour = 3;
    })
    .await;
    for _ in 0..3 {
        assert_eq!(register(&server, &shop()).await.status, 201);
    }
    let refused = register(&server, &shop()).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1200"));
    let elsewhere = call(&server, "POST", "/register", &shop()).sent_from("192.0.2.8");
    assert_eq!(elsewhere.send().await.status, 201);
    server.advance(Duration::from_mins(20));
    assert_eq!(register(&server, &shop()).await.status, 201);
}

#[tokio::test]
async fn an_initial_access_token_is_a_token_of_an_operators_client() {
    let server = Server::start_with(|config| config.registration.mode = RegistrationMode::Token);
    let server = server.await;
    server.add_user("ada").await;
    let scope = |text: &str| text.parse().expect("a scope");
    server.add_confidential("ops", |policy| policy.scope = scope("register")).await;
    server.add_confidential("other", |policy| policy.scope = scope("openid")).await;
    server.add_app("app", |policy| policy.scope = scope("openid register")).await;
    let own = async |id: &str| {
        let call = server.call("POST", "/token").basic(id, SECRET);
        call.form(&[("grant_type", "client_credentials")]).send().await.text("access_token")
    };
    let with = |token: &str| call(&server, "POST", "/register", &shop()).bearer(token).send();
    let of_ops = own("ops").await;
    for _ in 0..2 {
        let registered = with(&of_ops).await;
        assert_eq!(registered.status, 201, "{}", registered.body);
    }
    assert_eq!(with(&own("other").await).await.verdict(), "403 insufficient_scope");
    let of_user = server.sign_in().await.access;
    assert_eq!(with(&of_user).await.verdict(), "403 insufficient_scope");
    assert_eq!(with("garbage").await.verdict(), "401 invalid_token");
    assert_eq!(register(&server, &shop()).await.status, 401);
}
