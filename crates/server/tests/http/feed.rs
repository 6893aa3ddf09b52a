//! The feed over a real socket: what a stream begins with, what it goes on with, when it falls
//! silent and when it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::StreamExt as _;
use menshen_domain::Secret;
use menshen_domain::client::{Client, ClientPolicy, Renewal};
use menshen_server::config::{Config, Sources};
use menshen_server::{App, SystemEntropy};
use menshen_store::Target;
use menshen_token::{Clock as _, Frame, Jti, ManualClock, Poll, Reason, Seq, Timestamp, jws};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

const PATIENCE: Duration = Duration::from_secs(10);
const HEARTBEAT: Duration = Duration::from_millis(100);

/// A server on a socket, whose clock the test moves.
struct Node {
    app: App,
    clock: Arc<ManualClock>,
    url: String,
    http: reqwest::Client,
}

impl Node {
    /// A node on a database that others may have worked on before.
    async fn start(folder: &TempDir) -> Self {
        let data = folder.path().to_str().expect("a path in UTF-8").to_owned();
        let flag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let flags = vec![flag("data", &data), flag("feed.heartbeat", "100ms")];
        let mut config = Config::load(&Sources { flags, ..Sources::default() }).expect("valid");
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let address = socket.local_addr().expect("an address");
        config.issuer = format!("http://{address}").parse().expect("a URL");
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_767_225_600)));
        let app = menshen_server::open(config, clock.clone(), Arc::new(SystemEntropy));
        let app = app.await.expect("a server");
        let service = menshen_server::router(app.clone());
        let service = service.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(socket, service).await });
        for (id, scope) in
            [("api", "revocations:read"), ("other", "revocations:read"), ("plain", "x")]
        {
            let client = client(id, scope, clock.now());
            // The second node on a folder finds them there.
            let _ = app.store.create_client(&client).await;
        }
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { app, clock, url: format!("http://{address}"), http }
    }

    async fn token(&self, client_id: &str) -> String {
        let request = self.http.post(format!("{}/token", self.url));
        let request = request.basic_auth(client_id, Some("secret"));
        let answer = request.form(&[("grant_type", "client_credentials")]).send().await;
        let answer: Value = answer.expect("an answer").json().await.expect("JSON");
        answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
    }

    fn feed(&self, token: &str, query: &str) -> RequestBuilder {
        self.http.get(format!("{}/feed{query}", self.url)).bearer_auth(token)
    }

    async fn follow(&self, after: Option<u64>) -> Stream {
        self.follow_as("api", after).await
    }

    async fn follow_as(&self, client_id: &str, after: Option<u64>) -> Stream {
        let mut request = self.feed(&self.token(client_id).await, "?verifier=test");
        if let Some(after) = after {
            request = request.header("last-event-id", after.to_string());
        }
        Stream::open(request).await
    }

    async fn acknowledge(&self, token: &str, stream: &str, seq: u64) -> u16 {
        let request = self.http.post(format!("{}/feed/ack", self.url)).bearer_auth(token);
        let answer = request.json(&json!({ "stream": stream, "seq": seq })).send().await;
        answer.expect("an answer").status().as_u16()
    }

    /// Ends a token; the receipt, and which preference was heeded.
    async fn log_out(&self, victim: &str, prefer: &str) -> (Value, Option<String>) {
        let request = self.http.post(format!("{}/account/logout", self.url));
        let answer = request.bearer_auth(victim).header("prefer", prefer).send().await;
        let answer = answer.expect("an answer");
        let applied = answer.headers().get("preference-applied").cloned();
        let body = answer.json().await.expect("JSON");
        (body, applied.map(|applied| applied.to_str().expect("text").to_owned()))
    }

    /// Revokes tokens that were never issued, one entry each.
    async fn append(&self, count: u8) {
        for number in 0..count {
            let jti = Jti::from_bytes([number; 16]);
            let seq = self.app.store.head().await.expect("a head").seq.0;
            let bytes = (u128::from(seq) << 32 | jti.as_u128() & 0xff).to_be_bytes();
            let expires_at = self.clock.now() + Duration::from_mins(10);
            let target = Target::Token { jti: Jti::from_bytes(bytes), expires_at };
            self.app
                .store
                .revoke(&target, Reason::Admin, self.clock.now())
                .await
                .expect("appended");
        }
    }
}

