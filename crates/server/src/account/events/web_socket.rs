//! A stream as a WebSocket (RFC 6455), for React Native, which can send headers with one and cannot
//! read an answer bit by bit. What the app says is not listened to.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use tokio::time::timeout;

use super::listener::{Listener, Sign};

/// The longest message that is read. There is none to be read but pongs, which are shorter.
const MAX_BYTES: usize = 512;

/// How many messages an app may send between two signs of life.
const MAX_MESSAGES: u32 = 32;

/// How long the connection may take to take a message.
const SEND_WITHIN: Duration = Duration::from_secs(15);

/// How long the other end may take to say goodbye.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// The answer to an opening handshake.
pub(super) fn answer(upgrade: WebSocketUpgrade, listener: Listener) -> Response {
    upgrade
        .max_message_size(MAX_BYTES)
        .max_frame_size(MAX_BYTES)
        .read_buffer_size(MAX_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(16 * MAX_BYTES)
        .on_upgrade(|socket| Conversation { socket, received: 0, unanswered: false }.hold(listener))
}

struct Conversation {
    socket: WebSocket,
    /// Messages since the last sign of life.
    received: u32,
    /// Whether a sign of life has not been answered yet.
    unanswered: bool,
}

impl Conversation {
    async fn hold(mut self, mut listener: Listener) {
        let code = loop {
            tokio::select! {
                sign = listener.next() => match sign {
                    Some(sign) => if self.send(sign).await.is_none() { return },
                    None if listener.is_over() => break close_code::NORMAL,
                    None => break close_code::AWAY,
                },
                received = self.socket.recv() => match received {
                    Some(Ok(message)) => if !self.bears(&message) { break close_code::POLICY },
                    Some(Err(_)) | None => return,
                },
            }
        };
        // Its place is free before the other end has said goodbye.
        drop(listener);
        self.close(code).await;
    }

    /// `None` when nobody is there any more.
    async fn send(&mut self, sign: Sign) -> Option<()> {
        let message = match sign {
            Sign::Event(event) => Message::Text(event.message().into()),
            Sign::Beat if self.unanswered => return None,
            Sign::Beat => {
                (self.unanswered, self.received) = (true, 0);
                Message::Ping(axum::body::Bytes::new())
            }
        };
        timeout(SEND_WITHIN, self.socket.send(message)).await.ok()?.ok()
    }

    fn bears(&mut self, message: &Message) -> bool {
        if matches!(message, Message::Pong(_)) {
            self.unanswered = false;
        }
        self.received += 1;
        self.received <= MAX_MESSAGES
    }

    async fn close(mut self, code: u16) {
        let frame = CloseFrame { code, reason: String::new().into() };
        let goodbye = async {
            let sent = self.socket.send(Message::Close(Some(frame))).await;
            while sent.is_ok() && matches!(self.socket.recv().await, Some(Ok(_))) {}
        };
        // Whoever does not answer is left all the same.
        let _ = timeout(CLOSE_WITHIN, goodbye).await;
    }
}
