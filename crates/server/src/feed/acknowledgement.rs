//! `POST /feed/ack`: a verifier says how far it has applied a stream; and the telling of it, to
//! the metrics and to the other nodes.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use menshen_store::FeedStream;
use menshen_token::Seq;
use serde::Deserialize;

use super::hub::{Hub, stopped};
use super::registry::Noted;
use crate::app::App;
use crate::error::ApiError;
use crate::json::Body;
use crate::sender;

/// How often the others hear of us when something has changed.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// How often they hear of us otherwise: well within the 10 seconds after which a stream that
/// nobody speaks of is forgotten.
const REPEAT_EVERY: Duration = Duration::from_secs(2);

/// How many entries of one acknowledgement are measured.
const MEASURED: usize = 1_000;

/// An acknowledgement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acknowledge {
    stream: String,
    seq: Seq,
}

pub(crate) async fn post(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Body(acknowledge): Body<Acknowledge>,
) -> Result<StatusCode, ApiError> {
    let caller = sender::authenticate(&app, &method, "/feed/ack", &headers).await?;
    caller.require("revocations:read")?;
    let Acknowledge { stream, seq } = acknowledge;
    // A verifier may have read at another node what this one is about to read.
    if seq > app.feed.head() && seq > app.store.head().await?.seq {
        return Err(ApiError::Invalid("the log does not reach this position".to_owned()));
    }
    match app.feed.acknowledge(&stream, &caller.token.client_id, seq) {
        Noted::Unknown => hand_on(&app, &stream, seq).await,
        Noted::Known => Ok(StatusCode::NO_CONTENT),
        Noted::Moved { after } => {
            measure(&app, after, seq);
            Ok(StatusCode::NO_CONTENT)
        }
    }
}

/// The stream may be open at another node: a balancer sends each request where it likes. Whoever
/// knows the name of a stream was told it on that stream.
async fn hand_on(app: &App, stream: &str, seq: Seq) -> Result<StatusCode, ApiError> {
    let unknown = ApiError::NotFound("stream");
    if !app.store.is_shared() || app.feed.registry().holds(stream) {
        return Err(unknown);
    }
    if app.store.acknowledge_stream(stream, seq, app.now()).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(unknown)
    }
}

/// From the moment an entry was appended to the moment a verifier said that it has applied it.
fn measure(app: &App, after: Seq, up_to: Seq) {
    let now = app.now();
    for entry in app.feed.recent(after, MEASURED).unwrap_or_default() {
        if entry.seq <= up_to {
            let latency = now.since(entry.appended_at);
            metrics::histogram!("menshen_revocation_latency_seconds").record(latency);
        }
    }
}

/// Tells the metrics, and the other nodes when there may be some, until the hub closes.
pub(super) async fn report(hub: Hub) {
    let mut closing = hub.closing();
    let mut news = hub.news();
    loop {
        let repeat = tokio::select! {
            _ = news.changed() => false,
            () = tokio::time::sleep(REPEAT_EVERY) => true,
            () = stopped(&mut closing) => break,
        };
        gauge(&hub);
        let news = hub.registry().report(repeat, hub.clock().monotonic());
        if let Some((open, closed)) = news
            && hub.store().is_shared()
        {
            tell(&hub, &open, &closed).await;
        }
        tokio::time::sleep(TELL_EVERY).await;
    }
    forget_all(&hub).await;
}

fn gauge(hub: &Hub) {
    let (head, now) = (hub.head(), hub.clock().monotonic());
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    metrics::gauge!("menshen_session_event_streams").set(hub.watchers().count() as f64);
    let mut registry = hub.registry();
    for (_, stream) in registry.streams() {
        let lag = head.0.saturating_sub(stream.acknowledged.0);
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!("menshen_feed_lag_entries", "verifier" => stream.verifier.clone())
            .set(lag as f64);
        metrics::gauge!("menshen_feed_ack_age_seconds", "verifier" => stream.verifier.clone())
            .set(now.saturating_sub(stream.acknowledged_at));
    }
    for verifier in registry.take_gone() {
        metrics::gauge!("menshen_feed_lag_entries", "verifier" => verifier.clone()).set(f64::NAN);
        metrics::gauge!("menshen_feed_ack_age_seconds", "verifier" => verifier).set(f64::NAN);
    }
}

/// A failure is repeated with the next report: nothing here is the truth.
async fn tell(hub: &Hub, open: &[FeedStream], closed: &[String]) {
    let told = async {
        hub.store().report_streams(open, hub.clock().now()).await?;
        hub.store().forget_streams(closed).await
    };
    if let Err(error) = told.await {
        tracing::debug!(error = %error, "could not report the feed's streams");
    }
}

async fn forget_all(hub: &Hub) {
    if hub.store().is_shared() {
        let ids: Vec<String> = hub.registry().streams().map(|(id, _)| id.to_owned()).collect();
        if let Err(error) = hub.store().forget_streams(&ids).await {
            tracing::debug!(error = %error, "could not take back the feed's streams");
        }
    }
}
