//! Test an API without a server: mint tokens with a throw-away key, feed rules by hand, move
//! the clock.
//!
//! Nothing here touches the network, and nothing here belongs into a program that ships.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use menshen_token::{
    ACCESS_TOKEN_TYPE, AccessToken, Algorithm, Clock, Entry, Jti, Jwk, KeySet, ManualClock, Reason,
    Revocation, RevocationSet, Seq, SessionId, Timestamp, jws,
};

use crate::verifier::Shared;
use crate::{Policy, Verifier, VerifierBuilder};

/// The instant at which the clock of a [`TestIssuer`] starts: 15 January 2027, 08:00 UTC.
pub const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// An issuer that lives in the test: one key, one clock, one list of rules.
#[derive(Debug)]
pub struct TestIssuer {
    issuer: String,
    audience: String,
    key: Ed25519KeyPair,
    clock: Arc<ManualClock>,
    minted: AtomicU64,
    log: Mutex<(Seq, RevocationSet)>,
    followers: Mutex<Vec<Arc<Shared>>>,
}

impl TestIssuer {
    /// An issuer of this URL, whose tokens are meant for this audience.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            key: Ed25519KeyPair::generate().expect("the system has randomness"),
            clock: Arc::new(ManualClock::at(START)),
            minted: AtomicU64::new(0),
            log: Mutex::default(),
            followers: Mutex::default(),
        }
    }

    /// The clock of this issuer and its verifiers. It stands still until it is told otherwise.
    pub fn clock(&self) -> Arc<ManualClock> {
        Arc::clone(&self.clock)
    }

    /// The public keys.
    pub fn keys(&self) -> KeySet {
        let mut jwk = Jwk::ed25519(self.key.public_key().as_ref());
        jwk.key_id = Some(KEY_ID.parse().expect("a valid key id"));
        jwk.algorithm = Some(Algorithm::EdDSA);
        let mut keys = KeySet::default();
        keys.insert(jwk).expect("a valid key");
        keys
    }

    /// A verifier that holds the keys and is ready.
    pub fn verifier(&self) -> Verifier {
        self.verifier_with(Policy::default())
    }

    /// A verifier with this policy. It has no issuer to ask, so that [`Policy::Introspect`]
    /// ends in a 503.
    pub fn verifier_with(&self, policy: Policy) -> Verifier {
        let builder = VerifierBuilder::new(self.issuer.clone())
            .audience(self.audience.clone())
            .policy(policy)
            .clock(self.clock());
        let shared = Arc::new(builder.into_shared());
        shared.keys.replace(self.keys());
        self.followers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&shared));
        self.heartbeat();
        Verifier::new(shared, None, Vec::new())
    }

    /// The claims of a token for this user, good for ten minutes, to be changed at will and
    /// signed by [`TestIssuer::sign`].
    pub fn claims(&self, user: &str) -> AccessToken {
        let number = u128::from(self.minted.fetch_add(1, Ordering::Relaxed) + 1);
        let now = self.clock.now();
        AccessToken {
            key_id: KEY_ID.parse().expect("a valid key id"),
            issuer: self.issuer.clone(),
            subject: user.parse().expect("a user id is 1 to 255 visible ASCII characters"),
            audience: vec![self.audience.clone()],
            expires_at: Timestamp::from_seconds((now + Duration::from_mins(10)).as_seconds()),
            issued_at: now,
            not_before: None,
            jti: Jti::from_bytes(number.to_be_bytes()),
            client_id: "test-client".parse().expect("a valid client id"),
            session_id: Some(SessionId::from_bytes((number << 64).to_be_bytes())),
            grant_id: None,
            scope: menshen_token::Scope::default(),
            auth_time: None,
            acr: None,
            amr: Vec::new(),
            roles: Vec::new(),
            confirmation: None,
            actor: None,
            custom: serde_json::Map::new(),
        }
    }

    /// Signs claims.
    pub fn sign(&self, claims: &AccessToken) -> String {
        let payload = claims.to_payload();
        let input =
            jws::signing_input(Algorithm::EdDSA, &claims.key_id, ACCESS_TOKEN_TYPE, &payload);
        let signature = self.key.sign(input.as_bytes());
        jws::compact(input, signature.as_ref())
    }

    /// A token for this user with this scope.
    pub fn token(&self, user: &str, scope: &str) -> String {
        let scope = scope.parse().expect("a valid scope");
        self.sign(&AccessToken { scope, ..self.claims(user) })
    }

    /// Appends a rule; every verifier holds it when this returns.
    pub fn revoke(&self, revocation: Revocation) {
        let now = self.clock.now();
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let seq = log.0.next();
        let expires_at = now + Duration::from_hours(12);
        let entry = Entry { seq, revocation, reason: Reason::Logout, appended_at: now, expires_at };
        log.1.extend([&entry], now);
        log.0 = seq;
        drop(log);
        self.heartbeat();
    }

    /// Moves the clock, and lets the verifiers hear that they are current.
    pub fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
        self.heartbeat();
    }

    /// Moves the clock without a sign of life, as if the feed had been cut.
    pub fn advance_in_silence(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    fn heartbeat(&self) {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        for follower in self.followers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            follower.replace_rules(Arc::new(log.1.clone()), Some(log.0));
            follower.confirm(self.clock.monotonic(), Duration::ZERO);
        }
    }
}

const KEY_ID: &str = "test-key";
