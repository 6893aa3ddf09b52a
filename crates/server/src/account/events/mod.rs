//! `GET /account/events`: an app hears at once that its session has ended elsewhere. As Server-Sent
//! Events, or as a WebSocket where those cannot be read.

mod door;
mod event;
mod listener;
mod look;
mod server_sent;
mod web_socket;

pub(crate) use door::get;

/// Where it is.
pub(crate) const PATH: &str = "/account/events";
