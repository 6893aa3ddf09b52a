//! Requests that nobody should send, at every endpoint: the right refusal, no defect of ours,
//! and everybody else is served meanwhile.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Answer, App, Database, Operator, Server, Setup, app_policy};

/// Endpoints that take a form.
const FORMS: &[&str] =
    &["/token", "/authorize-challenge", "/revoke", "/introspect", "/account/logout"];

/// Endpoints that take JSON, with a token.
const DOCUMENTS: &[&str] =
    &["/account/password", "/admin/users", "/admin/clients", "/admin/revocations", "/feed/ack"];

/// Endpoints that are asked.
const QUESTIONS: &[&str] = &[
    "/.well-known/oauth-authorization-server",
    "/jwks",
    "/account/sessions",
    "/feed",
    "/healthz",
    "/readyz",
    "/metrics",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_that_make_no_sense_are_refused_in_the_standard_shape() {
    let story = Story::begin().await;
    let long = format!("client_id=app&token={}", "x".repeat(70_000)).into_bytes();
    let many = "a=b&".repeat(5_000).into_bytes();
    let form = "application/x-www-form-urlencoded";
    let bodies: [(&str, Vec<u8>, &str, &[u16]); 13] = [
        ("no body", Vec::new(), form, &[400, 401]),
        ("garbage", b"\x00\x01\x02".to_vec(), form, &[400, 401]),
        ("twice", b"client_id=app&client_id=app&token=a&token=b".to_vec(), form, &[400]),
        ("bad percent", b"client_id=app&token=%zz%".to_vec(), form, &[200, 400, 401]),
        ("bad UTF-8", b"client_id=app&token=%ff%fe&grant_type=%c0%80".to_vec(), form, &[400]),
        ("raw bad UTF-8", b"client_id=app&token=\xff\xfe".to_vec(), form, &[400]),
        ("NUL", b"client_id=app&token=a%00b&grant_type=%00".to_vec(), form, &[200, 400, 401]),
        (
            "NUL client",
            b"client_id=%00&token=a&grant_type=refresh_token".to_vec(),
            form,
            &[400, 401],
        ),
        ("long", long, form, &[413]),
        ("many", many, form, &[400, 413]),
        ("JSON", b"{\"client_id\":\"app\"}".to_vec(), "application/json", &[415]),
        ("no type", b"client_id=app&token=a".to_vec(), "", &[415, 400, 401]),
        ("multipart", b"--x".to_vec(), "multipart/form-data; boundary=x", &[415]),
    ];
    for path in FORMS {
        for (what, body, kind, expected) in &bodies {
            let headers: Vec<_> =
                (!kind.is_empty()).then_some(("content-type", *kind)).into_iter().collect();
            let answer = story.send(Method::POST, path, body.clone(), &headers).await;
            // A logout and a revocation of what nobody knows are successes.
            let forgiving = matches!(*path, "/account/logout" | "/revoke");
            let fine = expected.contains(&answer.status) && (answer.status != 200 || forgiving);
            assert!(fine, "{path}, {what}: {} {}", answer.status, answer.text);
            refused_well(path, what, &answer);
        }
    }
    story.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_that_make_no_sense_are_refused_in_the_standard_shape() {
    let story = Story::begin().await;
    let user = format!("Bearer {}", story.app.sign_in("ada", "a password").await.access);
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000)).into_bytes();
    let kind = "application/json";
    let bodies: [(&str, Vec<u8>, &str, &[u16]); 12] = [
        ("no body", Vec::new(), kind, &[400]),
        ("truncated", b"{\"username\":\"a".to_vec(), kind, &[400]),
        ("deep", deep, kind, &[400]),
        ("a list", b"[]".to_vec(), kind, &[400]),
        ("null", b"null".to_vec(), kind, &[400]),
        ("a number", b"1e999".to_vec(), kind, &[400]),
        ("bad UTF-8", b"{\"username\":\"\xff\"}".to_vec(), kind, &[400]),
        ("unknown member", b"{\"no_such_member\":1}".to_vec(), kind, &[400]),
        ("twice", b"{\"id\":\"a\",\"id\":\"b\"}".to_vec(), kind, &[400]),
        ("long", vec![b' '; 100_000], kind, &[413]),
        ("a form", b"username=a".to_vec(), "application/x-www-form-urlencoded", &[415]),
        ("no type", b"{}".to_vec(), "", &[415]),
    ];
    for path in DOCUMENTS {
        for (what, body, kind, expected) in &bodies {
            let token = if *path == "/account/password" { &user } else { &story.authorization };
            let mut headers = vec![("authorization", token.as_str())];
            headers.extend((!kind.is_empty()).then_some(("content-type", *kind)));
            let answer = story.send(Method::POST, path, body.clone(), &headers).await;
            assert!(
                expected.contains(&answer.status),
                "{path}, {what}: {} {}",
                answer.status,
                answer.text
            );
            refused_well(path, what, &answer);
        }
    }
    story.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_method_is_told_the_right_one() {
    let story = Story::begin().await;
    let methods = |right: &str| -> Vec<Method> {
        let all = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH];
        all.into_iter().filter(|method| method.as_str() != right).collect()
    };
    let posts = FORMS.iter().chain(["/account/password", "/feed/ack"].iter());
    let posts = posts.map(|path| (*path, "POST"));
    for (path, right) in posts.chain(QUESTIONS.iter().map(|path| (*path, "GET"))) {
        for method in methods(right) {
            let answer = story.send(method.clone(), path, Vec::new(), &[]).await;
            assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text);
            assert!(answer.header("allow").contains(right), "{method} {path}");
            refused_well(path, method.as_str(), &answer);
        }
    }
    for path in ["/nothing", "/token/", "/admin", "/admin/nothing", "/%00", "/..%2f..%2fetc"] {
        let answer = story.send(Method::GET, path, Vec::new(), &[]).await;
        assert!(matches!(answer.status, 401 | 404), "{path}: {} {}", answer.status, answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_are_none_open_nothing() {
    let story = Story::begin().await;
    let long = "a".repeat(20_000);
    let tokens = ["", "x", "a.b.c", "....", "eyJhbGciOiJub25lIn0.e30.", "mrt_x.y.z", &long];
    let paths = ["/userinfo", "/account/sessions", "/admin/users", "/feed", "/account/password"];
    for path in paths {
        let method = if path == "/account/password" { Method::POST } else { Method::GET };
        for token in tokens {
            for scheme in ["Bearer", "bearer", "DPoP", "Basic", "Nonsense"] {
                let authorization = format!("{scheme} {token}");
                let headers = [("authorization", authorization.as_str())];
                let answer = story.send(method.clone(), path, Vec::new(), &headers).await;
                let refused = matches!(answer.status, 400 | 401 | 431);
                assert!(refused, "{path}, {authorization:.40}: {}", answer.status);
            }
        }
        let twice = [("authorization", story.authorization.as_str()); 2];
        let answer = story.send(method.clone(), path, Vec::new(), &twice).await;
        assert!(matches!(answer.status, 400 | 401), "{path}, twice: {}", answer.status);
    }
    story.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_request_end_their_connection_and_nothing_else() {
    let story = Story::begin().await;
    let huge = format!("GET /healthz HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(1_000_000));
    let many: String = (0..5_000).fold(String::new(), |text, n| text + &format!("x-{n}: y\r\n"));
    let many = format!("GET /healthz HTTP/1.1\r\nhost: a\r\n{many}\r\n");
    let smuggled = "POST /token HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\
                    transfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /admin/users HTTP/1.1\r\n\r\n";
    let requests: [(&str, &[u8]); 10] = [
        ("garbage", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03garbage\r\n\r\n"),
        ("no version", b"GET /healthz\r\n\r\n"),
        ("old version", b"GET /healthz HTTP/0.9\r\n\r\n"),
        ("NUL in header", b"GET /healthz HTTP/1.1\r\nhost: a\x00b\r\n\r\n"),
        ("NUL in path", b"GET /health\x00z HTTP/1.1\r\nhost: a\r\n\r\n"),
        (
            "two lengths",
            b"POST /token HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        ),
        ("negative length", b"POST /token HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n"),
        ("huge header", huge.as_bytes()),
        ("many headers", many.as_bytes()),
        ("smuggled", smuggled.as_bytes()),
    ];
    for (what, request) in requests {
        let answer = story.bytes(request).await;
        let first = answer.lines().next().unwrap_or_default().to_owned();
        let refused = first.is_empty() || first.contains(" 4");
        assert!(refused, "{what}: {first}");
        assert!(answer.matches("HTTP/1.1").count() <= 1, "{what}: answered twice: {answer}");
    }
    story.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_dawdle_do_not_keep_others_waiting() {
    let story = Story::begin().await;
    let mut dawdlers = Vec::new();
    for number in 0..300 {
        let mut stream = TcpStream::connect(story.server.address).await.expect("it listens");
        let half: &[u8] = match number % 3 {
            0 => b"",
            1 => b"POST /token HTTP/1.1\r\nhost: a\r\ncontent-le",
            _ => {
                b"POST /token HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\
                   content-type: application/x-www-form-urlencoded\r\n\r\ngrant_type="
            }
        };
        stream.write_all(half).await.expect("it reads");
        dawdlers.push(stream);
    }
    let served = tokio::time::timeout(Duration::from_secs(20), story.is_well()).await;
    assert!(served.is_ok(), "others wait for those who dawdle");
    // Half a header is waited for ten seconds, half a body thirty.
    let deadline = Duration::from_mins(1);
    let waiting = async {
        for mut stream in dawdlers.drain(..) {
            // Whether an answer, an end or a reset: the connection is over.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    };
    assert!(tokio::time::timeout(deadline, waiting).await.is_ok(), "they are kept for ever");
}

struct Story {
    server: Server,
    operator: Operator,
    authorization: String,
    app: App,
}

impl Story {
    async fn begin() -> Self {
        let server = Setup::on(Database::Sqlite).start().await;
        let operator = server.operator().await;
        operator.add_user("ada", "a password").await;
        operator.add_app("app", &app_policy(&json!({}))).await;
        let app = App::public(server.site(), "app");
        let authorization = operator.authorization().to_owned();
        Self { server, operator, authorization, app }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let answer = self.app.site.raw(method, path, body, headers).await.expect("it answers");
        assert!(answer.status < 500, "{path}: {} {}", answer.status, answer.text);
        answer
    }

    /// Writes bytes and reads until the server closes or says no more.
    async fn bytes(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.server.address).await.expect("it listens");
        // It may refuse before it has read everything.
        let _ = stream.write_all(request).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let reading = stream.read_to_end(&mut answer);
        let deadline = tokio::time::timeout(Duration::from_secs(20), reading).await;
        assert!(deadline.is_ok(), "the connection is kept: {:?}", request.get(..30));
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn is_well(&self) {
        let tokens = self.app.sign_in("ada", "a password").await;
        assert!(self.operator.is_active(&tokens.access).await);
        self.app.log_out(&tokens.refresh, "device").await.ok();
        let ready = self.app.site.json(Method::GET, "/readyz", &Value::Null, &[]).await;
        ready.expect("it answers").ok();
        let memory = self.server.memory_mib();
        assert!(memory < 300.0, "it holds {memory} MiB");
    }
}

/// An OAuth error (RFC 6749 section 5.2) or a problem document (RFC 9457).
fn refused_well(path: &str, what: &str, answer: &Answer) {
    if answer.status < 400 || (answer.status == 401 && answer.text == "{}") {
        return;
    }
    let shaped = if answer.header("content-type").starts_with("application/problem+json") {
        answer.body["code"].is_string() && answer.body["status"] == answer.status
    } else {
        answer.body["error"].is_string()
    };
    assert!(shaped, "{path}, {what}: {} {:?}", answer.status, answer.text);
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}, {what}");
}
