//! Every token of the vectors, on first sight and again.

use menshen_token::{KeySet, ManualClock, Revocation, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::*;
use crate::Proof;

#[derive(Deserialize)]
struct Vectors {
    issuer: String,
    audience: String,
    now_ms: Timestamp,
    leeway_ms: u64,
    jwks: Value,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    outcome: String,
    token: String,
}

fn vectors() -> Vectors {
    let vectors = include_str!("../../../../vectors/tokens.json");
    serde_json::from_str(vectors).expect("well-formed vectors")
}

fn verifier(vectors: &Vectors) -> Verifier {
    let clock = Arc::new(ManualClock::at(vectors.now_ms));
    let shared = VerifierBuilder::new(vectors.issuer.clone())
        .audience(vectors.audience.clone())
        .leeway(Duration::from_millis(vectors.leeway_ms))
        .clock(clock)
        .into_shared();
    let jwks = vectors.jwks.to_string();
    shared.keys.replace(KeySet::from_json(jwks.as_bytes()).expect("a JWK set"));
    shared.confirm(Duration::ZERO, Duration::ZERO);
    Verifier::new(Arc::new(shared), None, Vec::new())
}

/// The outcome in the words of the vectors. A token bound to a key is genuine, but not enough.
fn outcome(judged: Result<Verified, Rejection>) -> String {
    let name = match judged {
        Ok(_) | Err(Rejection::ProofMissing) => "accepted",
        Err(Rejection::MissingClaim(claim)) => return format!("missing_claim {claim}"),
        Err(Rejection::Malformed) => "malformed",
        Err(Rejection::UnsupportedAlgorithm) => "unsupported_algorithm",
        Err(Rejection::WrongType) => "wrong_type",
        Err(Rejection::UnknownKey) => "unknown_key",
        Err(Rejection::BadSignature) => "bad_signature",
        Err(Rejection::Expired) => "expired",
        Err(Rejection::NotYetValid) => "not_yet_valid",
        Err(Rejection::WrongIssuer) => "wrong_issuer",
        Err(Rejection::WrongAudience) => "wrong_audience",
        Err(other) => return other.to_string(),
    };
    name.to_owned()
}

#[test]
fn tokens_are_judged_as_the_vectors_say_however_often_they_come() {
    let vectors = vectors();
    let verifier = verifier(&vectors);
    for _ in 0..3 {
        for case in &vectors.cases {
            assert_eq!(outcome(verifier.verify(&case.token)), case.outcome, "{}", case.name);
        }
    }
}

#[test]
fn a_revocation_reaches_every_spelling_of_a_token() {
    let vectors = vectors();
    let verifier = verifier(&vectors);
    let accepted: Vec<&Case> =
        vectors.cases.iter().filter(|case| case.outcome == "accepted").collect();
    for case in &accepted {
        assert_eq!(outcome(verifier.verify(&case.token)), "accepted");
    }
    let revocation = Revocation::AllBefore(vectors.now_ms + Duration::from_mins(1));
    let entry = menshen_token::Entry {
        seq: Seq(1),
        revocation,
        reason: menshen_token::Reason::AllRevoked,
        appended_at: vectors.now_ms,
        expires_at: vectors.now_ms + Duration::from_hours(1),
    };
    let mut rules = RevocationSet::default();
    rules.extend([&entry], vectors.now_ms);
    verifier.shared.replace_rules(Arc::new(rules), Some(Seq(1)));
    for case in accepted {
        assert_eq!(verifier.verify(&case.token).expect_err(&case.name), Rejection::Revoked);
    }
}

#[test]
fn a_bound_token_without_a_proof_is_not_enough() {
    let vectors = vectors();
    let verifier = verifier(&vectors);
    let bound = vectors.cases.iter().find(|case| case.name == "bound to a key").expect("a case");
    assert_eq!(verifier.verify(&bound.token).expect_err("bound"), Rejection::ProofMissing);
    let url = "https://api.example/".parse().expect("a URL");
    let proof =
        Proof { proof: &bound.token, token: &bound.token, method: &http::Method::GET, url: &url };
    let presented = Presented { token: &bound.token, proof: Some(proof) };
    let judged = verifier.verify_presented(presented, Policy::Refuse);
    assert_eq!(judged.expect_err("no proof at all"), Rejection::WrongProof);
}
