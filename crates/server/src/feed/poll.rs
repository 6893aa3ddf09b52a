//! The feed as one JSON document, signed so that it may be handed on and kept.

use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use menshen_store::{Store, StoreError};
use menshen_token::{Algorithm, Entry, Poll, Seq, Timestamp};

use crate::app::App;
use crate::error::ApiError;

/// How many entries after a position are given at a time.
const BATCH: u32 = 1_000;

/// How many rules one document holds at most: some ten megabytes, which are held in memory as a
/// whole. A stream takes any number, in parts.
const MOST: usize = 100_000;

/// The `typ` of the signature.
const SIGNATURE_TYPE: &str = "revocation-feed+jwt";

/// What came after a position, or everything.
pub(super) async fn answer(app: &App, after: Option<Seq>) -> Result<Response, ApiError> {
    let poll = read(app, after).await?.ok_or_else(|| {
        let sentence = "there are more rules than one document holds: follow the stream, with \
            `Accept: text/event-stream`";
        ApiError::Invalid(sentence.to_owned())
    })?;
    let body = serde_json::to_vec(&poll).expect("numbers and strings always serialize");
    let signature = sign(app, &body)?;
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (HeaderName::from_static("menshen-feed-signature"), signature),
    ];
    Ok((headers, body).into_response())
}

/// `None` when there is more than one document holds.
async fn read(app: &App, after: Option<Seq>) -> Result<Option<Poll>, StoreError> {
    let now = app.now();
    let head = app.store.head().await?;
    if let Some(after) = after
        && (head.compacted_through..=head.seq).contains(&after)
    {
        let entries = app.store.revocations_after(after, BATCH).await?;
        let whole = entries.iter().zip(after.0 + 1..).all(|(entry, seq)| entry.seq.0 == seq);
        if whole {
            let head = entries.last().map_or(after, |entry| entry.seq);
            return Ok(Some(Poll { snapshot: false, head, now, entries }));
        }
    }
    let entries = everything(&app.store, head.seq, now, MOST).await?;
    Ok(entries.map(|entries| Poll { snapshot: true, head: head.seq, now, entries }))
}

/// The rules that live; `None` when there are more than so many.
async fn everything(
    store: &Store,
    head: Seq,
    now: Timestamp,
    most: usize,
) -> Result<Option<Vec<Entry>>, StoreError> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let sent = entries.last().map_or(Seq(0), |entry| entry.seq);
        let part = store.live_revocations_after(sent, head, BATCH, now).await?;
        let last = part.len() < BATCH as usize;
        entries.extend(part);
        if entries.len() > most {
            return Ok(None);
        }
        if last {
            return Ok(Some(entries));
        }
    }
}

/// A JWS whose payload is left out, because it is the body (RFC 7515 appendix F).
fn sign(app: &App, body: &[u8]) -> Result<String, ApiError> {
    app.keyring.sign_detached(Algorithm::default(), SIGNATURE_TYPE, body).map_err(|error| {
        tracing::error!(error = %error, "cannot sign the feed");
        ApiError::Internal
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use menshen_domain::Secret;
    use menshen_store::{StoreOptions, Target};
    use menshen_token::{Jti, Reason};

    use super::*;

    #[tokio::test]
    async fn a_document_holds_so_many_rules_and_no_more() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = StoreOptions {
            url: Secret::new(format!("sqlite://{}", folder.path().join("menshen.db").display())),
            connections: 2,
            access_token_ceiling: Duration::from_hours(12),
        };
        let store = Store::open(&options).await.expect("a store");
        let now = Timestamp::from_seconds(1_767_225_600);
        for number in 0..3 {
            let jti = Jti::from_bytes([number; 16]);
            let target = Target::Token { jti, expires_at: now + Duration::from_mins(1) };
            store.revoke(&target, Reason::Admin, now).await.expect("revoked");
        }
        let read = async |most| everything(&store, Seq(3), now, most).await.expect("read");
        assert_eq!(read(3).await.map(|entries| entries.len()), Some(3));
        assert_eq!(read(2).await, None);
    }
}
