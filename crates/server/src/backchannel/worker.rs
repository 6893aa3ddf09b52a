//! Looks for logouts that are due, and opens a lane for each client that has some. Every node has
//! such a worker; what one has claimed, the others leave alone.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use menshen_store::StoreError;
use menshen_token::{ClientId, Seq};
use tokio::sync::{Semaphore, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::lane;
use crate::app::App;
use crate::feed::stopped;

/// How many lanes send at the same time.
const LANES: usize = 32;

/// How often to look for what is due without being told.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often the queue is counted.
const COUNT_EVERY: Duration = Duration::from_secs(15);

/// Delivers until told to stop, and finishes what is under way then.
pub(crate) async fn deliver(app: App, mut stop: watch::Receiver<bool>) {
    let mut heads = app.store.head_changes();
    let mut lanes = Lanes::new(stop.clone());
    let (mut look, mut count) = (every(LOOK_EVERY), every(COUNT_EVERY));
    loop {
        tokio::select! {
            // Whatever ends a session appends to the log in the same transaction.
            () = moved(&mut heads) => {}
            _ = look.tick() => {}
            Some(ended) = lanes.running.join_next_with_id() => {
                lanes.forget(&ended);
                continue;
            }
            _ = count.tick() => {
                log_failure(gauge(&app).await);
                continue;
            }
            () = stopped(&mut stop) => break,
        }
        log_failure(lanes.open_due(&app).await);
    }
    while lanes.running.join_next().await.is_some() {}
}

/// The lanes that are open on this node, at most one for each client.
struct Lanes {
    running: JoinSet<()>,
    clients: HashMap<Id, ClientId>,
    slots: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

impl Lanes {
    fn new(stop: watch::Receiver<bool>) -> Self {
        let slots = Arc::new(Semaphore::new(LANES));
        Self { running: JoinSet::new(), clients: HashMap::new(), slots, stop }
    }

    async fn open_due(&mut self, app: &App) -> Result<(), StoreError> {
        let receivers = app.store.list_receivers().await?;
        let now = app.now();
        for receiver in receivers.into_iter().filter(|receiver| receiver.due_at <= now) {
            if self.clients.values().any(|client| *client == receiver.client_id) {
                continue;
            }
            let client = receiver.client_id.clone();
            let lane = lane::work(app.clone(), client, self.slots.clone(), self.stop.clone());
            let id = self.running.spawn(lane).id();
            self.clients.insert(id, receiver.client_id);
        }
        Ok(())
    }

    fn forget(&mut self, ended: &Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        self.clients.remove(&id);
    }
}

/// When the log has grown; never, when nobody would say so any more.
async fn moved(heads: &mut watch::Receiver<Seq>) {
    if heads.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a floating-point number")]
async fn gauge(app: &App) -> Result<(), StoreError> {
    let queued = app.store.count_queued_deliveries().await?;
    metrics::gauge!("menshen_logout_deliveries_queued").set(queued as f64);
    Ok(())
}

fn log_failure(looked: Result<(), StoreError>) {
    if let Err(error) = looked {
        tracing::warn!(error = %error, cause = ?error, "cannot look for logouts to deliver");
    }
}
