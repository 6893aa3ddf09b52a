//! What the operator sees of decisions: one line in the log, and numbers.

use std::fmt;
use std::time::Duration;

use menshen_verifier::Status;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};

use crate::{Decision, Door, Facts};

/// From ten microseconds, which a token costs that was seen before, to ten seconds.
const SECONDS: [f64; 13] =
    [0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];

/// The numbers of one gateway, apart from those of whatever else runs in this process.
pub(crate) struct Telemetry {
    recorder: PrometheusRecorder,
}

/// What is looked up when somebody asks for the numbers.
#[derive(Debug)]
pub(crate) struct Levels {
    pub(crate) verifier: Option<Status>,
    pub(crate) rules: usize,
    pub(crate) limited_senders: usize,
    pub(crate) assertions: usize,
}

/// A decision, as it is told to the operator.
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    pub(crate) door: Door,
    pub(crate) facts: &'a Facts,
    pub(crate) rule: Option<&'a str>,
    pub(crate) request_id: &'a str,
    pub(crate) decision: &'a Decision,
    pub(crate) took: Duration,
}

impl Telemetry {
    pub(crate) fn new() -> Self {
        let seconds = Matcher::Suffix("_seconds".to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &SECONDS);
        let telemetry = Self { recorder: builder.expect("there are buckets").build_recorder() };
        telemetry.record(describe);
        telemetry
    }

    /// Records numbers by the macros of `metrics`, as those of this gateway.
    pub(crate) fn record<T>(&self, numbers: impl FnOnce() -> T) -> T {
        metrics::with_local_recorder(&self.recorder, numbers)
    }

    /// Counts a decision, and writes its line: no query, no header, nothing that opens anything.
    pub(crate) fn decided(&self, taken: &Taken<'_>) {
        let (outcome, status) = match taken.decision {
            Decision::Allow(_) => ("allowed", 200),
            Decision::Refuse(refused) => (refused.refusal.code(), refused.status().as_u16()),
            Decision::Redirect(_) => ("redirected", 302),
            Decision::Preflight(_) => ("preflight", 204),
        };
        let (rule, door) = (taken.rule.unwrap_or("none").to_owned(), taken.door.as_str());
        self.record(|| {
            metrics::counter!(
                "menshen_gateway_decisions_total",
                "rule" => rule.clone(), "door" => door, "outcome" => outcome
            )
            .increment(1);
            metrics::histogram!("menshen_gateway_decision_seconds", "door" => door)
                .record(taken.took);
        });
        let identity = match taken.decision {
            Decision::Allow(allowed) => allowed.identity.as_ref(),
            _ => None,
        };
        tracing::info!(
            request.id = taken.request_id,
            door,
            rule,
            outcome,
            status,
            client.address = %taken.facts.address,
            method = %taken.facts.method,
            host = taken.facts.host,
            path = taken.facts.target.split('?').next().unwrap_or_default(),
            user.id = identity.map(|identity| identity.subject.as_str()),
            session.id = identity.and_then(|identity| identity.session_id.as_deref()),
            "decided"
        );
    }

    /// Everything, as Prometheus reads it.
    pub(crate) fn render(&self, levels: &Levels) -> String {
        self.record(|| set(levels));
        self.recorder.handle().render()
    }

    /// Adds up what was recorded, so that it does not pile up while nobody asks for it.
    pub(crate) fn add_up(&self) {
        self.recorder.handle().run_upkeep();
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Telemetry(..)")
    }
}

fn describe() {
    metrics::describe_counter!(
        "menshen_gateway_decisions_total",
        "Decisions, by rule, door and outcome."
    );
    metrics::describe_histogram!("menshen_gateway_decision_seconds", "What a decision took.");
    metrics::describe_gauge!(
        "menshen_gateway_ready",
        "1 while keys and revocations are current, else 0."
    );
    metrics::describe_gauge!(
        "menshen_gateway_staleness_seconds",
        "How old the revocations are; NaN before the first snapshot."
    );
    metrics::describe_gauge!(
        "menshen_gateway_applied_seq",
        "The position in the revocation log up to which rules are applied."
    );
    metrics::describe_gauge!("menshen_gateway_revocations", "Revocations held.");
    metrics::describe_gauge!("menshen_gateway_rules", "Rules in force.");
    metrics::describe_gauge!(
        "menshen_gateway_limited_senders",
        "Senders that rate limits remember."
    );
    metrics::describe_gauge!(
        "menshen_gateway_signed_identities",
        "JWTs for services behind that are remembered."
    );
}

#[expect(clippy::cast_precision_loss, reason = "a number of this size is read by people")]
fn set(levels: &Levels) {
    metrics::gauge!("menshen_gateway_rules").set(levels.rules as f64);
    metrics::gauge!("menshen_gateway_limited_senders").set(levels.limited_senders as f64);
    metrics::gauge!("menshen_gateway_signed_identities").set(levels.assertions as f64);
    let ready = levels.verifier.is_none_or(|status| status.readiness.is_ready());
    metrics::gauge!("menshen_gateway_ready").set(f64::from(u8::from(ready)));
    let Some(status) = levels.verifier else { return };
    let age = status.staleness.map_or(f64::NAN, |age| age.as_secs_f64());
    metrics::gauge!("menshen_gateway_staleness_seconds").set(age);
    metrics::gauge!("menshen_gateway_revocations").set(status.rules as f64);
    if let Some(applied) = status.applied {
        metrics::gauge!("menshen_gateway_applied_seq").set(applied.0 as f64);
    }
}
