//! The streams that are open at other nodes, read for everybody who waits for them at once: a
//! thousand logouts that wait ask the database no more often than one.

use std::sync::Arc;
use std::time::Duration;

use menshen_store::{FeedStream, StoreError};
use tokio::sync::Mutex;

use super::hub::Hub;

/// How old a reading may be and still be given to the next who asks.
const FRESH_FOR: Duration = Duration::from_millis(15);

/// The last reading, behind the lock that whoever reads anew holds.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    last: Mutex<Option<Reading>>,
}

#[derive(Debug)]
struct Reading {
    /// When it began, by the monotonic clock.
    began_at: Duration,
    streams: Arc<Vec<FeedStream>>,
}

impl Elsewhere {
    /// The streams of all nodes, as of some milliseconds ago at most. What other nodes were
    /// told about our own streams is taken over.
    pub(super) async fn read(&self, hub: &Hub) -> Result<Arc<Vec<FeedStream>>, StoreError> {
        let mut last = self.last.lock().await;
        let began_at = hub.clock().monotonic();
        let is_fresh = |reading: &&Reading| began_at < reading.began_at + FRESH_FOR;
        if let Some(reading) = last.as_ref().filter(is_fresh) {
            return Ok(reading.streams.clone());
        }
        let streams = Arc::new(hub.store().list_streams(hub.clock().now()).await?);
        let mut registry = hub.registry();
        for stream in streams.iter() {
            registry.learn(stream);
        }
        drop(registry);
        *last = Some(Reading { began_at, streams: streams.clone() });
        Ok(streams)
    }
}

#[cfg(test)]
mod tests {
    use menshen_domain::Secret;
    use menshen_store::{Store, StoreOptions};
    use menshen_token::{ManualClock, Seq, Timestamp};

    use super::*;

    #[tokio::test]
    async fn those_who_ask_at_once_share_one_reading() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = StoreOptions {
            url: Secret::new(format!("sqlite://{}", folder.path().join("menshen.db").display())),
            connections: 2,
            access_token_ceiling: Duration::from_hours(12),
        };
        let store = Store::open(&options).await.expect("a store");
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_767_225_600)));
        let hub = Hub::start(store.clone(), clock.clone()).await.expect("a hub");
        let elsewhere = Elsewhere::default();
        let first = elsewhere.read(&hub).await.expect("read");
        let verifier = "api".to_owned();
        let news = FeedStream { id: "a".to_owned(), verifier, acknowledged: Seq(0) };
        store.report_streams(&[news], hub.clock().now()).await.expect("reported");
        let second = elsewhere.read(&hub).await.expect("read");
        assert!(Arc::ptr_eq(&first, &second), "read again at once");
        clock.advance(FRESH_FOR);
        assert_eq!(elsewhere.read(&hub).await.expect("read").len(), 1);
        hub.close();
    }
}
