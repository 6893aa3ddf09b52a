//! The socket, and the limits that a stranger meets before any handler does.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::RustlsAcceptor;
use axum_server::{Handle, Server};
use tokio::task::JoinHandle;

use super::{StartError, tls};
use crate::config::Tls;

/// How long requests under way are waited for at the end.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// How long a request may take to arrive, up to the end of its headers; also how long a
/// connection may lie idle.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);

/// The longest headers that are read, together.
const MAX_HEADER_BYTES: u16 = 32 * 1024;

/// Requests that one HTTP/2 connection may have under way.
const MAX_STREAMS: u32 = 128;

/// Takes the address.
pub(super) fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|error| StartError::Listen(address, error))
}

/// Serves on a socket until the handle says otherwise.
pub(super) fn serve(
    socket: TcpListener,
    tls: Option<&Tls>,
    router: Router,
    handle: Handle<SocketAddr>,
) -> Result<JoinHandle<io::Result<()>>, StartError> {
    let address = socket.local_addr().ok();
    let unusable = |error| match address {
        Some(address) => StartError::Listen(address, error),
        None => StartError::Tls(error),
    };
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum_server::from_tcp(socket).map_err(unusable)?;
    let Some(tls) = tls else {
        let server = limited(server.acceptor(NoDelayAcceptor::new())).handle(handle);
        return Ok(tokio::spawn(server.serve(service)));
    };
    let config = tls::configure(tls).map_err(StartError::Tls)?;
    let acceptor = RustlsAcceptor::new(config).acceptor(NoDelayAcceptor::new());
    let server = limited(server.acceptor(acceptor)).handle(handle);
    Ok(tokio::spawn(server.serve(service)))
}

fn limited<A>(server: Server<SocketAddr, A>) -> Server<SocketAddr, A> {
    let mut server = server.first_request_timeout(HEADERS_WITHIN);
    let builder = server.http_builder();
    builder
        .http1()
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(usize::from(MAX_HEADER_BYTES))
        .keep_alive(true);
    builder
        .http2()
        .max_header_list_size(u32::from(MAX_HEADER_BYTES))
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(Some(HEADERS_WITHIN))
        .keep_alive_timeout(HEADERS_WITHIN);
    server
}
