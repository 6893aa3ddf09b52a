//! Stock clients that know nothing of tokens get through a gateway by HTTP Basic and Digest, and an
//! opaque token gets through as well; a new password, a logout or a disabled user ends all of it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use menshen_gateway::{Decision, Facts, Gateway, Running, Scheme, Start, SystemEntropy};
use menshen_token::SystemClock;
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::harness::{App, Database, Server, Setup, Wire, app_policy, program, until};

const SOON: Duration = Duration::from_secs(20);
const API: &str = "https://api.example";
const PASSWORD: &str = "a password: with a colon";
const NEW: &str = "another one, much longer";

/// A door of the simplest kind: it answers with what the gateway has decided.
async fn door(
    State(gateway): State<Gateway>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let host = parts.headers.get("host").and_then(|value| value.to_str().ok());
    let facts = Facts {
        method: parts.method,
        scheme: Scheme::Http,
        host: host.unwrap_or_default().to_owned(),
        target: parts.uri.path_and_query().map_or("", |target| target.as_str()).to_owned(),
        headers: parts.headers,
        address: peer.ip(),
    };
    match gateway.decide(&facts).await {
        Decision::Allow(allowed) => {
            let subject: HeaderMap = allowed.headers;
            let subject = subject.get("x-auth-subject").and_then(|value| value.to_str().ok());
            subject.unwrap_or_default().to_owned().into_response()
        }
        Decision::Refuse(refused) => (refused.status(), refused.headers()).into_response(),
        other => panic!("neither: {other:?}"),
    }
}

struct Story {
    server: Server,
    ada: String,
    url: String,
    running: Running,
    _folder: TempDir,
}

impl Story {
    async fn begin() -> Self {
        let server = Setup::on(Database::Sqlite).start().await;
        let operator = server.operator().await;
        let ada = operator.add_user("ada", PASSWORD).await;
        let app = app_policy(&json!({ "access_token_format": "opaque", "audience": [API] }));
        operator.add_app("app", &app).await;
        let edge = json!({ "scope": "gateway revocations:read", "audience": [API] });
        let secret = operator.add_confidential("edge", &edge).await;
        let folder = TempDir::with_prefix("menshen-gateway-").expect("a temporary folder");
        let running = start(&server, &folder, secret).await;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}/files?all=1,2", listener.local_addr().expect("bound"));
        let router = Router::new().fallback(door).with_state(running.gateway().clone());
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let story = Self { server, ada, url, running, _folder: folder };
        until("the gateway is ready", SOON, async || {
            story.running.gateway().readiness().is_ready()
        })
        .await;
        story
    }

    /// What curl gets with these arguments: the status, and the body of a success.
    async fn curl(&self, arguments: &[&str]) -> (String, String) {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--noproxy", "*", "--write-out", "\n%{http_code}"]);
        curl.args(arguments).arg(&self.url);
        let output = curl.output().await.expect("curl runs");
        let text = String::from_utf8(output.stdout).expect("text");
        let (body, status) = text.rsplit_once('\n').expect("the status comes last");
        (status.to_owned(), body.to_owned())
    }

    async fn status(&self, how: &str, password: &str) -> String {
        self.curl(&[how, "--user", &format!("ada:{password}")]).await.0
    }

    /// Turns HTTP Digest on, by the command line.
    async fn turn_digest_on(&self) {
        let mut command = Command::new(program());
        command.args(["user", "digest", "ada", "--password-stdin"]);
        command.env_clear().env("MENSHEN_DATA", self.server.data());
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut process = command.spawn().expect("it starts");
        let mut stdin = process.stdin.take().expect("piped");
        stdin.write_all(PASSWORD.as_bytes()).await.expect("it reads");
        drop(stdin);
        assert!(process.wait().await.expect("it ends").success());
    }
}

async fn start(server: &Server, folder: &TempDir, secret: String) -> Running {
    let rules: PathBuf = folder.path().join("gateway.toml");
    let text = format!(
        r#"
        decisions = "127.0.0.1:0"

        [provider]
        issuer = "{}"
        client_id = "edge"

        [[rule]]
        name = "files"
        hosts = ["127.0.0.1"]
        paths = ["/files"]
        authenticate = ["basic", "digest", "bearer", "reference_token"]
        audiences = ["{API}"]
        "#,
        server.issuer
    );
    std::fs::write(&rules, text).expect("the folder is ours");
    let start = Start {
        rules,
        beside: None,
        client_secret: Some(secret),
        vault: None,
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
    };
    menshen_gateway::run(start).await.expect("it starts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stock_clients_get_through_until_the_password_changes() {
    let story = Story::begin().await;
    assert_eq!(story.curl(&[]).await.0, "401");
    let user = format!("ada:{PASSWORD}");
    let basic = story.curl(&["--basic", "--user", &user]).await;
    assert_eq!(basic, ("200".to_owned(), story.ada.clone()));
    assert_eq!(story.status("--basic", "wrong").await, "401");
    assert_eq!(story.status("--digest", PASSWORD).await, "401", "nobody has turned it on");
    story.turn_digest_on().await;
    let digest = story.curl(&["--digest", "--user", &user]).await;
    assert_eq!(digest, ("200".to_owned(), story.ada.clone()));
    assert_eq!(story.status("--anyauth", PASSWORD).await, "200");
    assert_eq!(story.status("--digest", "wrong").await, "401");

    let operator = story.server.operator().await;
    let path = format!("/admin/users/{}/password", story.ada);
    operator.send(Method::PUT, &path, &json!({ "password": NEW })).await.ok();
    for how in ["--basic", "--digest"] {
        until("the old password is worth nothing", SOON, async || {
            story.status(how, PASSWORD).await == "401"
        })
        .await;
        assert_eq!(story.status(how, NEW).await, "200", "{how}");
    }

    operator.disable_user(&story.ada).await.ok();
    for how in ["--basic", "--digest"] {
        until("nobody gets through", SOON, async || story.status(how, NEW).await == "401").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opaque_token_gets_through_until_the_logout() {
    let story = Story::begin().await;
    let app = App::public(story.server.reached_by(Wire::Connections), "app");
    let tokens = app.sign_in("ada", PASSWORD).await;
    assert!(tokens.access.starts_with("mat_"), "{}", tokens.access);
    let header = format!("Authorization: Bearer {}", tokens.access);
    let send = async || story.curl(&["--header", &header]).await;
    assert_eq!(send().await, ("200".to_owned(), story.ada.clone()));
    app.log_out(&tokens.refresh, "device").await.ok();
    until("the token is dead", SOON, async || send().await.0 == "401").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_the_provider_is_no_wrong_password() {
    let mut story = Story::begin().await;
    assert_eq!(story.status("--basic", PASSWORD).await, "200");
    story.server.kill();
    assert_eq!(story.status("--basic", "never seen before").await, "503");
    story.server.launch().await;
    until("it is told again", SOON, async || story.status("--basic", PASSWORD).await == "200")
        .await;
}
