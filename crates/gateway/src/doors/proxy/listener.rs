//! Accepts connections, as many as there are places for.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Proxy;
use super::connection::Connection;
use super::sender::Peer;
use crate::Scheme;

/// Serves clients until the gateway stops, and then what is under way.
pub(crate) async fn listen(
    proxy: Arc<Proxy>,
    listener: TcpListener,
    mut stopped: watch::Receiver<bool>,
) {
    let limits = proxy.gateway.rules().config.limits;
    let places = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&proxy, &listener, &places) => accepted,
            Some(_) = connections.join_next() => continue,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let Some((stream, place)) = accepted else { continue };
        let Ok(address) = stream.peer_addr() else { continue };
        let peer = Peer { address, scheme: Scheme::Http };
        let (proxy, place) = (Arc::clone(&proxy), Arc::new(place));
        let connection = Connection { proxy, peer, stopped: stopped.clone(), place };
        connections.spawn(connection.serve(stream));
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.finish_within, ended).await.is_err() {
        tracing::warn!(connections = connections.len(), "did not end in time");
    }
}

/// The next connection. When all places are taken, whoever has been idle longest makes room.
async fn accept(
    proxy: &Proxy,
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = if let Ok(place) = Arc::clone(places).try_acquire_owned() {
        place
    } else {
        proxy.room.notify_one();
        Arc::clone(places).acquire_owned().await.ok()?
    };
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            tracing::warn!(error = %error, "could not accept a connection");
            proxy.room.notify_one();
            sleep(PAUSE).await;
            None
        }
    }
}

/// Until the next attempt, when the system has no more files to give.
const PAUSE: Duration = Duration::from_millis(50);
