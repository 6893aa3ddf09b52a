//! The feed as one JSON document, signed so that it may be handed on and kept.

use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_store::StoreError;
use menshen_token::{Algorithm, Entry, Poll, Seq, Timestamp};

use crate::app::App;
use crate::error::ApiError;

/// How many entries after a position are given at a time.
const BATCH: u32 = 1_000;

/// The `typ` of the signature.
const SIGNATURE_TYPE: &str = "revocation-feed+jwt";

/// What came after a position, or everything.
pub(super) async fn answer(app: &App, after: Option<Seq>) -> Result<Response, ApiError> {
    let poll = read(app, after).await?;
    let body = serde_json::to_vec(&poll).expect("numbers and strings always serialize");
    let signature = sign(app, &body)?;
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (HeaderName::from_static("menshen-feed-signature"), signature),
    ];
    Ok((headers, body).into_response())
}

async fn read(app: &App, after: Option<Seq>) -> Result<Poll, StoreError> {
    let now = app.now();
    let head = app.store.head().await?;
    if let Some(after) = after
        && (head.compacted_through..=head.seq).contains(&after)
    {
        let entries = app.store.revocations_after(after, BATCH).await?;
        let whole = entries.iter().zip(after.0 + 1..).all(|(entry, seq)| entry.seq.0 == seq);
        if whole {
            let head = entries.last().map_or(after, |entry| entry.seq);
            return Ok(Poll { snapshot: false, head, now, entries });
        }
    }
    let entries = everything(app, head.seq, now).await?;
    Ok(Poll { snapshot: true, head: head.seq, now, entries })
}

async fn everything(app: &App, head: Seq, now: Timestamp) -> Result<Vec<Entry>, StoreError> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let sent = entries.last().map_or(Seq(0), |entry| entry.seq);
        let part = app.store.live_revocations_after(sent, head, BATCH, now).await?;
        let last = part.len() < BATCH as usize;
        entries.extend(part);
        if last {
            return Ok(entries);
        }
    }
}

/// A JWS whose payload is left out, because it is the body (RFC 7515 appendix F).
fn sign(app: &App, body: &[u8]) -> Result<String, ApiError> {
    let compact =
        app.keyring.sign(Algorithm::default(), SIGNATURE_TYPE, body).map_err(|error| {
            tracing::error!(error = %error, "cannot sign the feed");
            ApiError::Internal
        })?;
    let payload = URL_SAFE_NO_PAD.encode(body);
    Ok(compact.replacen(&format!(".{payload}."), "..", 1))
}
