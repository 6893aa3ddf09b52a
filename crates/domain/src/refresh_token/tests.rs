//! The table of verdicts, row by row, and the shape of the token.

use std::time::Duration;

use menshen_token::{Jwk, SessionId};
use proptest::prelude::*;

use super::*;
use crate::claim::ClaimsRequest;
use crate::client::ClientPolicy;
use crate::session::{Authentication, Ended};

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

fn key(id: &str, byte: u8) -> MacKey {
    MacKey::new(id.parse().expect("valid"), &[byte; 32])
}

fn keys() -> MacKeys {
    MacKeys::new(key("aaaaaaaa", 1), vec![key("bbbbbbbb", 2)])
}

fn seed() -> Seed {
    Seed::from_random([9; 32])
}

fn grant_id() -> GrantId {
    GrantId::from_bytes([5; 16])
}

fn thumbprint(byte: u8) -> Thumbprint {
    Jwk::ed25519(&[byte; 32]).thumbprint()
}

fn grant(generation: u64) -> Grant {
    Grant {
        id: grant_id(),
        session_id: SessionId::from_bytes([6; 16]),
        user_id: "ada".parse().expect("valid"),
        client_id: "app".parse().expect("valid"),
        subject: "ada".parse().expect("valid"),
        scope: "openid".parse().expect("valid"),
        audience: Vec::new(),
        authentication: Authentication::by_password(NOW),
        claims: ClaimsRequest::default(),
        seed: seed(),
        mac_key_id: "aaaaaaaa".parse().expect("valid"),
        generation: Generation(generation),
        rotated_at: NOW,
        retry_key_hash: None,
        confirmation: None,
        idle_expires_at: NOW + Duration::from_hours(1),
        absolute_expires_at: NOW + Duration::from_hours(2),
        outlives_session: false,
        issued_at: NOW,
        access_expires_at: NOW,
        ended: None,
    }
}

fn client() -> Client {
    let id = "app".parse().expect("valid");
    Client::new(id, "App".to_owned(), ClientPolicy::default(), NOW)
}

fn present(generation: u64) -> Presentation {
    let token = derive(keys().current(), grant_id(), &seed(), Generation(generation));
    Presentation {
        token: Presented::parse(&keys(), token.expose()).expect("genuine"),
        client_id: "app".parse().expect("valid"),
        proof: None,
        retry_key_hash: None,
    }
}

fn keyed(generation: u64, key: &str) -> Presentation {
    Presentation { retry_key_hash: Some(SecretHash::of(key.as_bytes())), ..present(generation) }
}

