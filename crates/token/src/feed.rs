//! What travels on the revocation feed: the frames of `docs/feed.md`.

use serde::{Deserialize, Serialize};

use crate::{Reason, Revocation, Timestamp};

/// A position in the revocation log. The first entry has position 1, each next one more,
/// without holes; 0 stands before all of them.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The position after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl std::fmt::Display for Seq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One entry of the revocation log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WireEntry", into = "WireEntry")]
pub struct Entry {
    /// Where it stands in the log.
    pub seq: Seq,
    /// The rule.
    pub revocation: Revocation,
    /// Why.
    pub reason: Reason,
    /// When it was appended.
    pub appended_at: Timestamp,
    /// From then on no token that it kills is accepted anyway, and it may be forgotten.
    pub expires_at: Timestamp,
}

/// One frame of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A part of all live rules; what the follower held before is forgotten once the last
    /// part is here.
    Snapshot {
        /// The position up to which the snapshot speaks.
        head: Seq,
        /// Live rules in order of position, with holes where rules have died.
        entries: Vec<Entry>,
        /// Whether this is the last part.
        last: bool,
    },
    /// New rules, each one position after the one before it.
    Append {
        /// At least one.
        entries: Vec<Entry>,
    },
    /// A sign of life: every entry up to `head` has been sent on this stream.
    Heartbeat {
        /// The last position of the log.
        head: Seq,
        /// The server's clock.
        now: Timestamp,
    },
}

/// The bytes are no frame, or one of a kind that we do not know and so cannot obey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed feed frame")]
pub struct MalformedFrame;

impl Frame {
    /// The Server-Sent Events name.
    pub const fn event(&self) -> &'static str {
        match self {
            Self::Snapshot { .. } => "snapshot",
            Self::Append { .. } => "append",
            Self::Heartbeat { .. } => "heartbeat",
        }
    }

    /// The position to resume from once this frame is applied; a heartbeat and a part of a
    /// snapshot that is not the last move nothing.
    pub fn resume_point(&self) -> Option<Seq> {
        match self {
            Self::Snapshot { head, last: true, .. } => Some(*head),
            Self::Append { entries } => entries.last().map(|entry| entry.seq),
            Self::Snapshot { .. } | Self::Heartbeat { .. } => None,
        }
    }

    /// The data line: one JSON object without line breaks.
    pub fn data(&self) -> String {
        let json = match self {
            Self::Snapshot { head, entries, last } => {
                serde_json::to_string(&SnapshotData { head: *head, entries, last: *last })
            }
            Self::Append { entries } => serde_json::to_string(&AppendData { entries }),
            Self::Heartbeat { head, now } => {
                serde_json::to_string(&HeartbeatData { head: *head, now_ms: *now })
            }
        };
        json.expect("numbers and strings always serialize")
    }

    /// Reads a frame. Members it does not know are passed over; a rule or reason it does not
    /// know is refused, because a rule that is not understood cannot be enforced.
    ///
    /// # Errors
    ///
    /// [`MalformedFrame`]; also for an append that is empty or has a hole.
    pub fn parse(event: &str, data: &str) -> Result<Self, MalformedFrame> {
        let malformed = |_: serde_json::Error| MalformedFrame;
        match event {
            "snapshot" => {
                let data: SnapshotData<Vec<Entry>> =
                    serde_json::from_str(data).map_err(malformed)?;
                Ok(Self::Snapshot { head: data.head, entries: data.entries, last: data.last })
            }
            "append" => {
                let data: AppendData<Vec<Entry>> = serde_json::from_str(data).map_err(malformed)?;
                let contiguous =
                    data.entries.windows(2).all(|pair| pair[1].seq.0 == pair[0].seq.0 + 1);
                if data.entries.is_empty() || !contiguous {
                    return Err(MalformedFrame);
                }
                Ok(Self::Append { entries: data.entries })
            }
            "heartbeat" => {
                let data: HeartbeatData = serde_json::from_str(data).map_err(malformed)?;
                Ok(Self::Heartbeat { head: data.head, now: data.now_ms })
            }
            _ => Err(MalformedFrame),
        }
    }
}

/// What a poll of the feed answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// Whether `entries` are all live rules, replacing what the follower held, rather than
    /// what came after the position it asked for.
    pub snapshot: bool,
    /// The position up to which this answer speaks.
    pub head: Seq,
    /// The server's clock.
    #[serde(rename = "now_ms")]
    pub now: Timestamp,
    /// Rules in order of position.
    pub entries: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct SnapshotData<E> {
    head: Seq,
    last: bool,
    entries: E,
}

#[derive(Serialize, Deserialize)]
struct AppendData<E> {
    entries: E,
}

#[derive(Serialize, Deserialize)]
struct HeartbeatData {
    head: Seq,
    now_ms: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct WireEntry {
    seq: Seq,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before_ms: Option<Timestamp>,
    reason: Reason,
    appended_at_ms: Timestamp,
    expires_at_ms: Timestamp,
}

impl From<Entry> for WireEntry {
    fn from(entry: Entry) -> Self {
        Self {
            seq: entry.seq,
            kind: entry.revocation.kind().to_owned(),
            value: entry.revocation.value(),
            before_ms: entry.revocation.before(),
            reason: entry.reason,
            appended_at_ms: entry.appended_at,
            expires_at_ms: entry.expires_at,
        }
    }
}

impl TryFrom<WireEntry> for Entry {
    type Error = MalformedFrame;

    fn try_from(wire: WireEntry) -> Result<Self, MalformedFrame> {
        Ok(Self {
            seq: wire.seq,
            revocation: Revocation::from_parts(&wire.kind, wire.value.as_deref(), wire.before_ms)
                .ok_or(MalformedFrame)?,
            reason: wire.reason,
            appended_at: wire.appended_at_ms,
            expires_at: wire.expires_at_ms,
        })
    }
}
