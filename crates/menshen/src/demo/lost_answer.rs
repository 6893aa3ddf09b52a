//! A request whose answer is lost for real: sent on a raw socket, which is closed when the
//! answer has arrived and before a byte of it was read.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use url::{Url, form_urlencoded};

/// Posts a form with a retry key, and never reads the answer. What is returned is the answer as
/// it lay in the socket, for whoever tells the story: the app has not seen it.
pub(super) async fn post(url: &str, retry_key: &str, form: &[(&str, &str)]) -> Result<String> {
    let url = Url::parse(url).context("failed to read the URL")?;
    let authority = url.authority();
    let body: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {authority}\r\nidempotency-key: {retry_key}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{body}",
        path = url.path(),
        length = body.len(),
    );
    let mut socket = TcpStream::connect(authority).await.context("failed to connect")?;
    socket.write_all(request.as_bytes()).await.context("failed to send")?;
    tokio::time::timeout(Duration::from_secs(10), arrived(&socket))
        .await
        .context("no answer came")?
}

/// Waits for the whole answer. Peeking leaves it where it is: arrived, and unread.
async fn arrived(socket: &TcpStream) -> Result<String> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = socket.peek(&mut buffer).await.context("no answer came")?;
        let answer = String::from_utf8_lossy(&buffer[..length]);
        if answer.trim_end().ends_with('}') || length == 0 {
            return Ok(answer.into_owned());
        }
        tokio::task::yield_now().await;
    }
}
