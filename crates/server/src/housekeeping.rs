//! What is done now and then: ending and deleting what has expired, moving keys on, and reading
//! what other nodes did to them.

use std::time::Duration;

use menshen_store::StoreError;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::app::App;
use crate::feed::stopped;
use crate::telemetry;

/// How long a key that another node has made stays unknown here, unless the log speaks of it.
/// The first key of an algorithm signs at once, so its tokens must not be strangers for long.
const READ_SHARED_KEYS_EVERY: Duration = Duration::from_secs(2);

/// The same when there are no other nodes, but perhaps somebody at the command line.
pub(crate) const READ_KEYS_EVERY: Duration = Duration::from_secs(30);

/// Rows per statement: few enough that nobody waits for the database meanwhile.
const BATCH: u32 = 500;

/// Works until told to stop: cleaning, which may take minutes after a long absence, never keeps
/// a withdrawn key in use.
pub(crate) async fn keep_house(app: App, stop: watch::Receiver<bool>) {
    tokio::join!(keep_keys(&app, stop.clone()), keep_clean(&app, stop));
}

async fn keep_keys(app: &App, mut stop: watch::Receiver<bool>) {
    let shared = app.store.is_shared();
    let mut tend = interval(app.config.clean_up_every);
    let mut read = interval(if shared { READ_SHARED_KEYS_EVERY } else { READ_KEYS_EVERY });
    tend.set_missed_tick_behavior(MissedTickBehavior::Delay);
    read.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut withdrawn = app.feed.withdrawn_keys();
    loop {
        tokio::select! {
            _ = tend.tick() => tend_keys(app).await,
            _ = read.tick() => reload_keys(app).await,
            changed = withdrawn.changed() => {
                if changed.is_err() {
                    return;
                }
                reload_keys(app).await;
            }
            () = stopped(&mut stop) => return,
        }
    }
}

async fn keep_clean(app: &App, mut stop: watch::Receiver<bool>) {
    let mut clean_up = interval(app.config.clean_up_every);
    clean_up.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop_cleaning = stop.clone();
    loop {
        tokio::select! {
            _ = clean_up.tick() => {}
            () = stopped(&mut stop) => return,
        }
        tokio::select! {
            cleaned = clean(app) => log_failure(cleaned),
            () = stopped(&mut stop_cleaning) => return,
        }
        telemetry::upkeep();
    }
}

/// Small batches with a pause between them, until nothing is left.
async fn clean(app: &App) -> Result<(), StoreError> {
    loop {
        let swept = app.store.end_expired(app.now(), BATCH).await?;
        let deleted = app.store.delete_expired(app.now(), BATCH).await?;
        if swept.looked_at + deleted > 0 {
            let ended = swept.sessions;
            tracing::debug!(sessions.ended = ended, rows.deleted = deleted, "cleaned up");
        }
        if swept.looked_at < u64::from(BATCH) && deleted < u64::from(BATCH) {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}

fn log_failure(cleaned: Result<(), StoreError>) {
    if let Err(error) = cleaned {
        tracing::warn!(error = %error, cause = ?error, "could not clean up, will try again");
    }
}

async fn tend_keys(app: &App) {
    for algorithm in app.keyring.algorithms() {
        if let Err(error) = app.keyring.tend(algorithm, app.now()).await {
            tracing::error!(error = %error, key.algorithm = %algorithm, "could not tend keys");
        }
    }
}

async fn reload_keys(app: &App) {
    if let Err(error) = app.keyring.reload().await {
        tracing::error!(error = %error, "could not read the keys");
    }
}
