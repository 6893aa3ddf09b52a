//! The streams that are open on this node, and how far each verifier has applied the log.

use std::collections::HashMap;
use std::time::Duration;

use menshen_store::FeedStream;
use menshen_token::{ClientId, Seq};

/// How many verifiers there are, and how many have applied a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct Acknowledgement {
    /// Verifiers that are connected now.
    pub(crate) connected: usize,
    /// Those of them that refuse what was ended.
    pub(crate) acknowledged: usize,
}

impl Acknowledgement {
    /// Whether nobody is left to wait for.
    pub(crate) fn is_complete(self) -> bool {
        self.acknowledged >= self.connected
    }
}

/// The streams that are open on this node, by id.
#[derive(Debug, Default)]
pub(super) struct Registry {
    open: HashMap<String, OpenStream>,
    /// Streams that were closed and that other nodes still count.
    closed: Vec<String>,
    /// Verifiers that closed a stream since somebody asked.
    gone: Vec<String>,
    changed: bool,
}

/// One open stream.
#[derive(Clone, Debug)]
pub(super) struct OpenStream {
    pub(super) client_id: ClientId,
    pub(super) verifier: String,
    /// Where the log stood when it was opened: what came before tells nothing about how quick
    /// we are.
    pub(super) opened_at: Seq,
    pub(super) acknowledged: Seq,
    /// When it last acknowledged something, by the monotonic clock.
    pub(super) acknowledged_at: Duration,
    /// When it last took what was sent, by the monotonic clock.
    pub(super) alive_at: Duration,
}

/// A stream whose bytes nobody has taken for longer is not connected any more, whatever its
/// connection says; and a verifier that hears nothing for so long is not waited for: it knows
/// that it knows nothing.
const SILENCE: Duration = Duration::from_secs(10);

impl OpenStream {
    fn is_connected(&self, now: Duration) -> bool {
        now.saturating_sub(self.alive_at) <= SILENCE
    }
}

/// What an acknowledgement was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noted {
    /// The stream has moved from one position to another.
    Moved {
        /// The first position that counts as news.
        after: Seq,
    },
    /// Known already.
    Known,
    /// No such stream of this client.
    Unknown,
}

impl Registry {
    pub(super) fn open(&mut self, id: String, stream: OpenStream) {
        self.open.insert(id, stream);
        self.changed = true;
    }

    pub(super) fn close(&mut self, id: &str) {
        if let Some(stream) = self.open.remove(id) {
            self.closed.push(id.to_owned());
            self.gone.push(stream.verifier);
            self.changed = true;
        }
    }

    /// The verifiers that were here before and are not any more; told once.
    pub(super) fn take_gone(&mut self) -> Vec<String> {
        let mut gone = std::mem::take(&mut self.gone);
        gone.retain(|name| !self.open.values().any(|stream| stream.verifier == *name));
        gone
    }

    /// Takes over what another node was told about a stream of ours, if it is one.
    pub(super) fn learn(&mut self, told: &FeedStream) {
        if let Some(stream) = self.open.get_mut(&told.id) {
            stream.acknowledged = stream.acknowledged.max(told.acknowledged);
        }
    }

    /// Notes that somebody takes what is sent.
    pub(super) fn is_alive(&mut self, id: &str, now: Duration) {
        if let Some(stream) = self.open.get_mut(id) {
            stream.alive_at = now;
        }
    }

    /// Notes that a stream has applied the log up to a position.
    pub(super) fn acknowledge(
        &mut self,
        id: &str,
        client_id: &ClientId,
        seq: Seq,
        now: Duration,
    ) -> Noted {
        let Some(stream) = self.open.get_mut(id).filter(|open| open.client_id == *client_id) else {
            return Noted::Unknown;
        };
        stream.acknowledged_at = now;
        if seq <= stream.acknowledged {
            return Noted::Known;
        }
        let after = stream.acknowledged.max(stream.opened_at);
        stream.acknowledged = seq;
        self.changed = true;
        Noted::Moved { after }
    }

    pub(super) fn streams(&self) -> impl Iterator<Item = (&str, &OpenStream)> {
        self.open.iter().map(|(id, stream)| (id.as_str(), stream))
    }

    /// How many streams are connected, and how many of them have reached a position.
    pub(super) fn count(&self, seq: Seq, now: Duration) -> Acknowledgement {
        let (mut connected, mut acknowledged) = (0, 0);
        for stream in self.open.values().filter(|stream| stream.is_connected(now)) {
            connected += 1;
            acknowledged += usize::from(stream.acknowledged >= seq);
        }
        Acknowledgement { connected, acknowledged }
    }

    pub(super) fn holds(&self, id: &str) -> bool {
        self.open.contains_key(id)
    }

    /// What other nodes are to be told: the connected streams, and those closed since the last
    /// time. `None` when nothing has changed since then and nobody asks to repeat it.
    pub(super) fn report(
        &mut self,
        repeat: bool,
        now: Duration,
    ) -> Option<(Vec<FeedStream>, Vec<String>)> {
        if !repeat && !self.changed {
            return None;
        }
        self.changed = false;
        let connected = self.open.iter().filter(|(_, stream)| stream.is_connected(now));
        let open = connected.map(|(id, stream)| FeedStream {
            id: id.clone(),
            verifier: stream.verifier.clone(),
            acknowledged: stream.acknowledged,
        });
        Some((open.collect(), std::mem::take(&mut self.closed)))
    }
}
