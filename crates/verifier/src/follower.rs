//! Follow the feed: snapshot, stream, resume, back off.
//!
//! The only writer of the rules. Whatever goes wrong here makes the rules older, never wrong.

mod rules;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use eventsource_stream::{Event, Eventsource};
use futures_util::StreamExt;
use menshen_token::{Frame, MalformedFrame, Revocation, Seq};
use serde::Deserialize;
use tokio::sync::watch;

use self::rules::{Broken, HeldRules, Step};
use crate::freshness::DelayMeter;
use crate::issuer::{Issuer, IssuerError};
use crate::verifier::Shared;

const PRUNE_EVERY: Duration = Duration::from_mins(1);
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Follows one feed for as long as the verifier lives.
pub(crate) struct Follower {
    shared: Arc<Shared>,
    issuer: Arc<Issuer>,
    held: Option<HeldRules>,
    acknowledged: watch::Sender<Option<(Arc<str>, Seq)>>,
    pruned_at: Duration,
    /// Connections that ended without having shown the rules to be complete.
    failures: u32,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("could not open the feed")]
    Refused(#[from] IssuerError),
    #[error("feed was closed")]
    Closed,
    #[error("feed was interrupted")]
    Interrupted,
    #[error("feed was silent for too long")]
    Silent,
    #[error("feed is delayed")]
    Delayed,
    #[error(transparent)]
    Malformed(#[from] MalformedFrame),
    #[error(transparent)]
    Broken(#[from] Broken),
}

impl Ended {
    /// Whether there may be a rule that we do not hold and would never be sent again.
    fn leaves_doubt(&self) -> bool {
        matches!(self, Self::Malformed(_) | Self::Broken(_))
    }
}

/// What one connection has shown so far.
#[derive(Default)]
struct Connection {
    stream: Option<Arc<str>>,
    delay: DelayMeter,
}

impl Follower {
    pub(crate) fn new(shared: Arc<Shared>, issuer: Arc<Issuer>) -> Self {
        Self {
            shared,
            issuer,
            held: Some(HeldRules::default()),
            acknowledged: watch::Sender::new(None),
            pruned_at: Duration::ZERO,
            failures: 0,
        }
    }

    /// The acknowledgments to send, for [`acknowledge`].
    pub(crate) fn acknowledgments(&self) -> watch::Receiver<Option<(Arc<str>, Seq)>> {
        self.acknowledged.subscribe()
    }

    /// Connects again and again.
    pub(crate) async fn run(mut self) {
        loop {
            let resume_from = self.held().resume_point();
            let ended = self.follow(resume_from).await;
            if ended.leaves_doubt() {
                self.held().doubt();
                self.shared.freshness.doubt(self.shared.clock.monotonic());
            }
            report(&ended);
            tokio::time::sleep(jittered(wait_after(self.failures))).await;
            self.failures = self.failures.saturating_add(1);
        }
    }

    async fn follow(&mut self, resume_from: Option<Seq>) -> Ended {
        let response = match self.issuer.open_feed(resume_from).await {
            Ok(response) => response,
            Err(error) => return error.into(),
        };
        self.held().connect(resume_from);
        let mut connection = Connection::default();
        let mut events = response.bytes_stream().eventsource();
        loop {
            // Early enough that another connection may heal it before the rules count as stale.
            let patience = self.shared.freshness.max_staleness() * 3 / 5;
            let next = tokio::time::timeout(patience, events.next());
            let event = match next.await {
                Err(_) => return Ended::Silent,
                Ok(None) => return Ended::Closed,
                Ok(Some(Err(eventsource_stream::EventStreamError::Transport(_)))) => {
                    return Ended::Interrupted;
                }
                Ok(Some(Err(_))) => return MalformedFrame.into(),
                Ok(Some(Ok(event))) => event,
            };
            if let Err(ended) = self.take(&event, &mut connection).await {
                return ended;
            }
        }
    }

    async fn take(&mut self, event: &Event, connection: &mut Connection) -> Result<(), Ended> {
        if event.event == "stream" {
            connection.stream = Some(stream_id(&event.data)?);
            return Ok(());
        }
        let frame = Frame::parse(&event.event, &event.data)?;
        let withdraws_key = withdraws_key(&frame);
        match self.apply(frame).await? {
            Step::Collected => return Ok(()),
            Step::Moved => {
                self.publish();
                if withdraws_key {
                    // Its successor signs from this moment on, and was not announced.
                    self.shared.keys.refresh();
                }
            }
            Step::Complete(server_now) => {
                let received = self.shared.clock.monotonic();
                let delay = connection.delay.measure(received, server_now);
                self.shared.confirm(received, delay);
                self.failures = 0;
                self.prune(received).await;
                // A stream that something holds back, or clocks that have drifted apart: a new
                // connection heals both, well before the rules count as stale.
                if delay > self.shared.freshness.max_staleness() / 2 {
                    return Err(Ended::Delayed);
                }
            }
        }
        self.acknowledge(connection);
        Ok(())
    }

    async fn apply(&mut self, frame: Frame) -> Result<Step, Broken> {
        let entries = match &frame {
            Frame::Snapshot { entries, .. } | Frame::Append { entries } => entries.len(),
            Frame::Heartbeat { .. } => 0,
        };
        let now = self.shared.clock.now();
        self.with_held(entries, move |held| held.apply(frame, now)).await
    }

    async fn prune(&mut self, now: Duration) {
        if now < self.pruned_at + PRUNE_EVERY {
            return;
        }
        self.pruned_at = now;
        let wall = self.shared.clock.now();
        let rules = self.held().rules().len();
        self.with_held(rules, move |held| held.prune(wall)).await;
        self.publish();
    }

    /// Lets requests see the rules held now.
    fn publish(&mut self) {
        let rules = Arc::new(self.held().rules().clone());
        let applied = self.held().applied();
        self.shared.replace_rules(rules, applied);
    }

    /// Works on the rules, on a thread of its own when there is much to do: the threads of the
    /// runtime belong to the requests.
    async fn with_held<T: Send + 'static>(
        &mut self,
        size: usize,
        work: impl FnOnce(&mut HeldRules) -> T + Send + 'static,
    ) -> T {
        const MUCH: usize = 10_000;
        if size < MUCH && self.held().len() < 100 * MUCH {
            return work(self.held());
        }
        let mut held = self.held.take().expect("put back after each use");
        let working = tokio::task::spawn_blocking(move || {
            let done = work(&mut held);
            (held, done)
        });
        let (held, done) = working.await.expect("work on the rules does not panic");
        self.held = Some(held);
        done
    }

    fn held(&mut self) -> &mut HeldRules {
        self.held.as_mut().expect("put back after each use")
    }

    fn acknowledge(&mut self, connection: &Connection) {
        let (Some(stream), Some(seq)) = (&connection.stream, self.held().applied()) else {
            return;
        };
        let reached = Some((Arc::clone(stream), seq));
        self.acknowledged.send_if_modified(|last| {
            let news = *last != reached;
            if news {
                *last = reached;
            }
            news
        });
    }
}

/// Sends acknowledgments as they come; while one is under way, later ones replace each other.
pub(crate) async fn acknowledge(
    issuer: Arc<Issuer>,
    mut reached: watch::Receiver<Option<(Arc<str>, Seq)>>,
) {
    while reached.changed().await.is_ok() {
        let Some((stream, seq)) = reached.borrow_and_update().clone() else { continue };
        match issuer.acknowledge(&stream, seq).await {
            Ok(()) => {}
            // The stream is gone, or the server wants no acknowledgments: nothing to repeat.
            Err(IssuerError::Status(status)) if status.is_client_error() => {
                tracing::debug!(%status, "acknowledgment was refused");
            }
            Err(error) => {
                tracing::debug!(error = %error, "could not acknowledge, will try again");
                tokio::time::sleep(jittered(FIRST_WAIT * 10)).await;
                reached.mark_changed();
            }
        }
    }
}

fn withdraws_key(frame: &Frame) -> bool {
    match frame {
        Frame::Append { entries } => {
            entries.iter().any(|entry| matches!(entry.revocation, Revocation::Key(_)))
        }
        Frame::Snapshot { .. } | Frame::Heartbeat { .. } => false,
    }
}

fn report(ended: &Ended) {
    let cause = std::error::Error::source(ended).map(ToString::to_string);
    if matches!(ended, Ended::Closed) {
        // Usual: a stream ends with the token that opened it, and when a server restarts.
        tracing::info!("the revocation feed was closed, will connect again");
    } else {
        tracing::warn!(error = %ended, cause, "lost the revocation feed, will connect again");
    }
}

fn stream_id(data: &str) -> Result<Arc<str>, MalformedFrame> {
    #[derive(Deserialize)]
    struct Stream {
        stream: String,
    }
    let stream: Stream = serde_json::from_str(data).map_err(|_| MalformedFrame)?;
    Ok(stream.stream.into())
}

fn wait_after(failures: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << failures.min(10)).min(LONGEST_WAIT)
}

/// Between half of a wait and the whole of it, so that verifiers do not come back in step.
/// Nothing secret hangs on this draw.
fn jittered(wait: Duration) -> Duration {
    let draw = RandomState::new().hash_one(0_u8) % 1_000;
    wait / 2 + wait.mul_f64(f64::from(u32::try_from(draw).unwrap_or(0)) / 2_000.0)
}
