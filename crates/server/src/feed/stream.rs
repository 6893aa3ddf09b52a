//! One stream of Server-Sent Events: a snapshot where one is needed, then entries in the order
//! of the log, then signs of life, and never one of them before its turn.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::stream::unfold;
use menshen_store::StoreError;
use menshen_token::{AccessToken, Entry, Frame, Seq};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior};

use super::hub::Hub;
use super::tail::Tail;
use crate::app::App;

/// How many entries a frame holds at most.
const PART: u32 = 1_000;

/// Opens a stream that goes on after a position, or begins with a snapshot.
pub(super) async fn open(
    app: &App,
    token: AccessToken,
    after: Option<Seq>,
    verifier: String,
) -> Result<Response, StoreError> {
    let hub = app.feed.clone();
    let position = begin(&hub, after).await?;
    let id = URL_SAFE_NO_PAD.encode(app.random::<16>());
    hub.open_stream(id.clone(), token.client_id.clone(), verifier);
    let mut beat = tokio::time::interval(app.config.feed_heartbeat);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stream = EventStream {
        tail: hub.tail(),
        closing: hub.closing(),
        hub,
        greeted: false,
        id,
        token,
        token_is_dead: false,
        position,
        beat,
        beat_is_due: false,
        beaten_at: 0,
    };
    let frames = unfold(stream, |mut stream| async move {
        let frame = stream.next().await?;
        Some((Ok::<_, Infallible>(frame), stream))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies of the nginx family would collect frames before they pass them on.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(frames)).into_response())
}

/// Where a stream stands.
#[derive(Clone, Copy, Debug)]
enum Position {
    /// Everything up to here has been sent.
    At(Seq),
    /// Amid a snapshot that speaks up to `head`, of which what stands up to `sent` has gone out.
    Snapshot { head: Seq, sent: Seq },
}

/// A position that nothing is missing after is gone on from; everything else is told anew.
async fn begin(hub: &Hub, after: Option<Seq>) -> Result<Position, StoreError> {
    let Some(after) = after else { return snapshot(hub).await };
    if after <= hub.head() && hub.recent(after, 0).is_some() {
        return Ok(Position::At(after));
    }
    let head = hub.store().head().await?;
    if (head.compacted_through..=head.seq).contains(&after) {
        return Ok(Position::At(after));
    }
    snapshot(hub).await
}

/// As of the end of the log itself, which may be ahead of what this node has read of it: a
/// follower that comes from another node must not be taken back.
async fn snapshot(hub: &Hub) -> Result<Position, StoreError> {
    let head = hub.store().head().await?.seq;
    Ok(Position::Snapshot { head, sent: Seq(0) })
}

struct EventStream {
    hub: Hub,
    tail: watch::Receiver<Tail>,
    closing: watch::Receiver<bool>,
    id: String,
    greeted: bool,
    /// What the caller was let in with. The stream does not outlive it.
    token: AccessToken,
    token_is_dead: bool,
    position: Position,
    beat: Interval,
    beat_is_due: bool,
    /// How often the log's end had been confirmed when the last sign of life was given.
    beaten_at: u64,
}

impl EventStream {
    /// The next frame; `None` ends the stream, and the follower comes back.
    ///
    /// It is asked for only while the connection has room for it: a follower that takes nothing
    /// falls silent here as well.
    async fn next(&mut self) -> Option<Bytes> {
        self.hub.stream_is_alive(&self.id);
        if !self.greeted {
            self.greeted = true;
            return Some(format!("event: stream\ndata: {{\"stream\":\"{}\"}}\n\n", self.id).into());
        }
        loop {
            let expired = self.hub.clock().now() >= self.token.expires_at;
            if expired || self.token_is_dead || *self.closing.borrow() {
                return None;
            }
            match self.frame().await {
                Ok(Some(frame)) => return Some(written(&frame)),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(error = %error, cause = ?error, "a feed stream broke off");
                    return None;
                }
            }
            tokio::select! {
                changed = self.tail.changed() => changed.ok()?,
                _ = self.beat.tick() => {
                    self.beat_is_due = true;
                    self.hub.stream_is_alive(&self.id);
                }
                changed = self.closing.changed() => changed.ok()?,
            }
        }
    }

    /// What is to be sent now, if anything is.
    async fn frame(&mut self) -> Result<Option<Frame>, StoreError> {
        let tail = *self.tail.borrow_and_update();
        if let Position::At(sent) = self.position
            && sent < tail.head
        {
            let entries = self.entries_after(sent).await?;
            if let Some(last) = entries.last() {
                self.position = Position::At(last.seq);
                self.look_for_own_death(&entries);
                return Ok(Some(Frame::Append { entries }));
            }
            self.position = snapshot(&self.hub).await?;
        }
        match self.position {
            Position::Snapshot { head, sent } => self.part(head, sent).await.map(Some),
            Position::At(sent) if sent == tail.head => Ok(self.sign_of_life(tail)),
            // The caller has read more of the log than this node has so far.
            Position::At(_) => Ok(None),
        }
    }

    /// The entries after a position without a hole; none when the first of them is gone.
    async fn entries_after(&self, sent: Seq) -> Result<Vec<Entry>, StoreError> {
        if let Some(entries) = self.hub.recent(sent, PART as usize) {
            return Ok(entries);
        }
        let mut entries = self.hub.store().revocations_after(sent, PART).await?;
        let whole = entries.iter().zip(sent.0 + 1..).take_while(|(entry, seq)| entry.seq.0 == *seq);
        let whole = whole.count();
        entries.truncate(whole);
        Ok(entries)
    }

    async fn part(&mut self, head: Seq, sent: Seq) -> Result<Frame, StoreError> {
        let now = self.hub.clock().now();
        let entries = self.hub.store().live_revocations_after(sent, head, PART, now).await?;
        let last = entries.len() < PART as usize;
        self.position = match entries.last() {
            Some(entry) if !last => Position::Snapshot { head, sent: entry.seq },
            _ => Position::At(head),
        };
        self.look_for_own_death(&entries);
        Ok(Frame::Snapshot { head, entries, last })
    }

    /// Nothing while the end of the log cannot be confirmed: a sign of life would lie.
    fn sign_of_life(&mut self, tail: Tail) -> Option<Frame> {
        let confirmed = tail.confirmations > self.beaten_at;
        if !self.beat_is_due || !confirmed {
            return None;
        }
        self.beat_is_due = false;
        self.beaten_at = tail.confirmations;
        Some(Frame::Heartbeat { head: tail.head, now: tail.confirmed_at })
    }

    fn look_for_own_death(&mut self, entries: &[Entry]) {
        self.token_is_dead |= entries.iter().any(|entry| entry.revocation.kills(&self.token));
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.hub.close_stream(&self.id);
    }
}

fn written(frame: &Frame) -> Bytes {
    let id = frame.resume_point().map(|seq| format!("id: {seq}\n")).unwrap_or_default();
    format!("event: {}\n{id}data: {}\n\n", frame.event(), frame.data()).into()
}
