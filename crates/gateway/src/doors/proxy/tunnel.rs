//! A WebSocket, or any other protocol that a client and a service have agreed on: bytes both ways.

use std::time::Duration;

use bytes::BytesMut;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::sync::watch;
use tokio::time::timeout;

use super::live_streams::Lease;

/// Two sides that speak to each other from now on.
pub(super) struct Tunnel {
    pub(super) client: OnUpgrade,
    pub(super) service: OnUpgrade,
    /// How long both sides may be silent.
    pub(super) patience: Duration,
    pub(super) lease: Option<Lease>,
    pub(super) stopped: watch::Receiver<bool>,
}

impl Tunnel {
    /// Carries bytes until one side is done, both are silent for too long, the session ends, or
    /// the gateway stops.
    pub(super) async fn carry(self) {
        let Self { client, service, patience, lease, mut stopped } = self;
        let Ok((client, service)) = tokio::try_join!(client, service) else { return };
        let (client_reads, client_writes) = split(TokioIo::new(client));
        let (service_reads, service_writes) = split(TokioIo::new(service));
        let news = watch::Sender::new(());
        let silence = silence(news.subscribe(), patience);
        let both = async {
            tokio::join!(
                copy(client_reads, service_writes, &news),
                copy(service_reads, client_writes, &news)
            )
        };
        let over = async {
            match lease {
                Some(mut lease) => lease.over().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = both => {}
            () = silence => tracing::debug!("a tunnel was silent for too long"),
            () = over => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
    }
}

const AT_ONCE_BYTES: usize = 8 * 1024;

/// Copies until the reader is done, and passes that on.
async fn copy(
    mut reads: impl AsyncRead + Unpin,
    mut writes: impl AsyncWrite + Unpin,
    news: &watch::Sender<()>,
) -> std::io::Result<()> {
    let mut buffer = BytesMut::with_capacity(AT_ONCE_BYTES);
    while reads.read_buf(&mut buffer).await? > 0 {
        writes.write_all(&buffer).await?;
        writes.flush().await?;
        buffer.clear();
        news.send_replace(());
    }
    writes.shutdown().await
}

async fn silence(mut news: watch::Receiver<()>, patience: Duration) {
    // An error means that the tunnel is gone, and this with it.
    while timeout(patience, news.changed()).await.is_ok_and(|changed| changed.is_ok()) {}
}
