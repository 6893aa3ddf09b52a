//! The reverse proxy over raw sockets: what others have tried against proxies, and that nothing of
//! it reaches the service behind.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use menshen_gateway::{Running, Start, SystemEntropy, run};
use menshen_token::SystemClock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const SOON: Duration = Duration::from_secs(20);

/// A gateway that lets `/open/` through and nothing else, and every byte that came out of it.
struct Scene {
    _folder: tempfile::TempDir,
    running: Running,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Scene {
    async fn set(more: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let upstream = listener.local_addr().expect("it listens");
        let heard = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(listen(listener, Arc::clone(&heard)));
        let folder = tempfile::tempdir().expect("a folder");
        let rules = folder.path().join("gateway.toml");
        let text = format!(
            "listen = \"127.0.0.1:0\"\ndecisions = \"127.0.0.1:0\"\n{more}\n\
             [upstream.api]\nurl = \"http://{upstream}\"\n\
             [[rule]]\nname = \"open\"\nhosts = [\"api.example\"]\npaths = [\"/open/**\"]\n\
             access = \"public\"\nupstream = \"api\"\n"
        );
        std::fs::write(&rules, text).expect("written");
        let running = run(Start {
            beside: None,
            rules,
            client_secret: None,
            vault: None,
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
        })
        .await
        .expect("it starts");
        Self { _folder: folder, running, heard }
    }

    fn proxy(&self) -> SocketAddr {
        self.running.proxy.expect("it listens")
    }

    fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().expect("not poisoned")).to_ascii_lowercase()
    }

    /// Sends bytes on a connection of their own; everything that comes back until it is closed.
    async fn send(&self, bytes: &str) -> String {
        let mut stream = TcpStream::connect(self.proxy()).await.expect("it listens");
        stream.write_all(bytes.as_bytes()).await.expect("it reads");
        let mut answer = Vec::new();
        let read = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await;
        // A reset is as good as an end.
        let _ = read.expect("it ends");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// A service that answers each head with 200, and remembers every byte.
async fn listen(listener: TcpListener, heard: Arc<Mutex<Vec<u8>>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let heard = Arc::clone(&heard);
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                heard.lock().expect("not poisoned").extend_from_slice(&buffer[..read]);
                let ends = buffer[..read].windows(4).any(|four| four == b"\r\n\r\n");
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                if ends && stream.write_all(answer).await.is_err() {
                    return;
                }
            }
        });
    }
}

const TAIL: &str = "Connection: close\r\n";

fn request(line: &str, headers: &str, body: &str) -> String {
    format!("{line}\r\n{headers}{TAIL}\r\n{body}")
}

#[tokio::test]
async fn what_could_be_framed_in_two_ways_reaches_nobody() {
    let scene = Scene::set("").await;
    let post = "POST /open/a HTTP/1.1";
    let host = "Host: api.example\r\n";
    let inner = "0\r\n\r\nGET /open/smuggled HTTP/1.1\r\nHost: api.example\r\n\r\n";
    let attacks = [
        request(post, &format!("{host}Transfer-Encoding: xchunked\r\n"), inner),
        request(post, &format!("{host}Transfer-Encoding: chunked, identity\r\n"), inner),
        request(post, &format!("{host}Transfer-Encoding: gzip, chunked\r\n"), inner),
        request(
            post,
            &format!("{host}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"),
            inner,
        ),
        request(post, &format!("{host}Transfer-Encoding : chunked\r\n"), inner),
        request(post, &format!("{host}Content-Length: 3\r\nContent-Length: 4\r\n"), "abcd"),
        request(post, &format!("{host}Content-Length: +3\r\n"), "abc"),
        request(post, &format!("{host}Content-Length: 3, 3\r\n"), "abc"),
        request("POST /open/a HTTP/1.0", &format!("{host}Transfer-Encoding: chunked\r\n"), inner),
        request(post, &format!("{host}X-A: b\r\n Content-Length: 3\r\n"), "abc"),
        request(post, &format!("{host}X-A: b\r\n\tfolded\r\n"), ""),
        request(post, &format!("{host}X\0A: b\r\n"), ""),
        request("GET /open/a HTTP/1.1", "", ""),
        request("GET /open/a HTTP/1.1", "Host: api.example\r\nHost: other.example\r\n", ""),
        request("GET http://other.example/open/a HTTP/1.1", host, ""),
        request("GET /closed HTTP/1.1", host, ""),
        request("GET /open/../closed HTTP/1.1", host, ""),
        request("GET /open/%2e%2e/closed HTTP/1.1", host, ""),
        request("GET /open//closed HTTP/1.1", host, ""),
        request("GET /open/..;/closed HTTP/1.1", host, ""),
        request("GET /open/%2fclosed HTTP/1.1", host, ""),
        request("GET /open/a HTTP/1.1", &format!("{host}X-HTTP-Method-Override: DELETE\r\n"), ""),
        request("CONNECT api.example:443 HTTP/1.1", host, ""),
        request("TRACE /open/a HTTP/1.1", host, ""),
        request("OPTIONS * HTTP/1.1", host, ""),
    ];
    for attack in attacks {
        let answer = scene.send(&attack).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{attack:?}: {answer}");
        assert_eq!(scene.heard(), "", "{attack:?}");
    }
}

