//! `/admin/revocations`: the log, and the two rules that belong to no session, user or client.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use menshen_store::Target;
use menshen_token::{Entry, Jti, Reason, Seq, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Admin;
use super::openapi::{LogEntry, Problem};
use crate::app::App;
use crate::error::ApiError;
use crate::json::{Body, Query};
use crate::revoke::{ReceiptBody, receipt, revoke};

/// Which part of the log is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// The position to go on after; 0, the default, is the beginning.
    #[serde(default)]
    after: u64,
    /// The most entries to give, 1 to 1,000; 100 by default.
    limit: Option<u32>,
}

/// A part of the revocation log, in order. Entries that can kill nothing any more are cleaned up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevocationList {
    #[schema(value_type = Vec<LogEntry>)]
    revocations: Vec<Entry>,
    /// The last position of the log.
    #[schema(value_type = u64)]
    head: Seq,
}

/// Read the revocation log
#[utoipa::path(
    get, path = "/admin/revocations", tag = "revocations", operation_id = "list_revocations",
    params(Part),
    responses((status = 200, body = RevocationList), (status = "default", body = Problem))
)]
pub(crate) async fn get(
    State(app): State<App>,
    _: Admin,
    Query(part): Query<Part>,
) -> Result<Json<RevocationList>, ApiError> {
    let limit = part.limit.unwrap_or(100);
    if !(1..=1_000).contains(&limit) {
        return Err(ApiError::Invalid("`limit` is 1 to 1000".to_owned()));
    }
    let head = app.store.head().await?.seq;
    // A position beyond the log is answered like its end.
    let after = Seq(part.after).min(head);
    let revocations = app.store.revocations_after(after, limit).await?;
    Ok(Json(RevocationList { revocations, head }))
}

/// What is to be revoked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum NewRevocation {
    /// One access token.
    Jti {
        /// `jti` of the token.
        #[schema(value_type = String)]
        value: Jti,
        /// When it expires by itself, in milliseconds since 1970; without it, the longest that
        /// any token lives from now.
        #[schema(value_type = Option<i64>)]
        expires_at_ms: Option<Timestamp>,
    },
    /// Every access token issued before an instant. Sessions live, and renew theirs.
    AllBefore {
        /// In milliseconds since 1970; without it, now.
        #[schema(value_type = Option<i64>)]
        before_ms: Option<Timestamp>,
    },
}

/// Revoke one token, or all that were issued before an instant
#[utoipa::path(
    post, path = "/admin/revocations", tag = "revocations", operation_id = "revoke",
    request_body = NewRevocation,
    responses((status = 200, body = ReceiptBody), (status = "default", body = Problem))
)]
pub(crate) async fn post(
    State(app): State<App>,
    _: Admin,
    headers: HeaderMap,
    Body(new): Body<NewRevocation>,
) -> Result<Response, ApiError> {
    let now = app.now();
    let (target, reason) = match new {
        NewRevocation::Jti { value, expires_at_ms } => {
            let longest = now + app.config.access_token_ceiling;
            let expires_at = expires_at_ms.unwrap_or(longest).min(longest);
            (Target::Token { jti: value, expires_at }, Reason::Admin)
        }
        NewRevocation::AllBefore { before_ms } => {
            let before = before_ms.unwrap_or(now);
            if before > now {
                let sentence = "`before_ms` lies in the future";
                return Err(ApiError::Invalid(sentence.to_owned()));
            }
            (Target::All { before }, Reason::AllRevoked)
        }
    };
    let revoked = revoke(&app, target, reason).await?;
    // At once, for whoever takes a new token now; other nodes hear of it by the log.
    app.clients.clear();
    Ok(receipt(&app, &revoked, &headers).await)
}
