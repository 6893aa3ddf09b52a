//! A lane: the logouts for one client, a few at a time. Clients have lanes of their own, so that
//! one that answers slowly holds up nobody else.

use std::sync::Arc;
use std::time::Duration;

use menshen_store::StoreError;
use menshen_token::ClientId;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::attempt::attempt;
use crate::app::App;

/// How many logouts one client is told of at the same time.
const AT_ONCE: u32 = 4;

/// How long an attempt may take in all. An answer is waited for shorter than that, and what the
/// database may need beyond it is in there.
const LEASE: Duration = Duration::from_secs(15);

/// Works until nothing is due for this client any more, or until told to stop. What has been begun
/// is finished.
pub(super) async fn work(
    app: App,
    client: ClientId,
    slots: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
) {
    loop {
        // For each handful anew: the slots go round among all who wait.
        let Ok(_slot) = slots.acquire().await else { return };
        if *stop.borrow() {
            return;
        }
        match handful(&app, &client).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(
                    client.id = %client, error = %error, cause = ?error,
                    "logouts cannot be delivered right now, will try again"
                );
                return;
            }
        }
    }
}

/// How many were tried.
async fn handful(app: &App, client: &ClientId) -> Result<usize, StoreError> {
    let claimed = app.store.claim_deliveries(client, AT_ONCE, app.now(), LEASE).await?;
    let count = claimed.len();
    let mut attempts = JoinSet::new();
    for delivery in claimed {
        let app = app.clone();
        attempts.spawn(async move { attempt(&app, &delivery).await });
    }
    let mut result = Ok(count);
    while let Some(attempted) = attempts.join_next().await {
        // A panic has been logged; the lease brings the delivery back.
        if let Ok(Err(error)) = attempted {
            result = Err(error);
        }
    }
    result
}
