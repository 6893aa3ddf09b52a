//! One hub per node: it knows the end of the log, the streams that follow it, and how far each
//! of them is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use menshen_store::{Store, StoreError};
use menshen_token::{ClientId, Clock, Entry, Seq, Timestamp};
use tokio::sync::{Semaphore, watch};

use super::elsewhere::Elsewhere;
use super::registry::{Acknowledgement, Noted, OpenStream, Registry};
use super::ring::Ring;
use super::tail::{self, Tail};
use super::watchers::{self, Watchers};
use super::{acknowledgement, registry};

/// How often the other nodes' verifiers are asked for while somebody waits for them.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// How often our own are counted while somebody waits for them, besides when one has moved: one
/// that fell silent is waited for no longer.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// How many of those who wait for the end of a session may ask the store at a time.
const TURNS: usize = 4;

/// The connected verifiers. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Hub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    clock: Arc<dyn Clock>,
    ring: RwLock<Ring>,
    registry: Mutex<Registry>,
    watchers: Mutex<Watchers>,
    turns: Semaphore,
    tail: watch::Sender<Tail>,
    /// Moves whenever an acknowledgement came or a stream was opened or closed.
    news: watch::Sender<()>,
    /// Moves whenever the log says that a key was withdrawn.
    withdrawn_keys: watch::Sender<()>,
    closing: watch::Sender<bool>,
    /// The other nodes' streams as they were last read.
    elsewhere: Elsewhere,
}

impl Hub {
    /// Reads where the log stands and begins to follow it. Call within a runtime.
    ///
    /// # Errors
    ///
    /// The store's, when the log cannot be read.
    pub(crate) async fn start(store: Store, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let confirmed_at = clock.now();
        let head = store.head().await?.seq;
        let shared = Shared {
            store,
            clock,
            ring: RwLock::new(Ring::at(head)),
            registry: Mutex::default(),
            watchers: Mutex::default(),
            turns: Semaphore::new(TURNS),
            tail: watch::Sender::new(Tail { head, confirmations: 1, confirmed_at }),
            news: watch::Sender::new(()),
            withdrawn_keys: watch::Sender::new(()),
            closing: watch::Sender::new(false),
            elsewhere: Elsewhere::default(),
        };
        let hub = Self { shared: Arc::new(shared) };
        tokio::spawn(tail::follow(hub.clone()));
        tokio::spawn(acknowledgement::report(hub.clone()));
        tokio::spawn(watchers::wake(hub.clone()));
        Ok(hub)
    }

    /// Ends every stream and stops following the log.
    pub(crate) fn close(&self) {
        self.shared.closing.send_replace(true);
    }

    /// How many verifiers are connected, here or at another node, and how many have applied a
    /// position.
    pub(crate) async fn status(&self, seq: Seq) -> Result<Acknowledgement, StoreError> {
        let others = if self.store().is_shared() {
            self.shared.elsewhere.read(self).await?
        } else {
            Arc::default()
        };
        let registry = self.registry();
        let own = registry.count(seq, self.clock().monotonic());
        let others = others.iter().filter(|stream| !registry.holds(&stream.id));
        let (mut connected, mut acknowledged) = (own.connected, own.acknowledged);
        for stream in others {
            connected += 1;
            acknowledged += usize::from(stream.acknowledged >= seq);
        }
        Ok(Acknowledgement { connected, acknowledged })
    }

    /// Like [`Hub::status`], but not before every connected verifier has applied the position
    /// or so much time has passed.
    pub(crate) async fn wait(
        &self,
        seq: Seq,
        longest: Duration,
    ) -> Result<Acknowledgement, StoreError> {
        let deadline = tokio::time::sleep(longest);
        tokio::pin!(deadline);
        let mut news = self.shared.news.subscribe();
        loop {
            let status = self.status(seq).await?;
            if status.is_complete() {
                return Ok(status);
            }
            let pause = if self.store().is_shared() { ASK_EVERY } else { COUNT_EVERY };
            tokio::select! {
                _ = news.changed() => {}
                () = tokio::time::sleep(pause) => {}
                () = &mut deadline => return self.status(seq).await,
            }
        }
    }

