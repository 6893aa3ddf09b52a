//! The language-neutral test cases in `vectors/`, as this crate answers them.

use std::time::Duration;

use menshen_token::{
    AccessToken, Expectations, Flaw, Frame, KeySet, Revocation, RevocationSet, Seq, Timestamp,
    verify,
};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Tokens {
    issuer: String,
    audience: String,
    now_ms: Timestamp,
    leeway_ms: u64,
    jwks: Value,
    cases: Vec<TokenCase>,
}

#[derive(Deserialize)]
struct TokenCase {
    name: String,
    outcome: String,
    token: String,
}

fn outcome(judged: &Result<AccessToken, Flaw>) -> String {
    let name = match judged {
        Ok(_) => "accepted",
        Err(Flaw::MissingClaim(claim)) => return format!("missing_claim {claim}"),
        Err(Flaw::Malformed) => "malformed",
        Err(Flaw::UnsupportedAlgorithm) => "unsupported_algorithm",
        Err(Flaw::WrongType) => "wrong_type",
        Err(Flaw::UnknownKey) => "unknown_key",
        Err(Flaw::BadSignature) => "bad_signature",
        Err(Flaw::Expired) => "expired",
        Err(Flaw::NotYetValid) => "not_yet_valid",
        Err(Flaw::WrongIssuer) => "wrong_issuer",
        Err(Flaw::WrongAudience) => "wrong_audience",
    };
    name.to_owned()
}

#[test]
fn tokens_are_judged_as_the_vectors_say() {
    let tokens: Tokens = serde_json::from_str(include_str!("../../../../vectors/tokens.json"))
        .expect("well-formed vectors");
    let keys = KeySet::from_json(tokens.jwks.to_string().as_bytes()).expect("a JWK set");
    assert_eq!(keys.len(), 4);
    let expected = Expectations {
        issuer: tokens.issuer,
        audience: Some(vec![tokens.audience]),
        leeway: Duration::from_millis(tokens.leeway_ms),
    };
    for case in tokens.cases {
        let judged = verify(&case.token, &keys, &expected, tokens.now_ms);
        assert_eq!(outcome(&judged), case.outcome, "{}", case.name);
        // An instant beyond the last one that we can write reads back as that one.
        if let Ok(token) = judged
            && token.expires_at < Timestamp::MAX
        {
            let again = AccessToken::from_payload(token.key_id.clone(), &token.to_payload());
            assert_eq!(again.as_ref(), Ok(&token), "{} does not read back", case.name);
        }
    }
}

#[derive(Deserialize)]
struct Revocations {
    cases: Vec<RevocationCase>,
}

#[derive(Deserialize)]
struct RevocationCase {
    name: String,
    rule: Rule,
    token: KeyAndClaims,
    kills: bool,
}

#[derive(Deserialize)]
struct Rule {
    kind: String,
    value: Option<String>,
    before_ms: Option<Timestamp>,
}

#[derive(Deserialize)]
struct KeyAndClaims {
    kid: String,
    claims: Value,
}

#[test]
fn rules_kill_what_the_vectors_say() {
    let vectors: Revocations =
        serde_json::from_str(include_str!("../../../../vectors/revocations.json"))
            .expect("well-formed vectors");
    for case in vectors.cases {
        let Rule { kind, value, before_ms } = case.rule;
        let rule = Revocation::from_parts(&kind, value.as_deref(), before_ms).expect("a rule");
        assert_eq!((rule.kind(), rule.value(), rule.before()), (&*kind, value, before_ms));
        let key_id = case.token.kid.parse().expect("a key id");
        let claims = case.token.claims.to_string();
        let token = AccessToken::from_payload(key_id, claims.as_bytes()).expect("valid claims");
        assert_eq!(rule.kills(&token), case.kills, "{}", case.name);

        let now = Timestamp::from_seconds(1_800_000_000);
        let entry = menshen_token::Entry {
            seq: Seq(1),
            revocation: rule,
            reason: menshen_token::Reason::Admin,
            appended_at: now,
            expires_at: now + Duration::from_hours(1),
        };
        let mut set = RevocationSet::default();
        set.extend([&entry], now);
        assert_eq!(set.kills(&token), case.kills, "{}, by the set", case.name);
    }
}

#[derive(Deserialize)]
struct Frames {
    valid: Vec<FrameCase>,
    malformed: Vec<FrameCase>,
}

#[derive(Deserialize)]
struct FrameCase {
    name: String,
    event: String,
    data: String,
    resume_point: Option<Seq>,
    entries: Option<usize>,
}

#[test]
fn frames_are_understood_or_refused_as_the_vectors_say() {
    let frames: Frames = serde_json::from_str(include_str!("../../../../vectors/frames.json"))
        .expect("well-formed vectors");
    for case in frames.valid {
        let frame = Frame::parse(&case.event, &case.data).expect(&case.name);
        assert_eq!(frame.event(), case.event);
        assert_eq!(frame.resume_point(), case.resume_point, "{}", case.name);
        let entries = match &frame {
            Frame::Snapshot { entries, .. } | Frame::Append { entries } => entries.len(),
            Frame::Heartbeat { .. } => 0,
        };
        assert_eq!(Some(entries), case.entries, "{}", case.name);
        assert_eq!(Frame::parse(frame.event(), &frame.data()).as_ref(), Ok(&frame));
    }
    for case in frames.malformed {
        assert!(Frame::parse(&case.event, &case.data).is_err(), "{}", case.name);
    }
}
