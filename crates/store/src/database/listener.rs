//! Listens for other nodes that say the log has grown. Only ever a hint.

use std::time::Duration;

use menshen_domain::Secret;
use menshen_token::Seq;
use sqlx::postgres::PgListener;
use tokio::task::AbortHandle;

use super::Database;
use super::dialect::head_channel;

/// How long to wait before connecting again.
const PAUSE: Duration = Duration::from_millis(500);

/// Stops listening when dropped.
#[derive(Debug)]
pub(crate) struct Listener(AbortHandle);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Listener {
    /// Listens until dropped, across lost connections.
    pub(crate) fn start(url: Secret, database: Database) -> Self {
        let listening = async move {
            loop {
                if let Err(error) = listen(url.expose(), &database).await {
                    tracing::warn!(error = %error, "not hearing from other nodes; will try again");
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        Self(tokio::spawn(listening).abort_handle())
    }
}

async fn listen(url: &str, database: &Database) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect(url).await?;
    let (channel,): (String,) =
        sqlx::query_as(concat!("SELECT ", head_channel!())).fetch_one(database.reader()).await?;
    listener.listen(&channel).await?;
    // What was said while nobody listened.
    let (seq,): (i64,) =
        sqlx::query_as("SELECT seq FROM revocation_head").fetch_one(database.reader()).await?;
    database.publish(Seq(seq.unsigned_abs()));
    // `None` is a lost connection.
    while let Some(notification) = listener.try_recv().await? {
        if let Ok(seq) = notification.payload().parse() {
            database.publish(Seq(seq));
        }
    }
    Ok(())
}
