//! Requests under way, so that they can be ended with the session that they belong to.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_util::future::{AbortHandle, Abortable, Pending, pending};
use menshen_token::Jti;
use menshen_verifier::{Verified, Verifier};

use crate::Identity;

/// Every request under way whose stream is to end with its session.
#[derive(Default)]
pub(crate) struct LiveStreams {
    open: papaya::HashMap<u64, Open>,
    opened: AtomicU64,
}

struct Open {
    identity: Identity,
    end: AbortHandle,
}

impl LiveStreams {
    /// Remembers a request until the [`Lease`] is dropped.
    pub(crate) fn hold(self: &Arc<Self>, identity: Identity) -> Lease {
        let (end, registration) = AbortHandle::new_pair();
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        self.open.pin().insert(number, Open { identity, end });
        Lease { number, streams: Arc::clone(self), over: Abortable::new(pending(), registration) }
    }

    /// The tokens that have requests under way, each once.
    pub(crate) fn tokens(&self) -> Vec<Verified> {
        let open = self.open.pin();
        let tokens = open.values().filter_map(|open| open.identity.verified.clone());
        let each: HashMap<Jti, Verified> = tokens.map(|token| (token.token().jti, token)).collect();
        each.into_values().collect()
    }

    /// Ends every request of these identities: how many.
    pub(crate) fn end(&self, is_over: impl Fn(&Identity) -> bool) -> usize {
        let open = self.open.pin();
        let over = open.iter().filter(|(_, open)| is_over(&open.identity));
        over.map(|(_, open)| open.end.abort()).count()
    }
}

impl fmt::Debug for LiveStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveStreams").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

/// A request under way. It is over when its session is.
#[derive(Debug)]
pub(crate) struct Lease {
    number: u64,
    streams: Arc<LiveStreams>,
    over: Abortable<Pending<()>>,
}

impl Lease {
    /// Whether the session has ended; wakes the task when it does.
    pub(crate) fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.over).poll(context).map(|_| ())
    }

    /// Waits for the end of the session.
    pub(crate) async fn over(&mut self) {
        std::future::poll_fn(|context| self.poll_over(context)).await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.streams.open.pin().remove(&self.number);
    }
}

/// Ends the requests of every token that is revoked while they are under way. Returns when the
/// verifier is gone.
pub(crate) async fn end_with_tokens(streams: Arc<LiveStreams>, verifier: Verifier) {
    let mut changes = verifier.changes();
    while changes.next().await {
        let ended = streams.end(|identity| is_revoked(&verifier, identity));
        if ended > 0 {
            tracing::info!(streams = ended, "ended with their sessions");
        }
    }
}

/// Whether the token of an identity has been revoked since it was checked.
pub(crate) fn is_revoked(verifier: &Verifier, identity: &Identity) -> bool {
    identity.verified.as_ref().is_some_and(|token| verifier.is_revoked(token))
}
