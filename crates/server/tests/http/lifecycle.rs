//! The life of a server: its first start, its second one, what keeps it from starting, and how
//! it ends.

use std::cell::RefCell;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use menshen_domain::Secret;
use menshen_server::config::{Config, Sources};
use menshen_server::{Running, StartError, SystemEntropy};
use menshen_token::SystemClock;
use serde_json::{Value, json};

use crate::harness::Server;

const PATIENCE: Duration = Duration::from_secs(20);

async fn start(data: &Path) -> Result<Running, StartError> {
    let flag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let data = data.to_str().expect("a path in UTF-8");
    let flags = vec![flag("data", data), flag("listen", "127.0.0.1:0")];
    let config = Config::load(&Sources { flags, ..Sources::default() }).expect("valid");
    menshen_server::run(config, Arc::new(SystemClock::new()), Arc::new(SystemEntropy)).await
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

async fn admin_token(running: &Running, secret: &Secret) -> String {
    let request = http().post(format!("{}/token", running.issuer));
    let request = request.basic_auth("admin", Some(secret.expose()));
    let answer = request.form(&[("grant_type", "client_credentials")]).send().await;
    let answer: Value = answer.expect("an answer").json().await.expect("JSON");
    answer["access_token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn the_first_start_gives_an_administrator_and_the_second_keeps_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = start(folder.path()).await.expect("started");
    assert_eq!(running.issuer, format!("http://{}", running.address));
    let secret = running.admin_secret.clone().expect("a secret on the first start");
    let token = admin_token(&running, &secret).await;
    let url = format!("{}/admin/users", running.issuer);
    let request = http().post(url).bearer_auth(token).json(&json!({ "username": "ada" }));
    assert_eq!(request.send().await.expect("an answer").status(), 201);
    running.shut_down().await;

    let running = start(folder.path()).await.expect("started again");
    assert!(running.admin_secret.is_none());
    let token = admin_token(&running, &secret).await;
    let request = http().get(format!("{}/admin/users", running.issuer)).bearer_auth(token);
    let users: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(users["users"][0]["username"], json!("ada"));
    running.shut_down().await;
}

#[tokio::test]
async fn a_server_says_that_it_lives_and_is_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = start(folder.path()).await.expect("started");
    let get = async |path: &str| {
        let answer = http().get(format!("{}{path}", running.issuer)).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    };
    assert_eq!(get("/healthz").await, (200, "alive\n".to_owned()));
    let (status, body) = get("/readyz").await;
    assert_eq!((status, body.contains("\"ready\":true")), (200, true), "{body}");
    let (status, body) = get("/metrics").await;
    assert_eq!((status, body.contains("menshen_http_requests_total")), (200, true), "{body}");
    assert_eq!(get("/nothing/here").await.0, 404);
    running.shut_down().await;
}

#[tokio::test]
async fn keys_sealed_by_another_hand_keep_it_from_starting() {
    let folder = tempfile::tempdir().expect("a folder");
    start(folder.path()).await.expect("started").shut_down().await;
    let key = folder.path().join("key-encryption.key");
    std::fs::remove_file(&key).expect("removed");
    let error = start(folder.path()).await.expect_err("another key");
    assert!(told(&error).contains("sealed with another key-encryption key"), "{}", told(&error));
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).expect("opened up");
    let error = start(folder.path()).await.expect_err("a readable key");
    assert!(told(&error).contains("can be read by others"), "{}", told(&error));
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let (one, two) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let running = start(one.path()).await.expect("started");
    let flags = vec![
        ("data".to_owned(), two.path().to_str().expect("UTF-8").to_owned()),
        ("listen".to_owned(), running.address.to_string()),
    ];
    let config = Config::load(&Sources { flags, ..Sources::default() }).expect("valid");
    let error = menshen_server::run(config, Arc::new(SystemClock::new()), Arc::new(SystemEntropy));
    let error = error.await.expect_err("the address is taken");
    assert!(told(&error).starts_with(&format!("cannot listen on {}", running.address)));
    running.shut_down().await;
}

