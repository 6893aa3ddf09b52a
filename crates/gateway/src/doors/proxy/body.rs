//! Bodies on their way through: never held, only watched.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

use super::live_streams::Lease;
use super::wire::UnderWay;

/// Why a body breaks off.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// The side that sends it broke off.
    #[error("the sender broke off: {0}")]
    Sender(#[from] hyper::Error),
    /// Nothing came for too long.
    #[error("nothing came for too long")]
    Silence,
    /// The session that it was for has ended.
    #[error("the session has ended")]
    SessionEnded,
    /// An endpoint of ours broke off.
    #[error("an endpoint broke off: {0}")]
    Own(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A body as we send it.
pub(super) type Outgoing = http_body_util::combinators::UnsyncBoxBody<Bytes, Broken>;

/// A short body of our own.
pub(super) fn of_text(text: impl Into<Bytes>) -> Outgoing {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

/// No body.
pub(super) fn of_nothing() -> Outgoing {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Counts what has come, so that a slow body is told from a silent one.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<AtomicU64>);

impl Progress {
    /// How many pieces have come.
    pub(super) fn pieces(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A body that breaks off when nothing comes for too long, or when its session ends.
pub(super) struct Watched {
    body: Incoming,
    patience: Duration,
    silent: Option<Pin<Box<Sleep>>>,
    progress: Progress,
    trailers: Trailers,
    lease: Option<Lease>,
    _under_way: Option<UnderWay>,
}

/// What becomes of the headers that come after a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trailers {
    /// They are dropped: no rule has seen them.
    Drop,
    /// They are handed on.
    Pass,
}

impl Watched {
    /// The body of a request.
    pub(super) fn request(body: Incoming, patience: Duration, progress: Progress) -> Self {
        let (silent, lease) = (None, None);
        Self { body, patience, silent, progress, trailers: Trailers::Drop, lease, _under_way: None }
    }

    /// The body of an answer, for as long as the session lives.
    pub(super) fn answer(
        body: Incoming,
        patience: Duration,
        lease: Option<Lease>,
        under_way: UnderWay,
    ) -> Self {
        Self {
            body,
            patience,
            silent: None,
            progress: Progress::default(),
            trailers: Trailers::Pass,
            lease,
            _under_way: Some(under_way),
        }
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        if let Some(lease) = &mut this.lease
            && lease.poll_over(context).is_ready()
        {
            return Poll::Ready(Some(Err(Broken::SessionEnded)));
        }
        loop {
            let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) else {
                let patience = this.patience;
                let silent = this.silent.get_or_insert_with(|| Box::pin(sleep(patience)));
                return silent.as_mut().poll(context).map(|()| Some(Err(Broken::Silence)));
            };
            this.silent = None;
            this.progress.0.fetch_add(1, Ordering::Relaxed);
            match frame {
                Some(Ok(frame)) if frame.is_trailers() && this.trailers == Trailers::Drop => {}
                frame => return Poll::Ready(frame.map(|frame| frame.map_err(Broken::from))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
