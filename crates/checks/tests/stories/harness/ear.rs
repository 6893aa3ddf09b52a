//! An app that waits for the end of its own session, in either of the two ways.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const PATIENCE: Duration = Duration::from_secs(20);

/// How it listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listens {
    /// To Server-Sent Events.
    ServerSent,
    /// To a WebSocket.
    WebSocket,
}

impl Listens {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::ServerSent, Self::WebSocket];
}

/// An open stream.
pub(crate) enum Ear {
    /// An answer, and what has been read of it and is no whole event yet.
    ServerSent(reqwest::Response, String),
    /// A connection.
    WebSocket(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>),
}

impl Ear {
    /// Opens one at a server; the status when that is refused.
    pub(crate) async fn open(way: Listens, base: &str, access: &str) -> Result<Self, u16> {
        let url = format!("{base}/account/events");
        match way {
            Listens::ServerSent => {
                let http = reqwest::Client::builder().no_proxy().build().expect("a client");
                let request = http.get(url).bearer_auth(access);
                let answer = request.header("accept", "text/event-stream").send().await;
                let answer = answer.expect("it answers");
                match answer.status().as_u16() {
                    200 => Ok(Self::ServerSent(answer, String::new())),
                    status => Err(status),
                }
            }
            Listens::WebSocket => {
                let mut request = url.replacen("http", "ws", 1).into_client_request().expect("URL");
                let token = format!("Bearer {access}").parse().expect("a header");
                request.headers_mut().insert("authorization", token);
                match tokio_tungstenite::connect_async(request).await {
                    Ok((socket, _)) => Ok(Self::WebSocket(Box::new(socket))),
                    Err(Error::Http(answer)) => Err(answer.status().as_u16()),
                    Err(error) => panic!("no connection: {error}"),
                }
            }
        }
    }

    /// Opens one that listens.
    #[track_caller]
    pub(crate) fn listening(way: Listens, base: &str, access: &str) -> impl Future<Output = Self> {
        let place = std::panic::Location::caller();
        async move {
            let ear = Self::open(way, base, access).await;
            let mut ear = ear.unwrap_or_else(|status| panic!("{place}: refused with {status}"));
            assert_eq!(ear.hear().await.as_deref(), Some("ready"), "{place}");
            ear
        }
    }

    /// The next event: its name, and its reason when it has one; `None` at the end.
    pub(crate) async fn hear(&mut self) -> Option<String> {
        let heard = tokio::time::timeout(PATIENCE, self.event()).await;
        let (name, data) = heard.expect("it goes on or ends")?;
        let Some(reason) = data["reason"].as_str() else { return Some(name) };
        assert!(data["reason_description"].is_string() && data["sid"].is_string(), "{data}");
        Some(format!("{name} {reason}"))
    }

    /// The last event, after which the server closes.
    pub(crate) async fn last_words(&mut self) -> Option<String> {
        let last = self.hear().await;
        assert_eq!(self.hear().await, None, "nothing comes after {last:?}");
        last
    }

    /// Sends a message, if there is a way to; `false` when nobody takes it.
    pub(crate) async fn say(&mut self, message: Message) -> bool {
        match self {
            Self::ServerSent(..) => false,
            Self::WebSocket(socket) => socket.send(message).await.is_ok(),
        }
    }

    async fn event(&mut self) -> Option<(String, Value)> {
        match self {
            Self::ServerSent(answer, unread) => loop {
                if let Some(end) = unread.find("\n\n") {
                    let event: String = unread.drain(..end + 2).collect();
                    if event.starts_with(':') {
                        continue;
                    }
                    let (name, data) = event.trim_end().split_once('\n').expect("two lines");
                    let name = name.strip_prefix("event: ").expect("a name").to_owned();
                    let data = data.strip_prefix("data: ").expect("data");
                    return Some((name, serde_json::from_str(data).expect("JSON")));
                }
                let bytes = answer.chunk().await.ok().flatten()?;
                unread.push_str(std::str::from_utf8(&bytes).expect("whole characters"));
            },
            Self::WebSocket(socket) => loop {
                match socket.next().await? {
                    Ok(Message::Text(text)) => {
                        let data: Value = serde_json::from_str(&text).expect("JSON");
                        return Some((data["event"].as_str().expect("a name").to_owned(), data));
                    }
                    Ok(_) => {}
                    Err(_) => return None,
                }
            },
        }
    }
}
