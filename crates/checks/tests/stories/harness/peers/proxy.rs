//! A proxy on a real socket that can lose, hold back and count what passes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the proxy does with what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Passes it on.
    Open,
    /// Closes every connection, and every new one at once.
    Cut,
    /// Keeps every connection open and passes nothing on, as a broken network does.
    Stalled,
    /// As `Cut`, but only for connections that ask for the feed.
    FeedCut,
}

/// A proxy in front of one address at a time.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    upstream: Mutex<SocketAddr>,
    mode: watch::Sender<Mode>,
    swallow: AtomicUsize,
    connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

impl Proxy {
    /// A proxy on a port of its own.
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let state = Arc::new(State {
            upstream: Mutex::new(upstream),
            mode: watch::Sender::new(Mode::Open),
            swallow: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            requests: Mutex::default(),
        });
        tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { address, state }
    }

    /// Its base URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes what it does, for open connections too.
    pub(crate) fn set(&self, mode: Mode) {
        self.state.mode.send_replace(mode);
    }

    /// Leads new connections elsewhere.
    pub(crate) fn lead_to(&self, upstream: SocketAddr) {
        *self.state.upstream.lock().expect("nobody panics holding it") = upstream;
    }

    /// Waits for the next answer of the server, throws it away and closes the connection.
    pub(crate) fn lose_next_answer(&self) {
        self.state.swallow.fetch_add(1, Ordering::SeqCst);
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// The request lines seen so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.requests.lock().expect("nobody panics holding it").clone()
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        state.connections.fetch_add(1, Ordering::SeqCst);
        if *state.mode.borrow() == Mode::Cut {
            continue;
        }
        tokio::spawn(carry(client, Arc::clone(&state)));
    }
}

/// Carries one connection until either side, or the mode, ends it.
async fn carry(mut client: TcpStream, state: Arc<State>) {
    let upstream = *state.upstream.lock().expect("nobody panics holding it");
    let Ok(mut server) = TcpStream::connect(upstream).await else { return };
    let mut mode = state.mode.subscribe();
    let (mut to_server, mut to_client) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    let (mut unread, mut asks_for_feed) = (Vec::new(), false);
    loop {
        let now = *mode.borrow_and_update();
        if now == Mode::Cut || (now == Mode::FeedCut && asks_for_feed) {
            return;
        }
        let flows = now != Mode::Stalled;
        tokio::select! {
            changed = mode.changed() => if changed.is_err() { return },
            read = client.read(&mut to_server), if flows => {
                let Ok(count @ 1..) = read else { return };
                unread.extend_from_slice(&to_server[..count]);
                for line in request_lines(&mut unread) {
                    asks_for_feed |= line.contains(" /feed");
                    state.requests.lock().expect("nobody panics holding it").push(line);
                }
                if *mode.borrow() == Mode::FeedCut && asks_for_feed { return }
                if server.write_all(&to_server[..count]).await.is_err() { return }
            }
            read = server.read(&mut to_client), if flows => {
                let Ok(count @ 1..) = read else { return };
                let lose = |left: usize| left.checked_sub(1);
                if state.swallow.fetch_update(Ordering::SeqCst, Ordering::SeqCst, lose).is_ok() {
                    return;
                }
                if client.write_all(&to_client[..count]).await.is_err() { return }
            }
        }
    }
}

/// Takes the request lines out of what a client has sent; keeps what is not yet a whole line.
fn request_lines(unread: &mut Vec<u8>) -> Vec<String> {
    let mut found = Vec::new();
    while let Some(end) = unread.windows(2).position(|pair| pair == b"\r\n") {
        let line: Vec<u8> = unread.drain(..end + 2).collect();
        // A body has no line end, so a request line may follow one directly.
        let line = String::from_utf8_lossy(&line[..end]).into_owned();
        if line.ends_with(" HTTP/1.1") {
            found.push(line);
        }
    }
    found
}
