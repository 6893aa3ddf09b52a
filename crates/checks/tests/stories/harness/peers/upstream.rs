//! A service behind a gateway: it answers with what it got, streams, speaks WebSocket, and
//! remembers every request.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::{SinkExt as _, StreamExt as _, TryStreamExt as _, stream};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::AbortHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// The method.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// The headers.
    pub(crate) headers: HeaderMap,
}

/// A service that answers; clones are the same one.
///
/// `/stream/..` sends a first line and then what [`Upstream::say`] says, `/silent/..` never
/// answers, `/status/404` answers 404, `/ws/..` is a WebSocket that repeats what it hears, and
/// everything else answers with the request as JSON: `method`, `target`, `version`, `headers` (a
/// list of pairs) and `body`.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    voice: broadcast::Sender<Bytes>,
    _serving: Arc<Serving>,
}

#[derive(Debug)]
struct Serving(AbortHandle);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Clone, Debug)]
struct Shared {
    received: Arc<Mutex<Vec<Received>>>,
    voice: broadcast::Sender<Bytes>,
}

impl Upstream {
    /// Starts one on a port of its own.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let received = Arc::new(Mutex::new(Vec::new()));
        let voice = broadcast::Sender::new(1_024);
        let shared = Shared { received: Arc::clone(&received), voice: voice.clone() };
        let router = axum::Router::new().fallback(answer).with_state(shared);
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let serving = Arc::new(Serving(serving.abort_handle()));
        Self { address, received, voice, _serving: serving }
    }

    /// Its table in a rules file, under this name.
    pub(crate) fn table(&self, name: &str) -> String {
        format!("[upstream.{name}]\nurl = \"http://{}\"\n", self.address)
    }

    /// Every request so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a line on every open stream: on how many.
    pub(crate) fn say(&self, line: &str) -> usize {
        self.voice.send(Bytes::from(format!("{line}\n"))).unwrap_or_default()
    }

    /// How many streams are open.
    pub(crate) fn streams(&self) -> usize {
        self.voice.receiver_count()
    }
}

async fn answer(State(shared): State<Shared>, mut request: Request) -> Response {
    let received = Received {
        method: request.method().to_string(),
        target: request.uri().to_string(),
        headers: request.headers().clone(),
    };
    shared.received.lock().unwrap_or_else(PoisonError::into_inner).push(received);
    let path = request.uri().path().to_owned();
    if path.starts_with("/ws/") {
        return websocket(&mut request);
    }
    if path.starts_with("/stream/") {
        return stream(&shared.voice);
    }
    if path.starts_with("/silent/") {
        return std::future::pending().await;
    }
    if let Some(status) = path.strip_prefix("/status/") {
        let status = status.parse().expect("a status");
        return StatusCode::from_u16(status).expect("a status").into_response();
    }
    echo(request).await
}

async fn echo(request: Request) -> Response {
    let (head, body) = request.into_parts();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<(String, String)> =
        head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let answer: Value = json!({
        "method": head.method.as_str(),
        "target": head.uri.to_string(),
        "version": format!("{:?}", head.version),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
    });
    axum::Json(answer).into_response()
}

fn stream(voice: &broadcast::Sender<Bytes>) -> Response {
    let first = stream::once(async { Ok(Bytes::from_static(b"begun\n")) });
    let rest = stream::unfold(voice.subscribe(), async |mut voice| {
        let line = voice.recv().await.ok()?;
        Some((Ok::<_, std::io::Error>(line), voice))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(first.chain(rest)))
        .into_response()
}

fn websocket(request: &mut Request) -> Response {
    let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY) else {
        return StatusCode::UPGRADE_REQUIRED.into_response();
    };
    let accept = derive_accept_key(key.as_bytes());
    let upgraded = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgraded.await else { return };
        let socket =
            WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        let (mut sink, heard) = socket.split();
        let mut spoken = heard.try_filter(|m| std::future::ready(m.is_text() || m.is_binary()));
        // It ends with the first error on either side.
        let _ = sink.send_all(&mut spoken).await;
    });
    let upgrade = [
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, HeaderValue::from_str(&accept).expect("base64")),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, upgrade).into_response()
}
