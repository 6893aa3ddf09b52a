//! `GET /healthz`: the process lives. `GET /readyz`: it can do its work, or why it cannot.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use menshen_token::Algorithm;
use serde::Serialize;

use crate::app::App;

const NO_STORE: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

pub(crate) async fn alive() -> ([(HeaderName, &'static str); 1], &'static str) {
    (NO_STORE, "alive\n")
}

/// Whether we can do our work.
#[derive(Debug, Serialize)]
pub(crate) struct Readiness {
    ready: bool,
    checks: Checks,
}

#[derive(Debug, Serialize)]
struct Checks {
    store: Check,
    keys: Check,
    feed: Check,
}

#[derive(Debug, Serialize)]
struct Check {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
}

impl Check {
    fn new(ok: bool, why_not: &'static str) -> Self {
        Self { ok, why: (!ok).then_some(why_not) }
    }
}

pub(crate) async fn ready(
    State(app): State<App>,
) -> (StatusCode, [(HeaderName, &'static str); 1], Json<Readiness>) {
    let answers = match app.store.ping().await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(error = %error, cause = ?error, "not ready");
            false
        }
    };
    let can_sign = app.keyring.algorithms().contains(&Algorithm::default());
    let closing = *app.feed.closing().borrow();
    let checks = Checks {
        store: Check::new(answers, "the database does not answer"),
        keys: Check::new(can_sign, "there is no key to sign with"),
        feed: Check::new(!closing, "the server is shutting down"),
    };
    let ready = checks.store.ok && checks.keys.ok && checks.feed.ok;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, NO_STORE, Json(Readiness { ready, checks }))
}
