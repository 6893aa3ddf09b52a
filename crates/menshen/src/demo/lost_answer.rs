//! A request whose answer is lost for real: sent on a raw socket, which is closed when the
//! answer has arrived and before a byte of it was read.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use url::{Url, form_urlencoded};

/// Posts a form with a retry key, and never reads the answer.
pub(super) async fn post(url: &str, retry_key: &str, form: &[(&str, &str)]) -> Result<()> {
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
    // Peeking leaves the answer where it is: arrived, and unread.
    tokio::time::timeout(Duration::from_secs(10), socket.peek(&mut [0]))
        .await
        .context("no answer came")?
        .context("no answer came")?;
    Ok(())
}
