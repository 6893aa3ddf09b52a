//! One kept connection that sends forms and reads answers, with as little work as possible, so
//! that what is measured is the server.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// One kept connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("it listens");
        stream.set_nodelay(true).expect("a TCP option");
        let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
        tokio::spawn(connection);
        Self { sender, host: address.to_string() }
    }

    /// Sends a form and returns the body of the answer, which must be a success.
    pub(crate) async fn form(&mut self, path: &str, form: String, key: Option<&str>) -> Bytes {
        let mut request = Request::post(path)
            .header("host", &self.host)
            .header("content-type", "application/x-www-form-urlencoded");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Full::from(form)).expect("a request");
        self.sender.ready().await.expect("it is kept");
        let answer = self.sender.send_request(request).await.expect("it answers");
        let status = answer.status();
        let body = answer.into_body().collect().await.expect("it answers").to_bytes();
        assert!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
        body
    }
}

/// A text member of a JSON body whose texts need no escapes.
pub(crate) fn member<'a>(body: &'a [u8], name: &str) -> &'a str {
    let body = std::str::from_utf8(body).expect("JSON is UTF-8");
    let start = format!("\"{name}\":\"");
    let (_, rest) = body.split_once(start.as_str()).expect("the member is there");
    rest.split('"').next().expect("a text ends")
}
