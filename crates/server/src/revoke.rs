//! The one door to [`Store::revoke`]: counted, and answered with a receipt.
//!
//! [`Store::revoke`]: menshen_store::Store::revoke

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use menshen_domain::logout_delivery::DeliveryState;
use menshen_store::{Receipt, StoreError, Target};
use menshen_token::{ClientId, Reason, Seq};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::feed::Acknowledgement;

/// The longest that `Prefer: wait` holds an answer back.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Ends something. Ending what has ended already is a success.
///
/// # Errors
///
/// The store's.
pub(crate) async fn revoke(
    app: &App,
    target: Target,
    reason: Reason,
) -> Result<Receipt, StoreError> {
    let receipt = app.store.revoke(&target, reason, app.now()).await?;
    count(&receipt);
    Ok(receipt)
}

/// Counts what a call of the store has ended, for those that end things on their way.
pub(crate) fn count(receipt: &Receipt) {
    if let Some(entry) = &receipt.appended {
        let (kind, reason) = (entry.revocation.kind(), entry.reason.as_str());
        metrics::counter!("menshen_revocations_total", "kind" => kind, "reason" => reason)
            .increment(1);
    }
}

/// What was ended, and who knows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReceiptBody {
    ended: Ended,
    /// The position in the revocation log up to which a verifier must have read to know.
    #[schema(value_type = u64)]
    position: Seq,
    /// Verifiers that are connected, and how many of them have applied the log up to
    /// `position`; `null` when that cannot be told right now.
    verifiers: Option<Acknowledgement>,
    /// Clients that will be told by a back-channel logout, each once.
    backchannel: Vec<Told>,
}

/// A client that will be told.
#[derive(Debug, Serialize, ToSchema)]
struct Told {
    #[schema(value_type = String)]
    client_id: ClientId,
    /// `queued`; what becomes of it, `GET /admin/deliveries` tells.
    state: &'static str,
}

/// How much was ended by this call; nothing when it had ended before.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
struct Ended {
    sessions: u64,
    grants: u64,
}

impl Told {
    fn soon(client_id: &ClientId) -> Self {
        Self { client_id: client_id.clone(), state: DeliveryState::Queued.as_str() }
    }
}

/// The answer to whoever asked for the end. `Prefer: wait=N` (RFC 7240 section 4.3) holds it
/// back until every connected verifier has applied it, or so many seconds have passed; what had
/// ended before has been waited for before.
pub(crate) async fn receipt(app: &App, receipt: &Receipt, headers: &HeaderMap) -> Response {
    let wait = preferred_wait(headers).filter(|_| receipt.appended.is_some());
    let asked = match wait {
        Some(longest) => app.feed.wait(receipt.seq, longest).await,
        None => app.feed.status(receipt.seq).await,
    };
    let verifiers = asked.map_err(|error| {
        tracing::warn!(error = %error, "cannot tell how many verifiers know");
    });
    let body = ReceiptBody {
        ended: Ended { sessions: receipt.sessions, grants: receipt.grants },
        position: receipt.seq,
        verifiers: verifiers.ok(),
        backchannel: receipt.queued.iter().map(Told::soon).collect(),
    };
    let mut response = ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response();
    if let Some(wait) = wait
        && let Ok(applied) = HeaderValue::from_str(&format!("wait={}", wait.as_secs()))
    {
        response.headers_mut().insert(HeaderName::from_static("preference-applied"), applied);
    }
    response
}

/// How long the caller would wait, at most [`LONGEST_WAIT`]. A preference that cannot be read
/// is none (RFC 7240 section 2).
pub(crate) fn preferred_wait(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let wait = lines.flat_map(|line| line.split(',')).find_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"').to_owned())
    })?;
    let digits = !wait.is_empty() && wait.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = digits.then(|| wait.parse().unwrap_or(u64::MAX))?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(prefer: &'static str) -> Option<u64> {
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static("prefer"),
            HeaderValue::from_static(prefer),
        )]);
        preferred_wait(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_wait_is_read_as_rfc_7240_writes_it() {
        assert_eq!(wait("wait=10"), Some(10));
        assert_eq!(wait("respond-async, Wait=\"5\"; foo"), Some(5));
        assert_eq!(wait("wait=99999999999999999999999"), Some(30));
        assert_eq!(wait("wait=0"), Some(0));
        for none in ["", "wait", "wait=", "wait=-1", "wait=1.5", "await=3", "handling=strict"] {
            assert_eq!(wait(none), None, "{none}");
        }
    }
}
