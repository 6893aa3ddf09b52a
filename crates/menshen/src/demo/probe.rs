//! Calls the API as fast as one connection can, and notes when it began to refuse.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use menshen_token::Clock;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::wire::Wire;

/// Calls after the first refusal, to see that none is accepted again.
const CALLS_AFTERWARDS: usize = 50;

/// The longest that is waited for a refusal.
const PATIENCE: Duration = Duration::from_secs(10);

/// A task that calls the API without a pause.
pub(super) struct Probe {
    calls: JoinHandle<Result<Vec<Call>>>,
    accepted: watch::Receiver<usize>,
}

/// One call, on the monotonic clock.
struct Call {
    sent_at: Duration,
    answered_at: Duration,
    accepted: bool,
}

/// What the calls showed.
pub(super) struct Findings {
    calls: Vec<Call>,
}

impl Probe {
    /// Begins to call, and returns once calls are being accepted.
    pub(super) async fn start(clock: Arc<dyn Clock>, url: String, token: String) -> Result<Self> {
        let (sender, accepted) = watch::channel(0);
        let mut probe = Self { calls: tokio::spawn(call(clock, url, token, sender)), accepted };
        probe.accepted.wait_for(|accepted| *accepted >= 20).await.context("the API refuses")?;
        Ok(probe)
    }

    /// Waits until calls have been refused for a while.
    pub(super) async fn findings(self) -> Result<Findings> {
        let calls = self.calls.await.context("failed to call the API")??;
        Ok(Findings { calls })
    }
}

async fn call(
    clock: Arc<dyn Clock>,
    url: String,
    token: String,
    accepted: watch::Sender<usize>,
) -> Result<Vec<Call>> {
    let wire = Wire::new()?;
    let begun_at = clock.monotonic();
    let mut calls = Vec::new();
    let mut refused = 0;
    while refused < CALLS_AFTERWARDS {
        let sent_at = clock.monotonic();
        let answer = wire.get(&url, &token).await?;
        let call = Call { sent_at, answered_at: clock.monotonic(), accepted: answer.status == 200 };
        if call.answered_at.saturating_sub(begun_at) > PATIENCE {
            bail!("the API still accepts the token after {} s", PATIENCE.as_secs());
        }
        refused += usize::from(!call.accepted);
        accepted.send_modify(|count| *count += usize::from(call.accepted));
        calls.push(call);
    }
    Ok(calls)
}

impl Findings {
    /// When the first refusal arrived.
    pub(super) fn first_refusal(&self) -> Duration {
        let refused = self.calls.iter().find(|call| !call.accepted);
        refused.map_or(Duration::MAX, |call| call.answered_at)
    }

    /// How many calls were accepted that were sent after this moment.
    pub(super) fn accepted_after(&self, moment: Duration) -> usize {
        self.calls.iter().filter(|call| call.accepted && call.sent_at > moment).count()
    }

    /// When the last call that was accepted had been sent.
    pub(super) fn last_accepted(&self) -> Duration {
        let accepted = self.calls.iter().rfind(|call| call.accepted);
        accepted.map_or(Duration::ZERO, |call| call.sent_at)
    }

    /// Whether a call was accepted after one had been refused.
    pub(super) fn wavered(&self) -> bool {
        self.accepted_after(self.first_refusal()) > 0
    }

    /// How many calls were accepted.
    pub(super) fn accepted(&self) -> usize {
        self.calls.iter().filter(|call| call.accepted).count()
    }
}
