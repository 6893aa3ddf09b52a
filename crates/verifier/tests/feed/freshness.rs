//! A feed that was cut obeys each policy, and nobody is told that their session is gone.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use menshen_verifier::token::Clock;
use menshen_verifier::{Policy, Presented, Readiness, Rejection, Verified};
use tower::ServiceExt;

use super::peer::{MAX_STALENESS, Peer, advanced, entry, until, within};

const CUT: Duration = MAX_STALENESS.saturating_add(Duration::from_secs(1));

#[tokio::test]
async fn while_the_feed_is_silent_each_policy_decides() {
    let mut peer = Peer::start().await;
    let (verifier, _connection) = peer.ready(peer.builder()).await;
    let token = peer.tokens.token("ada", "");
    let bearer = Presented::bearer(&token);
    peer.clock.advance(CUT);
    assert_eq!(verifier.readiness(), Readiness::Stale { age: CUT });

    // Introspect, with an issuer that does not know, then one that says yes, then no.
    for (answer, outcome) in [
        (Err(StatusCode::SERVICE_UNAVAILABLE), Err(Rejection::Stale)),
        (Err(StatusCode::UNAUTHORIZED), Err(Rejection::Stale)),
        (Ok(true), Ok(())),
        (Ok(false), Err(Rejection::Revoked)),
        (Ok(true), Ok(())),
    ] {
        peer.script().introspection = answer;
        let admitted = verifier.admit(bearer, Policy::Introspect).await;
        assert_eq!(admitted.map(drop), outcome);
    }
    // Each was asked for: nothing is remembered while nothing is known.
    assert_eq!(peer.asked("/introspect"), 5);

    assert_eq!(verifier.verify(&token).expect_err("no call, so no"), Rejection::Stale);
    let refused = verifier.admit(bearer, Policy::Refuse).await;
    assert_eq!(refused.expect_err("refused"), Rejection::Stale);
    let short = Policy::AllowFor(Duration::from_millis(999));
    assert_eq!(verifier.admit(bearer, short).await.expect_err("over"), Rejection::Stale);
    let long = Policy::AllowFor(Duration::from_secs(1));
    assert!(verifier.admit(bearer, long).await.is_ok());
    assert_eq!(peer.asked("/introspect"), 5);
}

#[tokio::test]
async fn what_is_known_to_be_dead_is_refused_as_dead_however_stale() {
    let mut peer = Peer::start().await;
    let (verifier, connection) = peer.ready(peer.builder()).await;
    let claims = peer.tokens.claims("ada");
    let token = peer.tokens.sign(&claims);
    connection.append(vec![entry(1, claims.jti)]);
    until(|| verifier.verify(&token).is_err()).await;
    peer.clock.advance(CUT);
    peer.script().introspection = Ok(true);
    let judged = verifier.admit(Presented::bearer(&token), Policy::Introspect).await;
    assert_eq!(judged.expect_err("revoked"), Rejection::Revoked);
    peer.clock.advance(Duration::from_mins(10));
    let judged = verifier.admit(Presented::bearer(&token), Policy::Introspect).await;
    assert_eq!(judged.expect_err("expired"), Rejection::Expired);
    assert_eq!(peer.asked("/introspect"), 0);
}

#[tokio::test]
async fn before_the_first_snapshot_only_the_issuer_is_believed() {
    let mut peer = Peer::start().await;
    peer.script().introspection = Ok(true);
    let verifier = peer.builder().start().expect("a valid verifier");
    let connection = peer.connection().await;
    let token = peer.tokens.token("ada", "");
    let bearer = Presented::bearer(&token);
    until(|| peer.asked("/jwks") == 1).await;
    let mut ticks = tokio::time::interval(Duration::from_millis(2));
    within(async {
        while verifier.admit(bearer, Policy::Introspect).await.is_err() {
            ticks.tick().await;
        }
    })
    .await;
    for policy in [Policy::Refuse, Policy::AllowFor(Duration::MAX)] {
        assert_eq!(verifier.admit(bearer, policy).await.expect_err("no"), Rejection::Stale);
    }
    assert_eq!(verifier.readiness(), Readiness::NoSnapshot);
    drop(connection);
}

#[tokio::test]
async fn a_sign_of_life_ends_the_silence() {
    let mut peer = Peer::start().await;
    let (verifier, connection) = peer.ready(peer.builder()).await;
    let token = peer.tokens.token("ada", "");
    let now = advanced(&peer.clock, CUT);
    assert_eq!(verifier.verify(&token).expect_err("silent"), Rejection::Stale);
    connection.heartbeat_at(0, now);
    until(|| verifier.verify(&token).is_ok()).await;
}

#[tokio::test]
async fn a_delayed_feed_ages_although_it_speaks() {
    let mut peer = Peer::start().await;
    let (verifier, connection) = peer.ready(peer.builder()).await;
    let token = peer.tokens.token("ada", "");
    let third = MAX_STALENESS / 3;
    // Time passes here, and a heartbeat arrives that was under way all the while.
    peer.clock.advance(third);
    connection.heartbeat(0);
    let now = advanced(&peer.clock, third);
    // Now one that is older than half of what is allowed: time for a new connection.
    connection.heartbeat(0);
    let connection = peer.connection().await;
    assert_eq!(connection.resumed.as_deref(), Some("0"));
    assert_eq!(verifier.status().staleness, Some(2 * third));
    assert!(verifier.verify(&token).is_ok());
    connection.heartbeat_at(0, now);
    until(|| verifier.status().staleness == Some(Duration::ZERO)).await;
}

#[tokio::test]
async fn a_step_of_the_wall_clock_is_no_silence() {
    let mut peer = Peer::start().await;
    let (verifier, _connection) = peer.ready(peer.builder()).await;
    assert_eq!(verifier.status().staleness, Some(Duration::ZERO));
    peer.clock.advance(Duration::from_secs(1));
    assert_eq!(peer.clock.monotonic(), Duration::from_secs(1));
    assert_eq!(verifier.status().staleness, Some(Duration::from_secs(1)));
}

#[tokio::test]
async fn the_layer_asks_the_issuer_while_the_feed_is_silent() {
    let mut peer = Peer::start().await;
    let (verifier, _connection) = peer.ready(peer.builder()).await;
    let greet = |verified: Verified| async move { verified.subject().to_string() };
    let api = Router::new().route("/", get(greet)).layer(verifier.layer().require_scope("read"));
    let (good, narrow) = (peer.tokens.token("ada", "read"), peer.tokens.token("ada", "write"));
    peer.clock.advance(CUT);
    for (token, answer, status, asked) in [
        (&good, Ok(true), StatusCode::OK, 1),
        (&good, Ok(false), StatusCode::UNAUTHORIZED, 2),
        (&good, Err(StatusCode::BAD_GATEWAY), StatusCode::SERVICE_UNAVAILABLE, 3),
        // What does not depend on the answer is not asked.
        (&narrow, Ok(true), StatusCode::FORBIDDEN, 3),
        (&"nonsense".to_owned(), Ok(true), StatusCode::UNAUTHORIZED, 3),
    ] {
        peer.script().introspection = answer;
        let request = Request::get("/").header("authorization", format!("Bearer {token}"));
        let request = request.body(Body::empty()).expect("a valid request");
        let response = api.clone().oneshot(request).await.expect("infallible");
        assert_eq!((response.status(), peer.asked("/introspect")), (status, asked));
    }
}