fn later(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

#[test]
fn the_current_generation_rotates() {
    assert_eq!(judge(&present(3), &grant(3), &client(), NOW), Verdict::Rotate);
}

#[test]
fn a_keyed_retry_is_answered_again_however_late() {
    let row = Grant { retry_key_hash: Some(SecretHash::of(b"k")), ..grant(3) };
    assert_eq!(judge(&keyed(2, "k"), &row, &client(), later(3_000)), Verdict::Reissue);
}

#[test]
fn a_predecessor_with_another_key_or_none_kills_even_at_once() {
    let row = Grant { retry_key_hash: Some(SecretHash::of(b"k")), ..grant(3) };
    assert_eq!(judge(&keyed(2, "other"), &row, &client(), NOW), Verdict::Kill);
    assert_eq!(judge(&present(2), &row, &client(), NOW), Verdict::Kill);
}

#[test]
fn an_unkeyed_retry_is_answered_within_the_window_and_kills_after_it() {
    let row = grant(3);
    assert_eq!(judge(&present(2), &row, &client(), later(30)), Verdict::Reissue);
    assert_eq!(judge(&present(2), &row, &client(), later(31)), Verdict::Kill);
}

#[test]
fn a_window_of_zero_is_strict() {
    let policy = ClientPolicy { retry_window_ms: 0, ..ClientPolicy::default() };
    let strict = Client { policy, ..client() };
    assert_eq!(judge(&present(2), &grant(3), &strict, NOW), Verdict::Kill);
}

#[test]
fn a_confidential_client_may_retry_without_a_time_limit() {
    let confidential = Client { secret_hash: Some(SecretHash::of(b"s")), ..client() };
    assert_eq!(judge(&present(2), &grant(3), &confidential, later(3_000)), Verdict::Reissue);
}

#[test]
fn a_bound_grant_may_retry_without_a_time_limit_with_its_key() {
    let row = Grant { confirmation: Some(thumbprint(1)), ..grant(3) };
    let bound = Presentation { proof: Some(thumbprint(1)), ..present(2) };
    assert_eq!(judge(&bound, &row, &client(), later(3_000)), Verdict::Reissue);
}

#[test]
fn two_generations_back_is_reuse_whoever_asks() {
    let confidential = Client { secret_hash: Some(SecretHash::of(b"s")), ..client() };
    assert_eq!(judge(&present(1), &grant(3), &confidential, NOW), Verdict::Kill);
    let row = Grant { retry_key_hash: Some(SecretHash::of(b"k")), ..grant(3) };
    assert_eq!(judge(&keyed(1, "k"), &row, &client(), NOW), Verdict::Kill);
}

#[test]
fn a_stranger_refuses_nothing_and_kills_nothing() {
    let stranger = Presentation { client_id: "other".parse().expect("valid"), ..present(1) };
    assert_eq!(judge(&stranger, &grant(3), &client(), NOW), Verdict::Refuse(Refusal::WrongClient));
    let row = Grant { confirmation: Some(thumbprint(1)), ..grant(3) };
    for proof in [None, Some(thumbprint(2))] {
        let thief = Presentation { proof, ..present(1) };
        assert_eq!(judge(&thief, &row, &client(), NOW), Verdict::Refuse(Refusal::WrongKey));
    }
}

#[test]
fn what_has_ended_is_refused_quietly_with_its_reason() {
    let ended = Some(Ended { at: NOW, reason: Reason::Logout });
    let row = Grant { ended, ..grant(3) };
    for generation in [1, 2, 3, 4] {
        assert_eq!(
            judge(&present(generation), &row, &client(), NOW),
            Verdict::Refuse(Refusal::Ended(Reason::Logout))
        );
    }
}

#[test]
fn a_lifetime_that_is_over_ends_the_session() {
    let idle = Verdict::Expire(Reason::IdleTimeout);
    assert_eq!(judge(&present(3), &grant(3), &client(), later(3_600)), idle);
    let absolute = Verdict::Expire(Reason::AbsoluteTimeout);
    assert_eq!(judge(&present(3), &grant(3), &client(), later(7_200)), absolute);
    assert_eq!(judge(&present(3), &grant(3), &client(), later(3_599)), Verdict::Rotate);
}

#[test]
fn a_generation_never_issued_is_an_alarm_and_kills_nothing() {
    assert_eq!(
        judge(&present(4), &grant(3), &client(), NOW),
        Verdict::Refuse(Refusal::NeverIssued)
    );
}

#[test]
fn the_server_key_alone_makes_no_token() {
    // A thief of the server key can make the tag, but must guess the seed.
    let guessed = derive(keys().current(), grant_id(), &Seed::from_random([0; 32]), Generation(3));
    let token = Presented::parse(&keys(), guessed.expose()).expect("its tag is genuine");
    let forged = Presentation { token, ..present(3) };
    assert_eq!(judge(&forged, &grant(3), &client(), NOW), Verdict::Refuse(Refusal::Forged));
}

#[test]
fn the_seed_alone_makes_no_token() {
    let foreign = derive(&key("aaaaaaaa", 77), grant_id(), &seed(), Generation(3));
    assert!(Presented::parse(&keys(), foreign.expose()).is_none());
}

#[test]
fn an_older_server_key_is_still_accepted_and_an_unknown_one_is_not() {
    let older = derive(&key("bbbbbbbb", 2), grant_id(), &seed(), Generation(3));
    let token = Presented::parse(&keys(), older.expose()).expect("still accepted");
    let presentation = Presentation { token, ..present(3) };
    assert_eq!(judge(&presentation, &grant(3), &client(), NOW), Verdict::Rotate);
    let unknown = derive(&key("cccccccc", 1), grant_id(), &seed(), Generation(3));
    assert!(Presented::parse(&keys(), unknown.expose()).is_none());
}

#[test]
fn a_token_is_printable_long_and_the_same_each_time() {
    let token = derive(keys().current(), grant_id(), &seed(), Generation(3));
    let again = derive(keys().current(), grant_id(), &seed(), Generation(3));
    assert_eq!(token.expose(), again.expose());
    assert!(token.expose().bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(token.expose().len() > 100);
    assert_eq!(format!("{token:?}"), "Secret(..)");
}

proptest! {
    #[test]
    fn no_change_of_a_single_character_is_accepted(at in 0usize..130, to in "[A-Za-z0-9_.-]") {
        let token = derive(keys().current(), grant_id(), &seed(), Generation(3));
        let mut changed = token.expose().to_owned();
        let at = at % changed.len();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != token.expose());
        prop_assert!(Presented::parse(&keys(), &changed).is_none());
    }

    #[test]
    fn any_text_is_judged_without_a_panic(text in "(mrt_)?[ -~]{0,200}") {
        let _ = Presented::parse(&keys(), &text);
    }

    #[test]
    fn at_most_one_generation_ever_rotates(
        presentations in prop::collection::vec((0u64..6, 0u64..120), 1..40)
    ) {
        // Any interleaving of presentations leaves one live token: the current generation.
        let mut row = grant(0);
        for (generation, seconds) in presentations {
            match judge(&present(generation), &row, &client(), later(seconds)) {
                Verdict::Rotate => {
                    prop_assert_eq!(Generation(generation), row.generation);
                    row.generation = row.generation.next();
                }
                Verdict::Reissue => prop_assert!(Generation(generation).precedes(row.generation)),
                Verdict::Kill => {
                    prop_assert!(Generation(generation) < row.generation);
                    break;
                }
                Verdict::Expire(_) => break,
                Verdict::Refuse(refusal) => {
                    prop_assert_eq!(refusal, Refusal::NeverIssued);
                    prop_assert!(Generation(generation) > row.generation);
                }
            }
        }
    }
}