fn client(id: &str, scope: &str, now: Timestamp) -> Client {
    let policy = ClientPolicy {
        scope: scope.parse().expect("a scope"),
        renewal: Renewal::None,
        ..ClientPolicy::default()
    };
    Client {
        secret_hash: Some(Secret::new("secret".to_owned()).hash()),
        ..Client::new(id.parse().expect("a client id"), id.to_owned(), policy, now)
    }
}

/// A stream as a follower sees it.
struct Stream {
    response: reqwest::Response,
    unread: String,
    name: String,
}

impl Stream {
    async fn open(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut stream = Self { response, unread: String::new(), name: String::new() };
        let (event, _, data) = stream.event().await.expect("a greeting");
        assert_eq!(event, "stream");
        let greeting: Value = serde_json::from_str(&data).expect("JSON");
        greeting["stream"].as_str().expect("a name").clone_into(&mut stream.name);
        stream
    }

    /// The next event: name, id and data; `None` when the stream has ended.
    async fn event(&mut self) -> Option<(String, Option<String>, String)> {
        let end = loop {
            if let Some(end) = self.unread.find("\n\n") {
                break end;
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("the stream goes on or ends").ok().flatten()?;
            self.unread.push_str(std::str::from_utf8(&chunk).expect("whole characters"));
        };
        let event: String = self.unread.drain(..end + 2).collect();
        let field = |name: &str| {
            let mut lines = event.lines().filter_map(|line| line.strip_prefix(name));
            lines.next().map(str::to_owned)
        };
        Some((field("event: ").expect("a name"), field("id: "), field("data: ").expect("data")))
    }

    /// The next frame that is no heartbeat.
    async fn frame(&mut self) -> Option<Frame> {
        loop {
            match self.any_frame().await? {
                Frame::Heartbeat { .. } => {}
                frame => return Some(frame),
            }
        }
    }

    async fn any_frame(&mut self) -> Option<Frame> {
        let (event, id, data) = self.event().await?;
        let frame = Frame::parse(&event, &data).expect("a frame of the specification");
        assert_eq!(id, frame.resume_point().map(|seq| seq.to_string()), "{event} {data}");
        Some(frame)
    }

    /// The position of the next heartbeat; nothing else may come before it.
    async fn heartbeat(&mut self) -> u64 {
        match self.any_frame().await {
            Some(Frame::Heartbeat { head, .. }) => head.0,
            other => panic!("no heartbeat but {other:?}"),
        }
    }

    async fn ends(&mut self) -> bool {
        while let Some((_, _, data)) = self.event().await {
            assert!(!data.is_empty());
        }
        true
    }
}

fn positions(frame: Option<Frame>) -> (&'static str, Vec<u64>) {
    let frame = frame.expect("a frame");
    let entries = match &frame {
        Frame::Snapshot { entries, .. } | Frame::Append { entries } => entries,
        Frame::Heartbeat { .. } => return (frame.event(), Vec::new()),
    };
    (frame.event(), entries.iter().map(|entry| entry.seq.0).collect())
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[tokio::test]
async fn a_stream_begins_with_everything_and_goes_on_with_news() {
    let folder = folder();
    let node = Node::start(&folder).await;
    node.append(2).await;
    let mut stream = node.follow(None).await;
    let snapshot = stream.any_frame().await.expect("a frame");
    assert!(matches!(snapshot, Frame::Snapshot { head: Seq(2), last: true, .. }), "{snapshot:?}");
    assert_eq!(positions(Some(snapshot)), ("snapshot", vec![1, 2]));
    assert_eq!(stream.heartbeat().await, 2);
    node.append(1).await;
    assert_eq!(positions(stream.frame().await), ("append", vec![3]));
    assert_eq!(stream.heartbeat().await, 3);
}

#[tokio::test]
async fn a_long_snapshot_comes_in_parts() {
    let folder = folder();
    let node = Node::start(&folder).await;
    for _ in 0..10 {
        node.append(101).await;
    }
    let mut stream = node.follow(None).await;
    let first = stream.any_frame().await.expect("a frame");
    assert!(matches!(first, Frame::Snapshot { head: Seq(1010), last: false, .. }));
    assert_eq!(positions(Some(first)).1, (1..=1_000).collect::<Vec<_>>());
    let last = stream.any_frame().await.expect("a frame");
    assert!(matches!(last, Frame::Snapshot { head: Seq(1010), last: true, .. }));
    assert_eq!(positions(Some(last)).1, (1_001..=1_010).collect::<Vec<_>>());
    assert_eq!(stream.heartbeat().await, 1_010);
}

#[tokio::test]
async fn a_resume_point_is_gone_on_from_out_of_memory_and_out_of_the_store() {
    let folder = folder();
    let node = Node::start(&folder).await;
    node.append(3).await;
    let mut stream = node.follow(Some(1)).await;
    assert_eq!(positions(stream.any_frame().await), ("append", vec![2, 3]));
    // A node that has just started holds nothing in memory.
    let other = Node::start(&folder).await;
    let mut stream = other.follow(Some(1)).await;
    assert_eq!(positions(stream.any_frame().await), ("append", vec![2, 3]));
    let mut stream = other.follow(Some(3)).await;
    assert_eq!(stream.heartbeat().await, 3);
}

#[tokio::test]
async fn a_resume_point_that_cannot_be_gone_on_from_gets_everything() {
    let folder = folder();
    let node = Node::start(&folder).await;
    node.append(3).await;
    // Of another log, or of one that was put back from a backup.
    let mut stream = node.follow(Some(9)).await;
    assert_eq!(positions(stream.any_frame().await), ("snapshot", vec![1, 2, 3]));
    // Behind what was cleaned up.
    node.clock.advance(Duration::from_hours(1));
    node.append(1).await;
    while node.app.store.delete_expired(node.clock.now(), 100).await.expect("deleted") > 0 {}
    let head = node.app.store.head().await.expect("a head");
    assert_eq!((head.seq, head.compacted_through), (Seq(4), Seq(3)));
    let other = Node::start(&folder).await;
    other.clock.advance(Duration::from_hours(1));
    let mut stream = other.follow(Some(2)).await;
    assert_eq!(positions(stream.any_frame().await), ("snapshot", vec![4]));
    let mut stream = other.follow(Some(3)).await;
    assert_eq!(positions(stream.any_frame().await), ("append", vec![4]));
}

#[tokio::test]
async fn what_another_process_appends_arrives() {
    let folder = folder();
    let (node, other) = (Node::start(&folder).await, Node::start(&folder).await);
    let mut stream = node.follow(None).await;
    assert_eq!(positions(stream.frame().await), ("snapshot", vec![]));
    other.append(1).await;
    assert_eq!(positions(stream.frame().await), ("append", vec![1]));
}

#[tokio::test]
async fn a_stream_falls_silent_while_the_log_cannot_be_read() {
    let folder = folder();
    let node = Node::start(&folder).await;
    let mut stream = node.follow(None).await;
    assert_eq!(positions(stream.frame().await), ("snapshot", vec![]));
    node.app.store.clone().close().await;
    let silent = tokio::time::timeout(PATIENCE, async {
        while tokio::time::timeout(10 * HEARTBEAT, stream.event()).await.is_ok_and(|e| e.is_some())
        {
        }
    });
    assert!(silent.await.is_ok(), "heartbeats went on without a database");
}

#[tokio::test]
async fn a_stream_does_not_outlive_its_token() {
    let folder = folder();
    let node = Node::start(&folder).await;
    let mut expiring = node.follow(None).await;
    assert_eq!(positions(expiring.frame().await).0, "snapshot");
    node.clock.advance(Duration::from_mins(11));
    assert!(expiring.ends().await);

    let mut dying = node.follow(None).await;
    let mut other = node.follow_as("other", None).await;
    assert_eq!(positions(dying.frame().await).0, "snapshot");
    assert_eq!(positions(other.frame().await).0, "snapshot");
    let id = "api".parse().expect("a client id");
    node.clock.advance(Duration::from_millis(1));
    node.app.store.disable_client(&id, node.clock.now()).await.expect("disabled");
    assert_eq!(positions(dying.frame().await), ("append", vec![1]));
    assert!(dying.ends().await);
    assert_eq!(positions(other.frame().await), ("append", vec![1]));
    assert_eq!(other.heartbeat().await, 1);
}

#[tokio::test]
async fn acknowledgements_are_counted_in_the_receipt() {
    let folder = folder();
    let node = Node::start(&folder).await;
    let (token, other) = (node.token("api").await, node.token("other").await);
    let mut stream = node.follow(None).await;
    assert_eq!(positions(stream.frame().await).0, "snapshot");
    let revoke = async |wait| node.log_out(&node.token("plain").await, wait).await;
    let (receipt, applied) = revoke("handling=lenient").await;
    assert_eq!((&receipt["position"], applied), (&json!(1), None));
    assert_eq!(receipt["verifiers"], json!({ "connected": 1, "acknowledged": 0 }));
    let (receipt, applied) = revoke("wait=0").await;
    assert_eq!((&receipt["position"], applied), (&json!(2), Some("wait=0".to_owned())));
    assert_eq!(receipt["verifiers"], json!({ "connected": 1, "acknowledged": 0 }));

    let name = stream.name.clone();
    assert_eq!(node.acknowledge(&other, &name, 2).await, 404);
    assert_eq!(node.acknowledge(&token, "nobody", 2).await, 404);
    let ((receipt, _), ()) = tokio::join!(revoke("wait=20"), async {
        while !positions(stream.frame().await).1.contains(&3) {}
        assert_eq!(node.acknowledge(&token, &name, 4).await, 400, "nobody has read that");
        assert_eq!(node.acknowledge(&token, &name, 3).await, 204);
        assert_eq!(node.acknowledge(&token, &name, 2).await, 204, "late, and known");
    });
    assert_eq!(receipt["verifiers"], json!({ "connected": 1, "acknowledged": 1 }));
    drop(stream);
    let deadline = tokio::time::timeout(PATIENCE, async {
        while revoke("wait=0").await.0["verifiers"]["connected"] != json!(0) {}
    });
    assert!(deadline.await.is_ok(), "a stream that is gone still counts");
}

#[tokio::test]
async fn what_had_ended_before_is_not_waited_for() {
    let folder = folder();
    let node = Node::start(&folder).await;
    let _stream = node.follow(None).await;
    let victim = node.token("plain").await;
    assert_eq!(node.log_out(&victim, "wait=0").await.1.as_deref(), Some("wait=0"));
    let again = tokio::time::timeout(PATIENCE, node.log_out(&victim, "wait=30")).await;
    let (receipt, applied) = again.expect("an answer at once");
    assert_eq!(applied, None);
    assert_eq!(receipt["verifiers"], json!({ "connected": 1, "acknowledged": 0 }));
}

#[tokio::test]
async fn a_follower_that_takes_nothing_does_not_count() {
    let folder = folder();
    let node = Node::start(&folder).await;
    let token = node.token("api").await;
    let mut request = Request::get("/feed").header("authorization", format!("Bearer {token}"));
    let peer: SocketAddr = "192.0.2.7:50000".parse().expect("an address");
    request.extensions_mut().expect("valid so far").insert(ConnectInfo(peer));
    let request = request.body(Body::empty()).expect("a request");
    let answer = menshen_server::router(node.app.clone()).oneshot(request).await;
    let mut events = answer.expect("an answer").into_body().into_data_stream();
    let connected = async || {
        let victim = node.token("plain").await;
        node.log_out(&victim, "wait=0").await.0["verifiers"]["connected"].clone()
    };
    assert!(events.next().await.is_some());
    assert_eq!(connected().await, json!(1));
    node.clock.advance(Duration::from_secs(11));
    assert_eq!(connected().await, json!(0));
    assert!(events.next().await.is_some());
    assert_eq!(connected().await, json!(1));
}

#[tokio::test]
async fn a_position_read_at_another_node_is_acknowledged_at_this_one() {
    let folder = folder();
    let (node, other) = (Node::start(&folder).await, Node::start(&folder).await);
    let token = node.token("api").await;
    let stream = node.follow(None).await;
    // Faster than this node looks at the log.
    for seq in 1..=20 {
        other.append(1).await;
        assert_eq!(node.acknowledge(&token, &stream.name, seq).await, 204, "{seq}");
    }
    assert_eq!(node.acknowledge(&token, &stream.name, 21).await, 400, "nobody has read that");
}

#[tokio::test]
async fn a_poll_says_the_same_and_is_signed() {
    let folder = folder();
    let node = Node::start(&folder).await;
    node.append(3).await;
    let token = node.token("api").await;
    let poll = async |query: &str| {
        let request = node.feed(&token, query).header("accept", "application/json");
        let answer = request.send().await.expect("an answer");
        let signature =
            answer.headers()["menshen-feed-signature"].to_str().expect("text").to_owned();
        let body = answer.bytes().await.expect("a body");
        let compact = signature.replacen("..", &format!(".{}.", URL_SAFE_NO_PAD.encode(&body)), 1);
        let signed = jws::Compact::parse(&compact, usize::MAX).expect("a JWS");
        assert!(signed.header.is_type("revocation-feed+jwt"));
        let keys = node.app.keyring.public();
        let key = keys.find(signed.header.key_id.as_ref().expect("a kid")).expect("a known key");
        signed.verify(key).expect("our signature");
        let poll: Poll = serde_json::from_slice(&body).expect("a poll");
        let positions: Vec<u64> = poll.entries.iter().map(|entry| entry.seq.0).collect();
        (poll.snapshot, poll.head.0, positions)
    };
    assert_eq!(poll("").await, (true, 3, vec![1, 2, 3]));
    assert_eq!(poll("?after=1").await, (false, 3, vec![2, 3]));
    assert_eq!(poll("?after=3").await, (false, 3, vec![]));
    assert_eq!(poll("?after=4").await, (true, 3, vec![1, 2, 3]));
}

#[tokio::test]
async fn the_feed_is_for_those_who_may_read_it() {
    let folder = folder();
    let node = Node::start(&folder).await;
    let (reader, plain) = (node.token("api").await, node.token("plain").await);
    let status = async |request: RequestBuilder| {
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.headers().get("www-authenticate").is_some())
    };
    let nobody = node.http.get(format!("{}/feed", node.url));
    assert_eq!(status(nobody).await, (401, true));
    assert_eq!(status(node.feed("x.y.z", "")).await, (401, true));
    assert_eq!(status(node.feed(&plain, "")).await, (403, true));
    for query in ["?after=x", "?after=-1", "?verifier=", "?verifier=a%20b", "?from=1"] {
        assert_eq!(status(node.feed(&reader, query)).await, (400, false), "{query}");
    }
    let garbage = node.feed(&reader, "").header("last-event-id", "garbage");
    assert_eq!(status(garbage).await, (400, false));
    assert_eq!(status(node.http.post(format!("{}/feed", node.url))).await, (405, false));
    assert_eq!(node.acknowledge(&plain, "x", 0).await, 403);
    let url = format!("{}/feed/ack", node.url);
    for body in ["", "{}", "{\"stream\":1,\"seq\":1}", "{\"stream\":\"x\",\"seq\":-1}"] {
        let request = node.http.post(&url).bearer_auth(&reader);
        let request = request.header("content-type", "application/json").body(body);
        assert_eq!(status(request).await, (400, false), "{body}");
    }
}
