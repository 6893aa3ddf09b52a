//! HTTP Digest (RFC 7616) with SHA-256 and `qop=auth`: a proof that somebody knows a password, for one
//! request. The first of a user is judged by the provider, which gives the key for those that follow.

mod known;
mod nonces;
mod parameters;

use std::sync::Arc;

use menshen_token::Clock;
use menshen_token::digest::DigestAnswer;
use menshen_verifier::Rejection;

use self::known::Known;
use self::nonces::Nonces;
use self::parameters::Parameters;
use super::conversion::{self, Ask, Verdict};
use super::exchange::Given;
use super::{authorization, unauthenticated};
use crate::config::{Authentication, Requirements};
use crate::gateway::Gateway;
use crate::{Entropy, Facts, Identity, Refusal};

const GRANT: &str = "urn:menshen:params:oauth:grant-type:digest";

/// What digests are judged by.
#[derive(Debug)]
pub(super) struct Digests {
    realm: String,
    nonces: Nonces,
    known: Known,
    clock: Arc<dyn Clock>,
}

impl Digests {
    pub(super) fn new(realm: String, clock: Arc<dyn Clock>, entropy: &dyn Entropy) -> Self {
        let nonces = Nonces::new(entropy);
        Self { realm, nonces, known: Known::default(), clock }
    }

    /// The challenge; `stale` is for an answer to a nonce that is good no longer, which the client
    /// repeats by itself.
    fn challenge(&self, random: [u8; 8], freshness: Freshness) -> String {
        let nonce = self.nonces.give(random, self.clock.monotonic());
        let stale = if freshness == Freshness::Stale { ", stale=true" } else { "" };
        format!(
            "Digest realm=\"{}\", qop=\"auth\", algorithm=SHA-256, nonce=\"{nonce}\", \
             charset=UTF-8{stale}",
            self.realm
        )
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Freshness {
    Fresh,
    Stale,
}

/// Adds our challenge to a refusal, unless it is there.
pub(super) fn challenged(gateway: &Gateway, refusal: Refusal) -> Refusal {
    add_challenge(gateway, refusal, Freshness::Fresh)
}

fn add_challenge(gateway: &Gateway, refusal: Refusal, freshness: Freshness) -> Refusal {
    match (refusal, gateway.conversion()) {
        (Refusal::Unauthenticated { reason, mut challenges }, Some(conversion)) => {
            if !challenges.iter().any(|challenge| challenge.starts_with("Digest ")) {
                let challenge = conversion.digests.challenge(gateway.random(), freshness);
                // The strongest first, for clients that take the first one they know.
                challenges.insert(0, challenge);
            }
            Refusal::Unauthenticated { reason, challenges }
        }
        (refusal, _) => refusal,
    }
}

pub(super) async fn authenticate(
    gateway: &Gateway,
    facts: &Facts,
    required: &Requirements,
) -> Result<Identity, Refusal> {
    let digests = &gateway.conversion().ok_or(Refusal::Unavailable)?.digests;
    let malformed = || unauthenticated(required, Rejection::Malformed);
    let sent = authorization(facts).and_then(|(_, rest)| Parameters::read(rest));
    let sent = sent.ok_or_else(malformed)?;
    // An answer is for this request, and for no other.
    if sent.realm != digests.realm || sent.uri != facts.target {
        return Err(malformed());
    }
    let now = digests.clock.monotonic();
    let stale =
        || add_challenge(gateway, unauthenticated(required, Rejection::Missing), Freshness::Stale);
    let nonce = digests.nonces.read(&sent.nonce, now).ok_or_else(stale)?;
    let identity = judge(gateway, facts, required, &sent).await?;
    // Taken last, so that only right answers use a nonce up.
    if digests.nonces.take(nonce, sent.uses(), now) { Ok(identity) } else { Err(stale()) }
}

/// Judges whether the user's password made the answer: by the key that the provider gave with a
/// token that still lives, or else by asking. A wrong answer is always asked about, so that guesses
/// are counted there.
async fn judge(
    gateway: &Gateway,
    facts: &Facts,
    required: &Requirements,
    sent: &Parameters,
) -> Result<Identity, Refusal> {
    let conversion = gateway.conversion().ok_or(Refusal::Unavailable)?;
    let digests = &conversion.digests;
    let address = facts.address.to_string();
    let form = form(facts, sent, &address);
    let ask = Ask {
        by: Authentication::Digest,
        shown: &form.map(|(_, value)| value),
        form: &form,
        proof: None,
    };
    if let Some(given) = digests.known.find(&sent.username, digests.clock.monotonic())
        && made(&given, facts, sent)
    {
        match conversion::verify(gateway, required, &ask, &given).await {
            Err(Verdict::Dead(_)) => digests.known.forget(&sent.username, &given),
            verdict => return verdict.map_err(|verdict| verdict.refusal(required)),
        }
    }
    let asked_at = digests.clock.monotonic();
    let (_, outcome) = conversion.obtain(&ask).await;
    let given = outcome.map_err(|denied| conversion::refusal(required, denied))?;
    let identity = conversion::verify(gateway, required, &ask, &given).await;
    let identity = identity.map_err(|verdict| verdict.refusal(required))?;
    digests.known.keep(&sent.username, given, asked_at);
    Ok(identity)
}

fn made(given: &Given, facts: &Facts, sent: &Parameters) -> bool {
    let answer = DigestAnswer {
        method: facts.method.as_str(),
        uri: &sent.uri,
        nonce: &sent.nonce,
        count: &sent.count,
        client_nonce: &sent.client_nonce,
        response: &sent.response,
    };
    given.digest_key.as_ref().is_some_and(|key| key.made(&answer))
}

fn form<'a>(
    facts: &'a Facts,
    sent: &'a Parameters,
    address: &'a str,
) -> [(&'static str, &'a str); 11] {
    [
        ("grant_type", GRANT),
        ("username", &sent.username),
        ("realm", &sent.realm),
        ("nonce", &sent.nonce),
        ("uri", &sent.uri),
        ("method", facts.method.as_str()),
        ("nc", &sent.count),
        ("cnonce", &sent.client_nonce),
        ("qop", "auth"),
        ("response", &sent.response),
        ("client_address", address),
    ]
}
