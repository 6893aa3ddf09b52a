//! Any way to receive the log yields the same rules.

use std::time::Duration;

use menshen_token::{AccessToken, Entry, Jti, Reason, Revocation, SessionId};
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const IDS: u8 = 6;

/// A log in which every entry names one of a few things, so that rules meet.
fn logs() -> impl Strategy<Value = Vec<Entry>> {
    let id = || 0..IDS;
    let instant = || (0..10_u64).prop_map(|second| NOW + Duration::from_secs(second));
    let rule = prop_oneof![
        id().prop_map(|id| Revocation::Token(Jti::from_bytes([id; 16]))),
        id().prop_map(|id| Revocation::Session(SessionId::from_bytes([id; 16]))),
        (id(), instant()).prop_map(|(id, at)| Revocation::UserBefore(name(id), at)),
        (id(), instant()).prop_map(|(id, at)| Revocation::ClientBefore(name(id), at)),
        id().prop_map(|id| Revocation::Key(name(id))),
    ];
    prop::collection::vec(rule, 1..40).prop_map(|rules| {
        let numbered = (1..).zip(rules);
        numbered
            .map(|(seq, revocation)| Entry {
                seq: Seq(seq),
                revocation,
                reason: Reason::Logout,
                appended_at: NOW,
                expires_at: NOW + Duration::from_hours(1),
            })
            .collect()
    })
}

fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(id: u8) -> T {
    format!("name-{id}").parse().expect("valid")
}

/// One token for each combination that a rule could tell apart.
fn probes() -> Vec<AccessToken> {
    let mut probes = Vec::new();
    for id in 0..=IDS {
        for second in 0..10 {
            let other = IDS + 1;
            let mut token = token(other, other, NOW + Duration::from_secs(second));
            probes.push(AccessToken { jti: Jti::from_bytes([id; 16]), ..token.clone() });
            probes.push(AccessToken { subject: name(id), ..token.clone() });
            probes.push(AccessToken { client_id: name(id), ..token.clone() });
            probes.push(AccessToken { key_id: name(id), ..token.clone() });
            token.session_id = Some(SessionId::from_bytes([id; 16]));
            probes.push(token);
        }
    }
    probes
}

fn token(id: u8, key: u8, issued_at: Timestamp) -> AccessToken {
    let payload = format!(
        r#"{{"iss":"i","sub":"name-{id}","aud":"a","exp":1,"iat":{},"iat_ms":{},
            "jti":"{}","client_id":"name-{id}"}}"#,
        issued_at.as_seconds(),
        issued_at.as_millis(),
        Jti::from_bytes([id; 16]),
    );
    AccessToken::from_payload(name(key), payload.as_bytes()).expect("valid claims")
}

fn assert_holds_exactly(held: &HeldRules, log: &[Entry]) {
    for token in probes() {
        let naive = log.iter().any(|entry| entry.revocation.kills(&token));
        assert_eq!(held.rules().kills(&token), naive, "{token:?}");
    }
}

/// What a server sends to someone who was at `after`: a snapshot when the log has been
/// compacted beyond that, in parts, else the tail, in batches.
fn sent(log: &[Entry], after: Option<Seq>, compacted: Seq, batch: usize) -> Vec<Frame> {
    let head = log.last().map_or(Seq(0), |entry| entry.seq);
    let mut frames: Vec<Frame> = match after {
        Some(after) if after >= compacted => {
            let tail: Vec<Entry> = log.iter().filter(|e| e.seq > after).cloned().collect();
            tail.chunks(batch).map(|part| Frame::Append { entries: part.to_vec() }).collect()
        }
        _ => {
            let parts: Vec<&[Entry]> = log.chunks(batch).collect();
            let last = parts.len().saturating_sub(1);
            let numbered = parts.iter().enumerate();
            numbered
                .map(|(number, part)| Frame::Snapshot {
                    head,
                    entries: part.to_vec(),
                    last: number == last,
                })
                .collect()
        }
    };
    frames.push(Frame::Heartbeat { head, now: NOW });
    frames
}

proptest! {
    /// Connections that break off after any frame, a verifier that restarts, a log that was
    /// compacted in between: what is held in the end is the whole log.
    #[test]
    fn any_resume_point_yields_the_same_set(
        log in logs(),
        breaks in prop::collection::vec((0..40_usize, 0..6_usize, any::<bool>(), 0..40_u64), 0..6),
        batch in 1..7_usize,
    ) {
        let mut held = HeldRules::default();
        let visits = breaks.into_iter().chain([(log.len(), usize::MAX, false, 0)]);
        let mut grown = 0;
        for (length, frames, restart, compacted) in visits {
            if restart {
                held = HeldRules::default();
            }
            grown = grown.max(length.min(log.len()));
            let so_far = &log[..grown];
            let after = held.applied();
            held.connect(after);
            for frame in sent(so_far, after, Seq(compacted), batch).into_iter().take(frames) {
                if so_far.is_empty() && after.is_none() {
                    break;
                }
                held.apply(frame, NOW).expect("an honest server");
            }
        }
        prop_assert_eq!(held.applied(), Some(Seq(log.len() as u64)));
        assert_holds_exactly(&held, &log);
    }

    /// A server that loses a batch is found out, and a snapshot makes up for it.
    #[test]
    fn a_lost_batch_is_never_passed_over(log in logs(), lost in 0..40_usize, batch in 1..7_usize) {
        let mut held = HeldRules::default();
        held.connect(None);
        let empty = Frame::Snapshot { head: Seq(0), entries: Vec::new(), last: true };
        held.apply(empty, NOW).expect("a snapshot of nothing");
        let mut frames = sent(&log, Some(Seq(0)), Seq(0), batch);
        frames.remove(lost % (frames.len() - 1));
        let outcome: Result<Vec<Step>, Broken> =
            frames.into_iter().map(|frame| held.apply(frame, NOW)).collect();
        prop_assert_eq!(outcome.expect_err("found out"), Broken::Hole);

        held.connect(None);
        for frame in sent(&log, None, Seq(0), batch) {
            held.apply(frame, NOW).expect("an honest server");
        }
        assert_holds_exactly(&held, &log);
    }
}

