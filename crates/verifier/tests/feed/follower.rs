//! Snapshot, stream, resume, and what happens when the feed makes no sense.

use std::time::Duration;

use menshen_verifier::token::{Frame, Seq};
use menshen_verifier::{Policy, Readiness, Rejection};
use serde_json::json;

use super::peer::{Peer, entry, until, within};

#[tokio::test]
async fn a_verifier_is_ready_once_it_holds_keys_a_snapshot_and_a_sign_of_life() {
    let mut peer = Peer::start().await;
    let verifier = peer.builder().start().expect("a valid verifier");
    let token = peer.tokens.token("ada", "");
    assert_eq!(verifier.readiness(), Readiness::NoSnapshot);
    assert_eq!(verifier.verify(&token).expect_err("not ready"), Rejection::Stale);

    let connection = peer.connection().await;
    assert_eq!(connection.resumed, None);
    assert_eq!(connection.verifier.as_deref(), Some("orders"));
    let claims = peer.tokens.claims("bob");
    let part = |jti, last| Frame::Snapshot { head: Seq(7), entries: vec![entry(5, jti)], last };
    connection.send(&part(claims.jti, false));
    connection.send(&part(peer.tokens.claims("eve").jti, true));
    assert_eq!(verifier.readiness(), Readiness::NoSnapshot);
    connection.heartbeat(7);
    within(verifier.ready()).await;

    assert!(verifier.verify(&token).is_ok());
    let revoked = peer.tokens.sign(&claims);
    assert_eq!(verifier.verify(&revoked).expect_err("revoked"), Rejection::Revoked);
    let status = verifier.status();
    assert_eq!((status.applied, status.rules), (Some(Seq(7)), 2));
    assert_eq!(status.staleness, Some(Duration::ZERO));
}

#[tokio::test]
async fn a_revocation_kills_a_token_that_was_good_before_and_is_acknowledged() {
    let mut peer = Peer::start().await;
    let verifier = peer.builder().start().expect("a valid verifier");
    let connection = peer.connection().await;
    connection.stream("s-1");
    connection.snapshot(0, Vec::new());
    assert_eq!(peer.acknowledgment().await, json!({ "stream": "s-1", "seq": 0 }));
    connection.heartbeat(0);
    within(verifier.ready()).await;

    let claims = peer.tokens.claims("ada");
    let token = peer.tokens.sign(&claims);
    assert!(verifier.verify(&token).is_ok());
    connection.append(vec![entry(1, claims.jti)]);
    assert_eq!(peer.acknowledgment().await, json!({ "stream": "s-1", "seq": 1 }));
    assert_eq!(verifier.verify(&token).expect_err("revoked"), Rejection::Revoked);
}

#[tokio::test]
async fn a_lost_connection_goes_on_where_it_was() {
    let mut peer = Peer::start().await;
    let (verifier, connection) = peer.ready(peer.builder()).await;
    let (first, second) = (peer.tokens.claims("ada"), peer.tokens.claims("ada"));
    connection.append(vec![entry(1, first.jti)]);
    let revoked = peer.tokens.sign(&first);
    until(|| verifier.verify(&revoked).is_err()).await;
    drop(connection);

    let connection = peer.connection().await;
    assert_eq!(connection.resumed.as_deref(), Some("1"));
    connection.append(vec![entry(2, second.jti)]);
    let revoked_later = peer.tokens.sign(&second);
    until(|| verifier.verify(&revoked_later).is_err()).await;
    assert_eq!(verifier.verify(&revoked).expect_err("still"), Rejection::Revoked);
}

#[tokio::test]
async fn a_snapshot_replaces_what_was_held() {
    let mut peer = Peer::start().await;
    let (verifier, connection) = peer.ready(peer.builder()).await;
    connection.append(vec![entry(1, peer.tokens.claims("ada").jti)]);
    until(|| verifier.status().rules == 1).await;
    drop(connection);
    // The log was compacted beyond the place where we were.
    let connection = peer.connection().await;
    connection.snapshot(900, Vec::new());
    connection.heartbeat(900);
    until(|| verifier.status().rules == 0).await;
    assert_eq!(verifier.status().applied, Some(Seq(900)));
}

