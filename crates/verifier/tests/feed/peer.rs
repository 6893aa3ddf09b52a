//! The other end of the line: an issuer that says exactly what a test tells it to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Form, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use axum_server::tls_rustls::RustlsConfig;
use futures_util::StreamExt;
use menshen_verifier::testing::{START, TestIssuer};
use menshen_verifier::token::{
    Clock, Entry, Frame, Jti, ManualClock, Reason, Revocation, Seq, Timestamp,
};
use menshen_verifier::{Credentials, Verifier, VerifierBuilder};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;

pub(crate) const AUDIENCE: &str = "https://api.example";

/// How old the rules may be. A follower loses patience after three fifths of it in real time,
/// which is longer than any test may take.
pub(crate) const MAX_STALENESS: Duration = Duration::from_mins(1);

/// Longer than anything here takes, shorter than anyone waits.
const DEADLINE: Duration = Duration::from_secs(10);

/// An issuer under the control of a test.
pub(crate) struct Peer {
    pub(crate) tokens: TestIssuer,
    pub(crate) clock: Arc<ManualClock>,
    url: String,
    state: Arc<Answers>,
    connections: UnboundedReceiver<Connection>,
    acknowledgments: UnboundedReceiver<Value>,
}

/// What the peer answers, and what it was asked.
pub(crate) struct Answers {
    url: String,
    pub(crate) script: Mutex<Script>,
    asked: Mutex<HashMap<String, usize>>,
    connections: UnboundedSender<Connection>,
    acknowledgments: UnboundedSender<Value>,
}

pub(crate) struct Script {
    pub(crate) issuer: String,
    pub(crate) keys: Result<Value, StatusCode>,
    pub(crate) introspection: Result<bool, StatusCode>,
    /// The bearer token that the feed takes.
    pub(crate) feed_token: String,
    /// What `/token` hands out.
    pub(crate) granted_token: String,
    /// The last `Authorization` that `/token` and `/introspect` saw.
    pub(crate) authorization: HashMap<String, String>,
}

/// One open feed.
#[derive(Debug)]
pub(crate) struct Connection {
    /// `Last-Event-ID`, which asks to go on.
    pub(crate) resumed: Option<String>,
    /// `?verifier=`.
    pub(crate) verifier: Option<String>,
    lines: UnboundedSender<String>,
}

impl Connection {
    pub(crate) fn send(&self, frame: &Frame) {
        let id = frame.resume_point().map(|seq| format!("id: {seq}\n")).unwrap_or_default();
        self.raw(&format!("{id}event: {}\ndata: {}\n\n", frame.event(), frame.data()));
    }

    pub(crate) fn raw(&self, text: &str) {
        // A verifier that has hung up is what some tests wait for.
        let _ = self.lines.send(text.to_owned());
    }

    pub(crate) fn stream(&self, id: &str) {
        self.raw(&format!("event: stream\ndata: {{\"stream\":\"{id}\"}}\n\n"));
    }

    pub(crate) fn snapshot(&self, head: u64, entries: Vec<Entry>) {
        self.send(&Frame::Snapshot { head: Seq(head), entries, last: true });
    }

    pub(crate) fn append(&self, entries: Vec<Entry>) {
        self.send(&Frame::Append { entries });
    }

    pub(crate) fn heartbeat(&self, head: u64) {
        self.heartbeat_at(head, START);
    }

    pub(crate) fn heartbeat_at(&self, head: u64, now: Timestamp) {
        self.send(&Frame::Heartbeat { head: Seq(head), now });
    }

    /// Whether the verifier still listens.
    pub(crate) fn is_open(&self) -> bool {
        !self.lines.is_closed()
    }
}