    /// Whenever the log says that a key was withdrawn.
    pub(crate) fn withdrawn_keys(&self) -> watch::Receiver<()> {
        self.shared.withdrawn_keys.subscribe()
    }

    /// Whether the hub closes.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.shared.closing.subscribe()
    }

    pub(super) fn store(&self) -> &Store {
        &self.shared.store
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.shared.clock.as_ref()
    }

    pub(super) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.shared.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn watchers(&self) -> MutexGuard<'_, Watchers> {
        self.shared.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn turns(&self) -> &Semaphore {
        &self.shared.turns
    }

    /// What is known of the log, and a wake-up when that changes.
    pub(super) fn tail(&self) -> watch::Receiver<Tail> {
        self.shared.tail.subscribe()
    }

    /// The last position known.
    pub(super) fn head(&self) -> Seq {
        self.shared.tail.borrow().head
    }

    /// The entries after a position, if they are kept.
    pub(super) fn recent(&self, after: Seq, limit: usize) -> Option<Vec<Entry>> {
        let ring = self.shared.ring.read().unwrap_or_else(PoisonError::into_inner);
        ring.after(after, limit)
    }

    /// Adds what was read; the position that is missing, if one is.
    pub(super) fn extend_ring(&self, entries: Vec<Entry>) -> Option<Seq> {
        let mut ring = self.shared.ring.write().unwrap_or_else(PoisonError::into_inner);
        let mut missing = None;
        for entry in entries {
            if !ring.push(entry) {
                missing = Some(ring.head().next());
                break;
            }
        }
        let head = ring.head();
        drop(ring);
        self.shared.tail.send_if_modified(|tail| {
            let news = tail.head != head;
            tail.head = head;
            news
        });
        missing
    }

    /// Starts anew at another position.
    pub(super) fn replace_ring(&self, new: Ring) {
        let head = new.head();
        *self.shared.ring.write().unwrap_or_else(PoisonError::into_inner) = new;
        self.shared.tail.send_modify(|tail| tail.head = head);
    }

    /// A look that began then found the log to end at the head.
    pub(super) fn confirm(&self, began_at: Timestamp) {
        self.shared.tail.send_modify(|tail| {
            tail.confirmations += 1;
            tail.confirmed_at = began_at;
        });
    }

    pub(super) fn key_was_withdrawn(&self) {
        self.shared.withdrawn_keys.send_replace(());
    }

    pub(super) fn open_stream(&self, id: String, client_id: ClientId, verifier: String) {
        let stream = OpenStream {
            client_id,
            verifier,
            opened_at: self.head(),
            acknowledged: Seq(0),
            acknowledged_at: self.clock().monotonic(),
            alive_at: self.clock().monotonic(),
        };
        self.registry().open(id, stream);
        self.shared.news.send_replace(());
    }

    pub(super) fn close_stream(&self, id: &str) {
        self.registry().close(id);
        self.shared.news.send_replace(());
    }

    /// Notes that somebody still takes what is sent.
    pub(super) fn stream_is_alive(&self, id: &str) {
        self.registry().is_alive(id, self.clock().monotonic());
    }

    /// Notes an acknowledgement.
    pub(super) fn acknowledge(&self, id: &str, client_id: &ClientId, seq: Seq) -> Noted {
        let noted = self.registry().acknowledge(id, client_id, seq, self.clock().monotonic());
        if let registry::Noted::Moved { .. } = noted {
            self.shared.news.send_replace(());
        }
        noted
    }

    pub(super) fn news(&self) -> watch::Receiver<()> {
        self.shared.news.subscribe()
    }
}

/// Waits for the flag, or for the end of whoever would raise it.
pub(crate) async fn stopped(flag: &mut watch::Receiver<bool>) {
    let _ = flag.wait_for(|raised| *raised).await;
}
