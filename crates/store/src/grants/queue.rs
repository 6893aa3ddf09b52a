//! Where refreshes wait for the next batch. One grant always waits in the same lane, so that
//! two batches of one node never want the same row.

use std::time::Duration;

use menshen_domain::mac_key::MacKeyId;
use menshen_domain::refresh_token::{Presentation, Refusal};
use menshen_token::{GrantId, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::batch;
use crate::database::Database;
use crate::{Issued, Result, StoreError};

/// How many refreshes may wait in a lane before callers wait to wait.
const WAITING: usize = 4096;

/// How long a batch may take. Well below the default window for retries, so that a client that
/// is told to try again is in time.
const LIMIT: Duration = Duration::from_secs(8);

/// What is wanted of a grant.
#[derive(Debug)]
pub(crate) enum Ask {
    /// To judge a refresh token, and make the next one with this key.
    Refresh(Box<Presentation>, MacKeyId),
    /// To note that one more access token is made, and that the grant was used.
    Renew,
    /// To note that one more access token is made, for somebody else.
    Derive,
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Answer {
    Issued(Box<Issued>),
    Refused(Refusal),
    Unknown,
    /// It ends something, which takes more locks than a batch holds. Nothing has changed.
    NotInBatch,
}

/// Someone who waits.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) grant_id: GrantId,
    pub(super) ask: Ask,
    pub(super) now: Timestamp,
    answer: oneshot::Sender<Result<Answer>>,
}

/// The lanes. Their tasks end when this is dropped.
#[derive(Debug)]
pub(crate) struct Queue {
    lanes: Vec<mpsc::Sender<Request>>,
}

/// The task of a lane has ended before it answered.
#[derive(Debug, thiserror::Error)]
#[error("the store is closing")]
struct Closing;

impl Queue {
    pub(crate) fn start(database: &Database) -> Self {
        let lane = |_| {
            let (sender, receiver) = mpsc::channel(WAITING);
            tokio::spawn(work(database.clone(), receiver));
            sender
        };
        Self { lanes: (0..database.dialect.lanes()).map(lane).collect() }
    }

    pub(crate) async fn ask(&self, grant_id: GrantId, ask: Ask, now: Timestamp) -> Result<Answer> {
        let (answer, answered) = oneshot::channel();
        let lanes = self.lanes.len() as u128;
        let lane = usize::try_from(grant_id.as_u128() % lanes).expect("below the number of lanes");
        let request = Request { grant_id, ask, now, answer };
        let closing = || StoreError::unavailable(Closing);
        self.lanes[lane].send(request).await.map_err(|_| closing())?;
        answered.await.map_err(|_| closing())?
    }
}

/// A line that has gone dead must not hold up a lane, and with it a part of all sessions, until
/// the operating system notices. A file has no line.
async fn within_limit<T>(database: &Database, batch: impl Future<Output = Result<T>>) -> Result<T> {
    if !database.dialect.is_shared() {
        return batch.await;
    }
    let limited = tokio::time::timeout(LIMIT, batch).await;
    limited.unwrap_or_else(|elapsed| Err(StoreError::unavailable(elapsed)))
}

/// Takes what is waiting, as much as fits; while it is being written, the next batch gathers.
async fn work(database: Database, mut waiting: mpsc::Receiver<Request>) {
    let size = database.dialect.batch_size();
    let mut requests = Vec::with_capacity(size);
    while waiting.recv_many(&mut requests, size).await > 0 {
        match within_limit(&database, batch::run(&database, &requests)).await {
            Ok(answers) => {
                for (request, answer) in requests.drain(..).zip(answers) {
                    // Whoever stopped waiting finds the same answer when they ask again.
                    let _ = request.answer.send(answer);
                }
            }
            Err(error) => {
                for request in requests.drain(..) {
                    let _ = request.answer.send(Err(error.clone()));
                }
            }
        }
    }
}