/// An error and what lies behind it.
fn told(error: &StartError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[tokio::test]
async fn a_shut_down_finishes_what_is_under_way_and_ends_the_streams() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = start(folder.path()).await.expect("started");
    let secret = running.admin_secret.clone().expect("a secret");
    let token = admin_token(&running, &secret).await;
    let victim = admin_token(&running, &secret).await;
    let (issuer, http) = (running.issuer.clone(), http());
    let request = http.get(format!("{issuer}/feed")).bearer_auth(&token);
    let mut stream = request.send().await.expect("a stream");
    stream.chunk().await.expect("a greeting");

    // Nobody acknowledges, so that this answer is held back until the streams have ended.
    let request = http.post(format!("{issuer}/account/logout")).bearer_auth(victim);
    let waiting = tokio::spawn(request.header("prefer", "wait=30").send());
    let heard = tokio::time::timeout(PATIENCE, async {
        while let Some(chunk) = stream.chunk().await.expect("a whole stream") {
            if std::str::from_utf8(&chunk).expect("text").contains("event: append") {
                return true;
            }
        }
        false
    });
    assert!(heard.await.expect("in time"));
    let stopping = tokio::spawn(running.shut_down());
    let ended = tokio::time::timeout(PATIENCE, async {
        while stream.chunk().await.expect("a whole stream").is_some() {}
    });
    ended.await.expect("the stream ends");
    let answer = waiting.await.expect("asked").expect("answered");
    assert_eq!(answer.status(), 200);
    tokio::time::timeout(PATIENCE, stopping).await.expect("in time").expect("shut down");
    assert!(http.get(format!("{issuer}/healthz")).send().await.is_err());
}

#[tokio::test]
async fn a_key_that_one_node_withdraws_is_gone_at_the_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = (start(folder.path()).await, start(folder.path()).await);
    let (one, two) = (one.expect("started"), two.expect("started"));
    let secret = one.admin_secret.clone().expect("a secret");
    let token = admin_token(&one, &secret).await;
    let keys = async |running: &Running| -> Vec<String> {
        let answer = http().get(format!("{}/jwks", running.issuer)).send().await;
        let keys: Value = answer.expect("an answer").json().await.expect("JSON");
        let keys = keys["keys"].as_array().expect("keys").iter();
        keys.map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
    };
    let withdrawn = keys(&one).await.remove(0);
    assert!(keys(&two).await.contains(&withdrawn), "both have the same keys");
    let url = format!("{}/admin/keys/{withdrawn}/revoke", one.issuer);
    let answer = http().post(url).bearer_auth(token).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let gone =
        tokio::time::timeout(PATIENCE, async { while keys(&two).await.contains(&withdrawn) {} });
    assert!(gone.await.is_ok(), "the other node still publishes the key");
    one.shut_down().await;
    two.shut_down().await;
}

#[tokio::test]
async fn a_server_without_its_database_lives_and_says_why_it_is_not_ready() {
    let server = Server::start().await;
    assert_eq!(server.call("GET", "/readyz").send().await.status, 200);
    server.app.store.clone().close().await;
    let ready = server.call("GET", "/readyz").send().await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["checks"]["store"]["why"], json!("the database does not answer"));
    assert_eq!(ready.json()["checks"]["keys"], json!({ "ok": true }));
    assert_eq!(server.call("GET", "/healthz").send().await.status, 200);
}

thread_local! {
    /// What was logged on this thread. A subscriber for this thread alone would miss what
    /// another thread has found nobody to listen to before.
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Log;

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_request_has_one_line_and_no_line_has_a_secret() {
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(|| Log)
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("the only one of this binary");
    let server = Server::with_ada().await;
    let tokens = server.sign_in().await;
    let renewed = server.refresh(&tokens.refresh).await.tokens();
    server.userinfo(&renewed.access).await;
    let path = format!("/account/sessions?after={}", renewed.refresh);
    server.call("GET", &path).bearer(&renewed.access).send().await;
    server.post("/account/logout", &[("token", &renewed.refresh)]).await;
    server.post("/token", &[("grant_type", &renewed.access), ("client_id", "app")]).await;
    server.call("GET", &format!("/{}", renewed.access)).send().await;

    let text = String::from_utf8(LOG.with_borrow_mut(std::mem::take)).expect("text");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let answered: Vec<Value> =
        lines.filter(|line| line["fields"]["message"] == json!("answered")).collect();
    assert_eq!(answered.len(), 8, "{text}");
    assert_eq!(answered[1]["span"]["route"], json!("/token"));
    assert_eq!(answered[1]["span"]["client.id"], json!("app"));
    assert_eq!(answered[6]["span"]["error.code"], json!("unsupported_grant_type"));
    for secret in [tokens.access, tokens.refresh, renewed.access, renewed.refresh] {
        let signature = secret.rsplit('.').next().expect("a part");
        assert!(!text.contains(signature), "a token was logged");
    }
    assert!(!text.contains(crate::harness::PASSWORD), "a password was logged");
}
