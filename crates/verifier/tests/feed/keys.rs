//! Keys are found through the metadata, fetched when needed, and take their tokens with them.

use std::time::Duration;

use axum::http::StatusCode;
use menshen_verifier::testing::TestIssuer;
use menshen_verifier::token::{AccessToken, Entry, Revocation, Seq};
use menshen_verifier::{Readiness, Rejection};

use super::peer::{AUDIENCE, MAX_STALENESS, Peer, entry, until, within};

fn under_another_key(peer: &Peer) -> String {
    let claims = peer.tokens.claims("ada");
    peer.tokens.sign(&AccessToken { key_id: "another".parse().expect("valid"), ..claims })
}

#[tokio::test]
async fn a_token_does_not_outlive_its_key_in_the_cache() {
    let mut peer = Peer::start().await;
    let (verifier, _connection) = peer.ready(peer.builder().key_cooldown(Duration::ZERO)).await;
    let token = peer.tokens.token("ada", "");
    for _ in 0..2 {
        assert!(verifier.verify(&token).is_ok());
    }
    // The key was taken out, and another one goes by its name.
    let successor = TestIssuer::new(peer.script().issuer.clone(), AUDIENCE);
    peer.script().keys = Ok(serde_json::to_value(successor.keys()).expect("a JWK set"));
    assert_eq!(
        verifier.verify(&under_another_key(&peer)).expect_err("unknown"),
        Rejection::UnknownKey
    );
    until(|| verifier.verify(&token).is_err()).await;
    assert_eq!(verifier.verify(&token).expect_err("forged now"), Rejection::BadSignature);
    assert!(verifier.verify(&successor.token("ada", "")).is_ok());
}

#[tokio::test]
async fn unknown_keys_fetch_the_key_set_once_per_cooldown() {
    let mut peer = Peer::start().await;
    let (verifier, connection) = peer.ready(peer.builder()).await;
    assert_eq!(peer.asked("/jwks"), 1);
    assert!(verifier.verify(&under_another_key(&peer)).is_err());
    until(|| peer.asked("/jwks") == 2).await;
    // Between the attempts something else travels over the network, so that a fetch had time.
    for seq in 1..=20 {
        assert!(verifier.verify(&under_another_key(&peer)).is_err());
        connection.append(vec![entry(seq, peer.tokens.claims("ada").jti)]);
        until(|| verifier.status().applied == Some(Seq(seq))).await;
    }
    assert_eq!(peer.asked("/jwks"), 2);
    peer.clock.advance(Duration::from_secs(10));
    assert!(verifier.verify(&under_another_key(&peer)).is_err());
    until(|| peer.asked("/jwks") == 3).await;
}

#[tokio::test]
async fn without_keys_the_fault_is_ours() {
    let mut peer = Peer::start().await;
    let keys = std::mem::replace(&mut peer.script().keys, Err(StatusCode::BAD_GATEWAY));
    let verifier = peer.builder().start().expect("a valid verifier");
    let connection = peer.connection().await;
    connection.snapshot(0, Vec::new());
    connection.heartbeat(0);
    until(|| verifier.readiness() == Readiness::NoKeys).await;
    let token = peer.tokens.token("ada", "");
    assert_eq!(verifier.verify(&token).expect_err("no keys"), Rejection::Stale);
    peer.script().keys = keys;
    within(verifier.ready()).await;
    assert!(verifier.verify(&token).is_ok());
}

#[tokio::test]
async fn keys_that_metadata_of_another_issuer_names_are_not_taken() {
    let peer = Peer::start().await;
    peer.script().issuer = "https://evil.example".to_owned();
    let verifier = peer.builder().start().expect("a valid verifier");
    until(|| peer.asked("/.well-known/oauth-authorization-server") >= 2).await;
    assert_eq!(peer.asked("/jwks"), 0);
    assert!(!verifier.readiness().is_ready());
}

#[tokio::test]
async fn a_key_set_that_cannot_be_fetched_leaves_the_old_one() {
    let mut peer = Peer::start().await;
    let (verifier, _connection) = peer.ready(peer.builder().key_cooldown(Duration::ZERO)).await;
    for broken in [Err(StatusCode::NOT_FOUND), Ok(serde_json::json!({ "keys": [] }))] {
        let asked = peer.asked("/jwks");
        peer.script().keys = broken;
        assert!(verifier.verify(&under_another_key(&peer)).is_err());
        until(|| peer.asked("/jwks") > asked).await;
    }
    assert!(verifier.verify(&peer.tokens.token("ada", "")).is_ok());
}

#[tokio::test]
async fn a_withdrawn_key_is_refused_and_its_successor_fetched_at_once() {
    let mut peer = Peer::start().await;
    let (verifier, connection) = peer.ready(peer.builder()).await;
    let token = peer.tokens.token("ada", "");
    assert!(verifier.verify(&token).is_ok());
    let key_id = peer.tokens.claims("ada").key_id;
    let withdrawn =
        Entry { revocation: Revocation::Key(key_id), ..entry(1, peer.tokens.claims("ada").jti) };
    connection.append(vec![withdrawn]);
    until(|| verifier.verify(&token).is_err()).await;
    assert_eq!(verifier.verify(&token).expect_err("withdrawn"), Rejection::Revoked);
    until(|| peer.asked("/jwks") == 2).await;
}

#[tokio::test]
async fn an_unknown_key_is_no_verdict_while_we_are_cut_off() {
    let mut peer = Peer::start().await;
    let (verifier, _connection) = peer.ready(peer.builder()).await;
    let token = under_another_key(&peer);
    assert_eq!(verifier.verify(&token).expect_err("unknown"), Rejection::UnknownKey);
    peer.clock.advance(2 * MAX_STALENESS);
    assert_eq!(verifier.verify(&token).expect_err("perhaps"), Rejection::Stale);
}
