//! How a verifier comes by the right to follow the feed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menshen_verifier::{BuildError, Credentials, Policy, Presented, Verifier};

use super::peer::{AUDIENCE, MAX_STALENESS, Peer, entry, until, within};

#[tokio::test]
async fn a_client_gets_its_own_token_and_a_new_one_when_it_is_refused() {
    let mut peer = Peer::start().await;
    peer.script().feed_token = "granted-token".to_owned();
    let builder = peer.builder().credentials(Credentials::client("orders api", "s:1%"));
    let (verifier, connection) = peer.ready(builder).await;
    assert_eq!(peer.asked("/token"), 1);
    let expected = format!("Basic {}", STANDARD.encode("orders+api:s%3A1%25"));
    assert_eq!(peer.script().authorization["/token"], expected);

    // The token is withdrawn: the next connection is refused once, then holds a new one.
    peer.script().feed_token = "second-token".to_owned();
    peer.script().granted_token = "second-token".to_owned();
    drop(connection);
    let connection = peer.connection().await;
    assert_eq!(connection.resumed.as_deref(), Some("0"));
    assert_eq!(peer.asked("/token"), 2);

    // It introspects as itself.
    peer.clock.advance(2 * MAX_STALENESS);
    peer.script().introspection = Ok(true);
    let token = peer.tokens.token("ada", "");
    let admitted = verifier.admit(Presented::bearer(&token), Policy::Introspect).await;
    assert!(admitted.is_ok());
    assert_eq!(peer.script().authorization["/introspect"], expected);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let mut peer = Peer::start().await;
    peer.script().feed_token = "granted-token".to_owned();
    let builder = peer.builder().credentials(Credentials::client("orders", "secret"));
    let (_verifier, connection) = peer.ready(builder).await;
    drop(connection);
    let connection = peer.connection().await;
    assert_eq!(peer.asked("/token"), 1);
    peer.clock.advance(std::time::Duration::from_secs(500));
    drop(connection);
    let _connection = peer.connection().await;
    assert_eq!(peer.asked("/token"), 2);
}

#[tokio::test]
async fn a_refused_verifier_keeps_trying_and_accepts_nothing() {
    let mut peer = Peer::start().await;
    peer.script().feed_token = "another".to_owned();
    let verifier = peer.builder().start().expect("a valid verifier");
    until(|| peer.asked("/feed") >= 3).await;
    assert!(!verifier.readiness().is_ready());
    peer.script().feed_token = "feed-token".to_owned();
    let connection = peer.connection().await;
    connection.snapshot(0, Vec::new());
    connection.heartbeat(0);
    within(verifier.ready()).await;
}

#[tokio::test]
async fn an_issuer_is_reached_over_tls_under_a_root_of_its_own_and_no_other() {
    let mut peer = Peer::start_with_tls().await;
    let root = include_bytes!("tls/root.pem");
    let (verifier, connection) = peer.ready(peer.builder().root_certificate(root)).await;
    let claims = peer.tokens.claims("ada");
    let token = peer.tokens.sign(&claims);
    assert!(verifier.verify(&token).is_ok());
    connection.append(vec![entry(1, claims.jti)]);
    until(|| verifier.verify(&token).is_err()).await;

    // A root that did not sign the issuer's certificate: the issuer's own will do for one.
    let asked = peer.asked_in_all();
    let other = include_bytes!("tls/issuer.pem");
    let stranger = peer.builder().root_certificate(other).start().expect("a valid verifier");
    let patience = std::time::Duration::from_millis(500);
    assert!(tokio::time::timeout(patience, stranger.ready()).await.is_err());
    assert_eq!(peer.asked_in_all(), asked);
}

#[tokio::test]
async fn a_verifier_that_could_not_do_its_work_does_not_start() {
    let whole = || {
        Verifier::builder("http://127.0.0.1:1")
            .audience(AUDIENCE)
            .credentials(Credentials::token("t"))
    };
    assert!(whole().start().is_ok());
    let elsewhere = |issuer: &str| {
        Verifier::builder(issuer).audience(AUDIENCE).credentials(Credentials::token("t"))
    };
    for bad in ["", "id.example.com", "ftp://id.example.com", "http://localhost?a", "https:///"] {
        let error = elsewhere(bad).start().expect_err("no URL of an issuer");
        assert!(matches!(error, BuildError::InvalidIssuer), "{bad}: {error}");
    }
    let error = elsewhere("http://id.example.com").start().expect_err("plain HTTP");
    assert!(matches!(error, BuildError::PlainHttp));
    assert!(elsewhere("http://id.example.com").allow_plain_http().start().is_ok());
    let error = Verifier::builder("http://localhost").start().expect_err("no audience");
    assert!(matches!(error, BuildError::MissingAudience));
    let error = Verifier::builder("http://localhost").audience("a").start();
    assert!(matches!(error.expect_err("no credentials"), BuildError::MissingCredentials));
    for bad in ["", "orders api", &"x".repeat(65)] {
        let error = elsewhere("https://id.example.com").name(bad).start();
        assert!(matches!(error.expect_err("no name"), BuildError::InvalidName));
    }
    let error = elsewhere("https://id.example.com").root_certificate("no PEM").start();
    assert!(matches!(error.expect_err("no PEM"), BuildError::InvalidCertificate));
}

#[test]
fn outside_of_a_runtime_a_verifier_does_not_start() {
    let builder = Verifier::builder("http://localhost").audience("a");
    let error = builder.credentials(Credentials::token("t")).start().expect_err("no runtime");
    assert!(matches!(error, BuildError::NoRuntime));
}

#[test]
fn credentials_are_not_shown() {
    let shown =
        format!("{:?}{:?}", Credentials::token("s3cret"), Credentials::client("a", "s3cret"));
    assert!(!shown.contains("s3cret"), "{shown}");
}