impl Peer {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let (peer, routes) = Self::at(url);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        peer
    }

    /// The same over TLS, under a root that only the test knows.
    pub(crate) async fn start_with_tls() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let url = format!("https://{}", listener.local_addr().expect("bound"));
        let (peer, routes) = Self::at(url);
        let (certificate, key) =
            (include_bytes!("tls/issuer.pem"), include_bytes!("tls/issuer-key.pem"));
        let tls = RustlsConfig::from_pem(certificate.to_vec(), key.to_vec()).await;
        let server = axum_server::from_tcp_rustls(listener, tls.expect("a certificate"));
        let server = server.expect("within a runtime");
        tokio::spawn(server.serve(routes.into_make_service()));
        peer
    }

    fn at(url: String) -> (Self, Router) {
        let tokens = TestIssuer::new(url.clone(), AUDIENCE);
        let (connections, opened) = unbounded_channel();
        let (acknowledgments, acknowledged) = unbounded_channel();
        let script = Script {
            issuer: url.clone(),
            keys: Ok(serde_json::to_value(tokens.keys()).expect("a JWK set")),
            introspection: Err(StatusCode::SERVICE_UNAVAILABLE),
            feed_token: "feed-token".to_owned(),
            granted_token: "granted-token".to_owned(),
            authorization: HashMap::new(),
        };
        let state = Arc::new(Answers {
            url: url.clone(),
            script: Mutex::new(script),
            asked: Mutex::default(),
            connections,
            acknowledgments,
        });
        let routes = Router::new()
            .route("/.well-known/oauth-authorization-server", get(metadata))
            .route("/jwks", get(jwks))
            .route("/feed", get(feed))
            .route("/feed/ack", post(acknowledge))
            .route("/token", post(token))
            .route("/introspect", post(introspect))
            .layer(from_fn_with_state(Arc::clone(&state), count))
            .with_state(Arc::clone(&state));
        let clock = tokens.clock();
        let (connections, acknowledgments) = (opened, acknowledged);
        (Self { tokens, clock, url, state, connections, acknowledgments }, routes)
    }

    pub(crate) fn builder(&self) -> VerifierBuilder {
        Verifier::builder(self.url.clone())
            .audience(AUDIENCE)
            .name("orders")
            .credentials(Credentials::token("feed-token"))
            .max_staleness(MAX_STALENESS)
            .clock(self.clock.clone())
    }

    /// A verifier that has had an empty snapshot, and its connection.
    pub(crate) async fn ready(&mut self, builder: VerifierBuilder) -> (Verifier, Connection) {
        let verifier = builder.start().expect("a valid verifier");
        let connection = self.connection().await;
        connection.snapshot(0, Vec::new());
        connection.heartbeat(0);
        within(verifier.ready()).await;
        (verifier, connection)
    }

    /// The next feed that is opened.
    pub(crate) async fn connection(&mut self) -> Connection {
        within(self.connections.recv()).await.expect("the peer lives")
    }

    /// The next acknowledgment.
    pub(crate) async fn acknowledgment(&mut self) -> Value {
        within(self.acknowledgments.recv()).await.expect("the peer lives")
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.state.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often a path was asked for.
    pub(crate) fn asked(&self, path: &str) -> usize {
        let asked = self.state.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get(path).copied().unwrap_or_default()
    }

    /// How many requests there were.
    pub(crate) fn asked_in_all(&self) -> usize {
        self.state.asked.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

/// A rule for one token.
pub(crate) fn entry(seq: u64, jti: Jti) -> Entry {
    Entry {
        seq: Seq(seq),
        revocation: Revocation::Token(jti),
        reason: Reason::Logout,
        appended_at: START,
        expires_at: START + Duration::from_hours(1),
    }
}

/// The clock's reading, moved by so much.
pub(crate) fn advanced(clock: &ManualClock, by: Duration) -> Timestamp {
    clock.advance(by);
    clock.now()
}

pub(crate) async fn within<T>(waited_for: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, waited_for).await.expect("it happens in time")
}

/// Waits until something holds.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(2));
    within(async {
        while !holds() {
            ticks.tick().await;
        }
    })
    .await;
}

async fn count(State(state): State<Arc<Answers>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    *state.asked.lock().unwrap_or_else(PoisonError::into_inner).entry(path).or_default() += 1;
    next.run(request).await
}

async fn metadata(State(state): State<Arc<Answers>>) -> Json<Value> {
    let script = state.script.lock().unwrap_or_else(PoisonError::into_inner);
    Json(json!({ "issuer": script.issuer, "jwks_uri": format!("{}/jwks", state.url) }))
}

async fn jwks(State(state): State<Arc<Answers>>) -> Response {
    let script = state.script.lock().unwrap_or_else(PoisonError::into_inner);
    match &script.keys {
        Ok(keys) => Json(keys.clone()).into_response(),
        Err(status) => status.into_response(),
    }
}

async fn feed(
    State(state): State<Arc<Answers>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let text =
        |name: &str| headers.get(name).map(|value| value.to_str().expect("ASCII").to_owned());
    let expected = {
        let script = state.script.lock().unwrap_or_else(PoisonError::into_inner);
        format!("Bearer {}", script.feed_token)
    };
    if text("authorization") != Some(expected) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let (lines, sent) = unbounded_channel();
    let verifier = query.get("verifier").cloned();
    let opened = Connection { resumed: text("last-event-id"), verifier, lines };
    state.connections.send(opened).expect("the test lives");
    let chunks = UnboundedReceiverStream::new(sent);
    let body = Body::from_stream(chunks.map(|line| Ok::<_, std::io::Error>(Bytes::from(line))));
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

async fn acknowledge(State(state): State<Arc<Answers>>, Json(reached): Json<Value>) -> StatusCode {
    state.acknowledgments.send(reached).expect("the test lives");
    StatusCode::NO_CONTENT
}

fn note(state: &Answers, path: &str, headers: &HeaderMap) {
    let value = headers.get("authorization").and_then(|value| value.to_str().ok());
    let mut script = state.script.lock().unwrap_or_else(PoisonError::into_inner);
    script.authorization.insert(path.to_owned(), value.unwrap_or_default().to_owned());
}

async fn token(
    State(state): State<Arc<Answers>>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Json<Value> {
    note(&state, "/token", &headers);
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(form["scope"], "revocations:read");
    let script = state.script.lock().unwrap_or_else(PoisonError::into_inner);
    Json(json!({
        "access_token": script.granted_token, "token_type": "Bearer", "expires_in": 600,
    }))
}

async fn introspect(
    State(state): State<Arc<Answers>>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    note(&state, "/introspect", &headers);
    assert!(form["token"].starts_with("ey"));
    let script = state.script.lock().unwrap_or_else(PoisonError::into_inner);
    match script.introspection {
        Ok(active) => Json(json!({ "active": active })).into_response(),
        Err(status) => status.into_response(),
    }
}
