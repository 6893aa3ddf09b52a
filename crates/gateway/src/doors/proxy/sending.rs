//! A request on its way to the service behind: its head, written anew, and the one more time that it
//! may be sent.

use std::time::Duration;

use http::header::{CONNECTION, HOST, HeaderValue, TE, UPGRADE, VIA};
use http::request::Parts;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper_util::client::legacy::Error;
use tokio::time::timeout;

use super::answer::Fault;
use super::body::{Broken, Outgoing, Progress, of_nothing};
use super::headers;
use super::pool::HttpClient;
use super::sender::Sender;
use crate::config::{HostSent, Protocol, Upstream};
use crate::{Allowed, HeaderNames};

/// A request that is ready to be sent.
pub(super) struct Sending {
    pub(super) client: HttpClient,
    pub(super) head: Request<()>,
    pub(super) progress: Progress,
    /// Whether to send it twice does what sending it once does.
    pub(super) again: bool,
    pub(super) answer_within: Duration,
}

impl Sending {
    /// Sends it, and waits for the head of the answer. A service that cannot be reached, or that
    /// closed a kept connection before it answered, is tried once more where that is safe
    /// (RFC 9110 section 9.2.2). `body` is `None` when the client sent none.
    pub(super) async fn send(self, body: Option<Outgoing>) -> Result<Response<Incoming>, Fault> {
        let empty = body.is_none();
        let first = self.once(body.unwrap_or_else(of_nothing)).await;
        let error = match first {
            Ok(response) => return Ok(response),
            Err(Failure::Slow) => return Err(Fault::Slow),
            Err(Failure::Broken(error)) => error,
        };
        let unsent = empty && error.is_connect();
        if !(unsent || self.again && closed_early(&error)) {
            return Err(fault(&error));
        }
        tracing::debug!(error = describe(&error), "trying the service once more");
        self.once(of_nothing()).await.map_err(|failure| match failure {
            Failure::Slow => Fault::Slow,
            Failure::Broken(error) => fault(&error),
        })
    }

    async fn once(&self, body: Outgoing) -> Result<Response<Incoming>, Failure> {
        let request = self.head.clone().map(|()| body);
        let mut answer = std::pin::pin!(self.client.request(request));
        loop {
            let before = self.progress.pieces();
            match timeout(self.answer_within, answer.as_mut()).await {
                Ok(answer) => return answer.map_err(Failure::Broken),
                // The request itself still comes in: the service is not to blame.
                Err(_) if self.progress.pieces() > before => {}
                Err(_) => return Err(Failure::Slow),
            }
        }
    }
}

enum Failure {
    Slow,
    Broken(Error),
}

/// Whether the connection closed before any byte of an answer.
fn closed_early(error: &Error) -> bool {
    causes(error).any(|cause| {
        cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message)
            || cause.downcast_ref::<std::io::Error>().is_some_and(|io| {
                use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
                matches!(io.kind(), BrokenPipe | ConnectionReset)
            })
    })
}

fn fault(error: &Error) -> Fault {
    let ours = causes(error).find_map(|cause| cause.downcast_ref::<Broken>());
    if ours.is_some() {
        return Fault::Client;
    }
    tracing::warn!(error = describe(error), "a service behind gave no answer");
    if error.is_connect() { Fault::Unreachable } else { Fault::Broken }
}

fn causes(error: &Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let first: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |cause| cause.source())
}

fn describe(error: &Error) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A request that is to go to a service.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outbound<'a> {
    pub(super) allowed: &'a Allowed,
    pub(super) upstream: &'a Upstream,
    pub(super) sender: &'a Sender,
    /// The protocol that the client asks to be upgraded to.
    pub(super) wanted: Option<&'a HeaderValue>,
}

impl Outbound<'_> {
    /// Writes the head anew.
    ///
    /// # Errors
    ///
    /// [`Fault`] when it cannot be written.
    pub(super) fn head(self, asked: &Parts, names: &HeaderNames) -> Result<Request<()>, Fault> {
        let Self { allowed, upstream, sender, wanted } = self;
        let mut headers = headers::for_upstream(&asked.headers, names, allowed);
        sender.tell(&mut headers);
        let via = if asked.version == Version::HTTP_2 { "2 menshen" } else { "1.1 menshen" };
        headers.append(VIA, HeaderValue::from_static(via));
        headers.remove(HOST);
        if upstream.protocol == Protocol::Http1 || wanted.is_some() {
            let host = match upstream.host {
                HostSent::Client => &sender.host,
                HostSent::Upstream => upstream.url.authority(),
            };
            headers.insert(HOST, HeaderValue::from_str(host).map_err(|_| Fault::Client)?);
        } else if asked.headers.get(TE).is_some_and(|te| te == "trailers") {
            // gRPC asks for it; HTTP/2 permits nothing else (RFC 9113 section 8.2.2).
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        if let Some(wanted) = wanted {
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, wanted.clone());
        }
        let base = upstream.url.path().trim_end_matches('/');
        let (scheme, authority) = (upstream.url.scheme(), upstream.url.authority());
        let mut request = Request::new(());
        *request.method_mut() = asked.method.clone();
        *request.uri_mut() = format!("{scheme}://{authority}{base}{}", allowed.target)
            .parse()
            .map_err(|_| Fault::Client)?;
        *request.headers_mut() = headers;
        Ok(request)
    }
}
