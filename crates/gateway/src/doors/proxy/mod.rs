//! The reverse proxy: what may go on is handed to the service behind, and its answer handed back.
//!
//! Nothing is buffered, and nothing of the framing or the connection of one side reaches the
//! other: each message is read whole and written anew.

mod answer;
mod body;
mod connection;
mod exchange;
mod headers;
mod listener;
mod live_streams;
mod pool;
mod sender;
mod sending;
mod tls;
mod tunnel;
mod wire;

use std::sync::Arc;

use axum::Router;
use tokio::sync::Notify;

use crate::Gateway;

pub(crate) use listener::listen;
pub(crate) use live_streams::{LiveStreams, end_with_tokens};
pub(crate) use pool::Pools;
pub(crate) use tls::Certificates;

/// The reverse proxy.
#[derive(Debug)]
pub(crate) struct Proxy {
    gateway: Gateway,
    pools: Pools,
    certificates: Option<Certificates>,
    /// The gateway's own endpoints, under [`crate::OWN_PATHS`].
    own: Router,
    /// Woken when a connection that waits for its next request has to make room.
    room: Notify,
}

impl Proxy {
    /// A proxy that hands on what `gateway` lets through.
    pub(crate) fn new(
        gateway: &Gateway,
        own: Router,
        certificates: Option<Certificates>,
    ) -> Arc<Self> {
        let (gateway, pools) = (gateway.clone(), Pools::default());
        Arc::new(Self { gateway, pools, certificates, own, room: Notify::new() })
    }

    /// The gateway that it asks.
    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// The connections to services behind.
    pub(crate) fn pools(&self) -> &Pools {
        &self.pools
    }

    /// Certificate and key; `None` for plain HTTP.
    pub(crate) fn certificates(&self) -> Option<&Certificates> {
        self.certificates.as_ref()
    }
}