#[tokio::test]
async fn what_is_framed_badly_is_framed_anew_and_carries_no_second_request() {
    let scene = Scene::set("").await;
    let host = "Host: api.example\r\n";
    let smuggled = "GET /open/smuggled HTTP/1.1\r\nHost: api.example\r\n\r\n";
    let both = format!("{host}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n");
    let reversed = format!("{host}Transfer-Encoding: chunked\r\nContent-Length: 99\r\n");
    let chunked = format!("{host}Transfer-Encoding: chunked\r\n");
    let trailer = "3;a=b\r\nabc\r\n0\r\nX-Auth-Subject: root\r\nContent-Length: 9\r\n\r\n";
    let attacks = [
        format!("POST /open/a HTTP/1.1\r\n{both}\r\n0\r\n\r\n{smuggled}"),
        format!("POST /open/a HTTP/1.1\r\n{reversed}\r\n0\r\n\r\n{smuggled}"),
        request("POST /open/a HTTP/1.1", &chunked, trailer),
        request("POST /open/a HTTP/1.1", &chunked, "3\nabc\n0\n\n"),
        request("POST /open/a HTTP/1.1", &chunked, "ffffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
        request("POST /open/a HTTP/1.1", &chunked, "3\r\nabcde\r\n0\r\n\r\n"),
    ];
    for attack in attacks {
        scene.send(&attack).await;
        let heard = scene.heard();
        for leaked in ["smuggled", "root", ";a=b", "x-auth-subject: r"] {
            assert!(!heard.contains(leaked), "{attack:?}: {heard}");
        }
    }
}

#[tokio::test]
async fn no_header_of_ours_can_be_sent_or_taken_away() {
    let scene = Scene::set("").await;
    let headers = "Host: api.example\r\nX-Auth-Subject: root\r\nx_auth_subject: root\r\n\
                   X-AUTH_ROLES: root\r\nX-Auth-Roles: root\r\nX-Forwarded-For: 6.6.6.6\r\n\
                   Forwarded: for=6.6.6.6\r\nProxy-Authorization: root\r\nTE: trailers\r\n\
                   Trailer: X-Auth-Subject\r\nAuthorization: Basic root\r\nHTTP2-Settings: root\r\n\
                   Upgrade: h2c\r\nCookie: a=1\r\nCookie: b=2\r\nConnection: x-auth-subject, x-gone\r\n\
                   X-Gone: root\r\n";
    let answer = scene.send(&request("GET /open/a HTTP/1.1", headers, "")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let heard = scene.heard();
    assert!(
        heard.contains("\r\nx-auth-subject: \r\n"),
        "told, and told that it is nobody: {heard}"
    );
    for gone in ["root", "6.6.6.6", "\r\nte:", "\r\ntrailer:", "h2c", "\r\nconnection:"] {
        assert!(!heard.contains(gone), "{gone} in {heard}");
    }
    assert!(heard.contains("a=1") && heard.contains("b=2"), "{heard}");
}

#[tokio::test]
async fn too_much_and_too_slow_are_refused_while_others_are_served() {
    let limits = "[limits]\nhead_within = \"200ms\"\nclose_after_idle = \"200ms\"\n\
                  close_after_silence = \"400ms\"\nheaders = 20\nheader_bytes = 8192\n";
    let scene = Scene::set(limits).await;
    let host = "Host: api.example\r\n";
    let huge = format!("{host}X-A: {}\r\n", "a".repeat(20_000));
    let many = (0..50).map(|n| format!("X-{n}: a\r\n")).collect::<Vec<_>>().concat();
    for headers in [huge, format!("{host}{many}")] {
        let answer = scene.send(&request("GET /open/a HTTP/1.1", &headers, "")).await;
        assert!(answer.starts_with("HTTP/1.1 431") || answer.is_empty(), "{answer}");
    }
    assert_eq!(scene.heard(), "");
    assert_eq!(scene.send("GET /open/slow HTTP/1.1\r\nHost: api").await, "");
    let late = format!("POST /open/slow HTTP/1.1\r\n{host}Content-Length: 10\r\n\r\nabc");
    // The service has answered already; what matters is that the connection is closed.
    scene.send(&late).await;
    let idle = format!("GET /open/a HTTP/1.1\r\n{host}\r\n");
    assert!(scene.send(&idle).await.starts_with("HTTP/1.1 200"), "and then it is closed");
}

#[tokio::test]
async fn at_the_limit_whoever_is_idle_makes_room() {
    let scene = Scene::set("[limits]\nconnections = 4\n").await;
    let request = b"GET /open/a HTTP/1.1\r\nHost: api.example\r\n\r\n";
    let mut idle = Vec::new();
    for _ in 0..12 {
        let mut stream = TcpStream::connect(scene.proxy()).await.expect("it listens");
        stream.write_all(request).await.expect("it reads");
        let mut answer = [0; 12];
        let read = tokio::time::timeout(SOON, stream.read_exact(&mut answer)).await;
        read.expect("served in turn").expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 200");
        idle.push(stream);
    }
}