/// What a feed must not say, each on a connection of its own.
#[tokio::test]
async fn a_feed_that_makes_no_sense_is_dropped_and_not_believed_before_a_snapshot() {
    let unknown_rule = r#"{"entries":[{"seq":1,"kind":"ip","value":"::1","reason":"logout",
        "appended_at_ms":0,"expires_at_ms":9000000000000}]}"#
        .replace('\n', "");
    let hole = entry_frame(2);
    let nonsense = [
        format!("event: append\ndata: {unknown_rule}\n\n"),
        hole,
        "event: append\ndata: {\"entries\":[]}\n\n".to_owned(),
        "event: append\ndata: {\"entries\":\n\n".to_owned(),
        "event: heartbeat\ndata: {\"head\":1,\"now_ms\":1800000000000}\n\n".to_owned(),
        "event: heartbeat\ndata: {\"head\":-1,\"now_ms\":1800000000000}\n\n".to_owned(),
        "event: retract\ndata: {}\n\n".to_owned(),
        "data: {}\n\n".to_owned(),
        "event: stream\ndata: {}\n\n".to_owned(),
    ];
    for said in nonsense {
        let mut peer = Peer::start().await;
        let (verifier, connection) = peer.ready(peer.builder().policy(Policy::Refuse)).await;
        let token = peer.tokens.token("ada", "");
        assert!(verifier.verify(&token).is_ok());
        connection.raw(&said);

        let connection = peer.connection().await;
        assert_eq!(connection.resumed, None, "{said}");
        assert_eq!(verifier.verify(&token).expect_err("in doubt"), Rejection::Stale, "{said}");
        // A sign of life alone does not settle what was not understood.
        connection.heartbeat(0);
        let connection = peer.connection().await;
        assert!(!verifier.readiness().is_ready(), "{said}");
        connection.snapshot(3, Vec::new());
        connection.heartbeat(3);
        within(verifier.ready()).await;
        assert!(verifier.verify(&token).is_ok(), "{said}");
    }
}

#[tokio::test]
async fn a_doubt_outlasts_connections_that_fail() {
    let mut peer = Peer::start().await;
    let (verifier, connection) = peer.ready(peer.builder()).await;
    let refused = std::mem::replace(&mut peer.script().feed_token, "another".to_owned());
    let asked = peer.asked("/feed");
    connection.raw("event: retract\ndata: {}\n\n");
    until(|| peer.asked("/feed") >= asked + 2).await;
    peer.script().feed_token = refused;
    let connection = peer.connection().await;
    assert_eq!(connection.resumed, None);
    connection.snapshot(0, Vec::new());
    connection.heartbeat(0);
    within(verifier.ready()).await;
}

fn entry_frame(seq: u64) -> String {
    let jti = "AAAAAAAAAAAAAAAAAAAAAA".parse().expect("valid");
    let frame = Frame::Append { entries: vec![entry(seq, jti)] };
    format!("event: append\ndata: {}\n\n", frame.data())
}

#[tokio::test]
async fn a_silent_feed_is_dropped() {
    let mut peer = Peer::start().await;
    let builder = peer.builder().max_staleness(Duration::from_millis(200));
    let (_verifier, connection) = peer.ready(builder).await;
    let next = peer.connection().await;
    assert_eq!(next.resumed.as_deref(), Some("0"));
    until(|| !connection.is_open()).await;
}

#[tokio::test]
async fn a_frame_in_pieces_is_a_frame() {
    let mut peer = Peer::start().await;
    let (verifier, connection) = peer.ready(peer.builder()).await;
    let claims = peer.tokens.claims("ada");
    let frame = Frame::Append { entries: vec![entry(1, claims.jti)] };
    let text = format!(": a comment\r\nevent: append\r\ndata: {}\r\n\r\n", frame.data());
    for piece in text.as_bytes().chunks(7) {
        connection.raw(std::str::from_utf8(piece).expect("ASCII"));
    }
    let token = peer.tokens.sign(&claims);
    until(|| verifier.verify(&token).is_err()).await;
}

#[tokio::test]
async fn the_tasks_end_with_the_last_clone() {
    let mut peer = Peer::start().await;
    let (verifier, connection) = peer.ready(peer.builder()).await;
    let clone = verifier.clone();
    drop(verifier);
    assert!(connection.is_open());
    drop(clone);
    until(|| !connection.is_open()).await;
}

#[tokio::test]
async fn checking_a_token_makes_no_network_call() {
    let mut peer = Peer::start().await;
    let (verifier, _connection) = peer.ready(peer.builder()).await;
    let known = peer.tokens.token("ada", "");
    let asked = peer.asked_in_all();
    for number in 0..200 {
        assert!(verifier.verify(&known).is_ok());
        assert!(verifier.verify(&peer.tokens.token("ada", &format!("s{number}"))).is_ok());
        assert!(verifier.verify("not a token").is_err());
    }
    assert_eq!(peer.asked_in_all(), asked);
}
