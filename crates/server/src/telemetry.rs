//! What the operator sees: one line per request, the metrics, and the subscriber behind the log.

use std::io::IsTerminal as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use tracing::Instrument as _;
use tracing::field::Empty;
use tracing_subscriber::EnvFilter;

use crate::app::App;
use crate::config::LogFormat;

/// From half a millisecond to ten seconds: what a request or a revocation takes.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

/// A gauge is moved every few seconds while what it measures is there. A verifier whose name is
/// another after each restart does not leave its gauges for ever.
const FORGET_GAUGES_AFTER: Duration = Duration::from_mins(5);

/// Sends the log to standard error, and collects metrics. Once per process; later calls change
/// nothing.
pub fn install_telemetry(level: &str, format: LogFormat) {
    let filter = EnvFilter::try_new(level).unwrap_or_default();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // An error means that a subscriber is installed already.
    let _ = match format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_span_list(false).try_init(),
    };
    begin();
}

/// The one recorder of this process; `None` when another one was there before it.
fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            let suffix = Matcher::Suffix("_seconds".to_owned());
            let recorder = PrometheusBuilder::new()
                .idle_timeout(MetricKindMask::GAUGE, Some(FORGET_GAUGES_AFTER))
                .set_buckets_for_metric(suffix, &SECONDS)
                .expect("there are buckets")
                .install_recorder()
                .ok();
            describe();
            recorder
        })
        .as_ref()
}

fn describe() {
    metrics::describe_counter!("menshen_logins_total", "Attempts to sign in, by outcome.");
    metrics::describe_counter!("menshen_mails_total", "Mails to people, by outcome.");
    metrics::describe_counter!("menshen_refreshes_total", "Refresh tokens presented, by verdict.");
    metrics::describe_counter!(
        "menshen_revocations_total",
        "Rules appended to the revocation log, by kind and reason."
    );
    metrics::describe_gauge!(
        "menshen_feed_lag_entries",
        "Entries of the log that a connected verifier has not applied; NaN once it has gone, for \
         five minutes."
    );
    metrics::describe_gauge!(
        "menshen_feed_ack_age_seconds",
        "Time since a connected verifier last acknowledged something; NaN once it has gone, for \
         five minutes."
    );
    metrics::describe_gauge!(
        "menshen_session_event_streams",
        "Streams by which apps wait on this node for the end of their sessions."
    );
    metrics::describe_histogram!(
        "menshen_revocation_latency_seconds",
        "From the append of a rule to each verifier's word that it obeys it."
    );
    metrics::describe_counter!(
        "menshen_logout_deliveries_total",
        "Attempts to deliver a back-channel logout, by outcome."
    );
    metrics::describe_gauge!(
        "menshen_logout_deliveries_queued",
        "Back-channel logouts that are yet to be delivered, at all nodes."
    );
    metrics::describe_gauge!(
        "menshen_mirror_complete",
        "Whether everything that Redis is to mirror stood there when we last looked; 1 or 0."
    );
    metrics::describe_counter!(
        "menshen_mirror_failures_total",
        "How often the mirror in Redis could not be written."
    );
    metrics::describe_counter!(
        "menshen_mirror_rebuilds_total",
        "How often rules or sessions were written to Redis anew, since it did not hold them."
    );
    metrics::describe_counter!("menshen_http_requests_total", "Requests answered.");
    metrics::describe_histogram!("menshen_http_request_seconds", "Time to answer a request.");
}

/// Begins to count. Until then what is counted is lost.
pub(crate) fn begin() {
    recorder();
}

/// Moves what was measured out of its buffers; to be called now and then.
pub(crate) fn upkeep() {
    if let Some(recorder) = recorder() {
        recorder.run_upkeep();
    }
}

/// `GET /metrics`: what was counted, as Prometheus reads it.
pub(crate) async fn metrics() -> ([(HeaderName, &'static str); 1], String) {
    let text = recorder().map(PrometheusHandle::render).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// Counts every request, and writes its one line: never with a query, a body or a credential.
pub(crate) async fn observe(
    State(app): State<App>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let method = known(request.method());
    let route = matched.as_ref().map_or("unknown", MatchedPath::as_str);
    let span = tracing::info_span!(
        "request",
        request.id = %request_id(request.headers()),
        method,
        route,
        client.id = Empty,
        error.code = Empty,
    );
    let began = app.clock.monotonic();
    let response = next.run(request).instrument(span.clone()).await;
    let took = app.clock.monotonic().saturating_sub(began);
    let status = response.status().as_u16();
    let milliseconds = (took.as_secs_f64() * 1_000_000.0).round() / 1_000.0;
    if matches!(route, "/healthz" | "/readyz" | "/metrics") {
        tracing::debug!(parent: &span, status, milliseconds, "answered");
    } else {
        tracing::info!(parent: &span, status, milliseconds, "answered");
    }
    count(route.to_owned(), method, status, took);
    response
}

fn count(route: String, method: &'static str, status: u16, took: Duration) {
    metrics::counter!(
        "menshen_http_requests_total",
        "route" => route.clone(), "method" => method, "status" => status.to_string()
    )
    .increment(1);
    metrics::histogram!("menshen_http_request_seconds", "route" => route).record(took);
}

/// A label with a bounded number of values: a stranger may invent methods.
fn known(method: &Method) -> &'static str {
    let known = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
    ];
    let names = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    known.iter().zip(names).find(|(known, _)| *known == method).map_or("other", |(_, name)| name)
}

/// What the proxy in front calls this request, or else a number of our own.
fn request_id(headers: &HeaderMap) -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let given = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    let sound = |id: &&str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    given
        .filter(sound)
        .map_or_else(|| LAST.fetch_add(1, Ordering::Relaxed).to_string(), str::to_owned)
}
