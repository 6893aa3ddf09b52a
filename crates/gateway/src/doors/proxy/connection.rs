//! One connection of a client, from its first byte to its last.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{sleep, timeout};

use super::exchange::Exchange;
use super::sender::Peer;
use super::wire::{Activity, State, Wire};
use super::{Proxy, exchange};
use crate::Scheme;
use crate::config::Limits;

/// A connection that was accepted.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) proxy: Arc<Proxy>,
    pub(super) peer: Peer,
    pub(super) stopped: watch::Receiver<bool>,
    /// Its place among all of them, kept by what it is upgraded to.
    pub(super) place: Arc<OwnedSemaphorePermit>,
}

/// How long a connection that is to close may take for it.
const CLOSING: Duration = Duration::from_secs(1);

impl Connection {
    /// Shakes hands, if so configured, and serves.
    pub(super) async fn serve(mut self, stream: TcpStream) {
        // Without it small answers wait for acknowledgments; an error means that it is gone.
        let _ = stream.set_nodelay(true);
        let limits = self.proxy.gateway.rules().config.limits;
        let Some(certificates) = self.proxy.certificates() else {
            return self.speak(stream, limits).await;
        };
        let handshake = certificates.acceptor().accept(stream);
        match timeout(limits.head_within, handshake).await {
            Ok(Ok(stream)) => {
                self.peer.scheme = Scheme::Https;
                self.speak(stream, limits).await;
            }
            Ok(Err(error)) => tracing::debug!(error = %error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    async fn speak<S>(self, stream: S, limits: Limits)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Activity::new();
        let wire = Wire::new(stream, Arc::clone(&activity), limits.close_after_silence);
        let mut stopped = self.stopped.clone();
        let proxy = Arc::clone(&self.proxy);
        let connection = Arc::new(self);
        let service = service_fn(|request| {
            let under_way = activity.begin(request.version());
            let connection = Arc::clone(&connection);
            async move {
                let exchange = Exchange { connection, under_way };
                Ok::<_, Infallible>(exchange::answer(exchange, request).await)
            }
        });
        let builder = builder(limits);
        let mut serving = pin!(builder.serve_connection_with_upgrades(TokioIo::new(wire), service));
        let mut closing = false;
        loop {
            tokio::select! {
                biased;
                ended = serving.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error, "a connection broke off");
                    }
                    return;
                }
                () = activity.changed() => {}
                _ = stopped.wait_for(|stopped| *stopped), if !closing => {
                    closing = true;
                    serving.as_mut().graceful_shutdown();
                }
                state = expiry(&proxy, &activity, limits, closing) => {
                    if closing || state == State::Head {
                        return;
                    }
                    closing = true;
                    serving.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// Waits until a connection has been in its state for too long.
async fn expiry(proxy: &Proxy, activity: &Activity, limits: Limits, closing: bool) -> State {
    let state = activity.state();
    match state {
        State::Busy => std::future::pending().await,
        State::Head => sleep(limits.head_within).await,
        State::Idle if closing => sleep(CLOSING).await,
        State::Idle => {
            tokio::select! {
                () = sleep(limits.close_after_idle) => {}
                () = proxy.room.notified() => {}
            }
        }
    }
    state
}

fn builder(limits: Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    let header_bytes = limits.header_bytes.max(LEAST_HEADER_BYTES);
    builder
        .http1()
        .timer(TokioTimer::new())
        // The states of a connection have times of their own.
        .header_read_timeout(None)
        .max_headers(limits.headers)
        .max_buf_size(usize::try_from(header_bytes).unwrap_or(usize::MAX));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.requests_per_connection)
        .max_header_list_size(header_bytes)
        .keep_alive_interval(limits.close_after_silence / 2)
        .keep_alive_timeout(limits.close_after_silence / 2);
    builder
}

/// What the HTTP library needs at least.
const LEAST_HEADER_BYTES: u32 = 8 * 1024;