fn entry(seq: u64) -> Entry {
    Entry {
        seq: Seq(seq),
        revocation: Revocation::Token(Jti::from_bytes([u8::try_from(seq).expect("small"); 16])),
        reason: Reason::Logout,
        appended_at: NOW,
        expires_at: NOW + Duration::from_hours(1),
    }
}

fn snapshot(head: u64, last: bool) -> Frame {
    Frame::Snapshot { head: Seq(head), entries: vec![entry(head)], last }
}

fn heartbeat(head: u64) -> Frame {
    Frame::Heartbeat { head: Seq(head), now: NOW }
}

#[test]
fn nothing_is_complete_before_the_last_part_of_a_snapshot() {
    let mut held = HeldRules::default();
    held.connect(None);
    assert_eq!(held.apply(heartbeat(0), NOW), Err(Broken::Hole));
    held.connect(None);
    assert_eq!(held.apply(snapshot(3, false), NOW), Ok(Step::Collected));
    assert_eq!(held.applied(), None);
    assert_eq!(held.apply(heartbeat(3), NOW), Err(Broken::Hole));
}

#[test]
fn a_new_connection_must_not_go_on_with_half_a_snapshot() {
    let mut held = HeldRules::default();
    held.connect(None);
    held.apply(snapshot(3, false), NOW).expect("a part");
    held.connect(None);
    held.apply(snapshot(9, true), NOW).expect("a whole one");
    assert_eq!((held.applied(), held.rules().len()), (Some(Seq(9)), 1));
}

#[test]
fn parts_of_two_snapshots_do_not_make_one() {
    let mut held = HeldRules::default();
    held.connect(None);
    held.apply(snapshot(3, false), NOW).expect("a part");
    assert_eq!(held.apply(snapshot(4, true), NOW), Err(Broken::Hole));
    assert_eq!(held.applied(), None);
}

#[test]
fn after_asking_for_a_snapshot_only_a_snapshot_will_do() {
    let mut held = HeldRules::default();
    held.connect(None);
    held.apply(snapshot(3, true), NOW).expect("a whole one");
    // The follower saw something that it did not understand, and asked anew.
    held.connect(None);
    assert_eq!(held.apply(heartbeat(3), NOW), Err(Broken::Hole));
    assert_eq!(held.apply(Frame::Append { entries: vec![entry(4)] }, NOW), Err(Broken::Hole));
    assert_eq!(held.apply(snapshot(4, true), NOW), Ok(Step::Moved));
    assert_eq!(held.apply(heartbeat(4), NOW), Ok(Step::Complete(NOW)));
}

#[test]
fn a_heartbeat_beyond_what_was_sent_is_a_hole() {
    let mut held = HeldRules::default();
    held.connect(None);
    held.apply(snapshot(3, true), NOW).expect("a whole one");
    assert_eq!(held.apply(heartbeat(4), NOW), Err(Broken::Hole));
}

#[test]
fn entries_that_come_twice_are_a_hole() {
    let mut held = HeldRules::default();
    held.connect(None);
    held.apply(snapshot(3, true), NOW).expect("a whole one");
    let again = Frame::Append { entries: vec![entry(3), entry(4)] };
    assert_eq!(held.apply(again, NOW), Err(Broken::Hole));
}

#[test]
fn a_log_that_was_put_back_is_noticed() {
    let mut held = HeldRules::default();
    held.connect(None);
    held.apply(snapshot(8, true), NOW).expect("a whole one");
    held.connect(Some(Seq(8)));
    assert_eq!(held.apply(heartbeat(5), NOW), Err(Broken::Backwards));
}

#[derive(serde::Deserialize)]
struct Vectors {
    streams: Vec<Stream>,
}

#[derive(serde::Deserialize)]
struct Stream {
    name: String,
    resumed: Option<Seq>,
    events: Vec<Event>,
    outcome: String,
    applied: Option<Seq>,
}

#[derive(serde::Deserialize)]
struct Event {
    event: String,
    data: String,
}

#[test]
fn streams_end_as_the_vectors_say() {
    let vectors = include_str!("../../../../../vectors/frames.json");
    let vectors: Vectors = serde_json::from_str(vectors).expect("well-formed vectors");
    for stream in vectors.streams {
        let mut held = HeldRules::default();
        if let Some(before) = stream.resumed {
            held.connect(None);
            held.apply(snapshot(before.0, true), NOW).expect("a whole one");
        }
        held.connect(stream.resumed);
        let mut outcome = "waiting";
        for Event { event, data } in stream.events {
            let frame = Frame::parse(&event, &data).expect("a well-formed frame");
            outcome = match held.apply(frame, NOW) {
                Ok(Step::Collected | Step::Moved) => "waiting",
                Ok(Step::Complete(_)) => "complete",
                Err(_) => "broken",
            };
            if outcome == "broken" {
                break;
            }
        }
        assert_eq!(
            (outcome, held.applied()),
            (&*stream.outcome, stream.applied),
            "{}",
            stream.name
        );
    }
}
