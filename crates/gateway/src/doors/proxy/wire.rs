//! The bytes of a client's connection, and what it is doing: each state has a time of its own, and
//! so has a client that takes none of its answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};

/// What one connection is doing.
#[derive(Debug)]
pub(super) struct Activity {
    under_way: AtomicUsize,
    head_begun: AtomicBool,
    multiplexed: AtomicBool,
    changed: Notify,
}

/// A state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A request is being served.
    Busy,
    /// The head of a request has begun, or is due on a new connection.
    Head,
    /// Waiting for the next request.
    Idle,
}

impl Activity {
    /// A connection that was just accepted.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            under_way: AtomicUsize::new(0),
            head_begun: AtomicBool::new(true),
            multiplexed: AtomicBool::new(false),
            changed: Notify::new(),
        })
    }

    /// What it is doing now.
    pub(super) fn state(&self) -> State {
        if self.under_way.load(Ordering::Acquire) > 0 {
            State::Busy
        } else if self.head_begun.load(Ordering::Acquire) {
            State::Head
        } else {
            State::Idle
        }
    }

    /// Waits for another state.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Bytes have come in.
    pub(super) fn received(&self) {
        // On HTTP/2 they may be about the connection and begin no request.
        if self.under_way.load(Ordering::Acquire) == 0
            && !self.multiplexed.load(Ordering::Relaxed)
            && !self.head_begun.swap(true, Ordering::AcqRel)
        {
            self.changed.notify_one();
        }
    }

    /// A request begins; it ends when what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>, version: http::Version) -> UnderWay {
        if version == http::Version::HTTP_2 {
            self.multiplexed.store(true, Ordering::Relaxed);
        }
        self.head_begun.store(false, Ordering::Release);
        if self.under_way.fetch_add(1, Ordering::AcqRel) == 0 {
            self.changed.notify_one();
        }
        UnderWay(Arc::clone(self))
    }
}

/// A request that is being served.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Activity>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.0.under_way.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.changed.notify_one();
        }
    }
}

/// A client's connection.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    activity: Arc<Activity>,
    patience: Duration,
    /// Runs while the client takes nothing of what is there for it.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Wire<S> {
    /// Gives up on a client that takes nothing for `patience`.
    pub(super) fn new(stream: S, activity: Arc<Activity>, patience: Duration) -> Self {
        Self { stream, activity, patience, stalled: None }
    }

    fn judge<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        stalled.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.received();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.judge(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.judge(context, shut)
    }
}
