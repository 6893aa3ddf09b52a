//! The set answers like a scan of all rules.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{GrantId, Jti, Reason, Seq, SessionId};

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
const NAMES: u8 = 4;
const SECONDS: u64 = 20;

fn at(second: u64) -> Timestamp {
    START + Duration::from_secs(second)
}

fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(number: u8) -> T {
    format!("name-{number}").parse().expect("valid")
}

fn rules() -> impl Strategy<Value = Revocation> {
    let number = || 0..NAMES;
    // Milliseconds around the tokens' own, so that "before" is tried on both sides.
    let instant = || (0..SECONDS * 2).prop_map(|half| START + Duration::from_millis(half * 500));
    prop_oneof![
        number().prop_map(|id| Revocation::Token(Jti::from_bytes([id; 16]))),
        number().prop_map(|id| Revocation::Session(SessionId::from_bytes([id; 16]))),
        number().prop_map(|id| Revocation::Grant(GrantId::from_bytes([id; 16]))),
        (number(), instant()).prop_map(|(id, before)| Revocation::UserBefore(name(id), before)),
        (number(), instant()).prop_map(|(id, before)| Revocation::ClientBefore(name(id), before)),
        number().prop_map(|id| Revocation::Key(name(id))),
        instant().prop_map(Revocation::AllBefore),
    ]
}

/// An entry that expires at one of a few instants.
fn entries() -> impl Strategy<Value = Entry> {
    (rules(), 1..SECONDS).prop_map(|(revocation, expires)| Entry {
        seq: Seq(1),
        revocation,
        reason: Reason::Logout,
        appended_at: START,
        expires_at: at(expires),
    })
}

fn tokens() -> impl Strategy<Value = AccessToken> {
    let numbers = prop::array::uniform6(0..=NAMES);
    (numbers, any::<[bool; 2]>(), 0..SECONDS * 1_000).prop_map(|(numbers, has, millis)| {
        let [jti, session, grant, user, client, key] = numbers;
        AccessToken {
            key_id: name(key),
            issuer: "i".to_owned(),
            subject: name(user),
            audience: vec!["a".to_owned()],
            expires_at: Timestamp::MAX,
            issued_at: START + Duration::from_millis(millis),
            not_before: None,
            jti: Jti::from_bytes([jti; 16]),
            client_id: name(client),
            session_id: has[0].then(|| SessionId::from_bytes([session; 16])),
            grant_id: has[1].then(|| GrantId::from_bytes([grant; 16])),
            scope: crate::Scope::default(),
            auth_time: None,
            acr: None,
            amr: Vec::new(),
            roles: Vec::new(),
            confirmation: None,
            actor: None,
            custom: serde_json::Map::new(),
        }
    })
}

/// What happens to a set, at ever later instants.
#[derive(Clone, Debug)]
enum Event {
    Extend(Vec<Entry>),
    Prune,
    Copy,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => prop::collection::vec(entries(), 0..8).prop_map(Event::Extend),
        1 => Just(Event::Prune),
        1 => Just(Event::Copy),
    ];
    prop::collection::vec(event, 0..8)
}

proptest! {
    /// As long as no rule expires, the set kills exactly what one of the rules kills.
    #[test]
    fn it_kills_what_a_naive_scan_kills(
        batches in prop::collection::vec(prop::collection::vec(entries(), 0..8), 0..8),
        tokens in prop::collection::vec(tokens(), 1..6),
    ) {
        let mut set = RevocationSet::default();
        for batch in &batches {
            set.extend(batch, START);
        }
        set.prune(START);
        for token in tokens {
            let naive = batches.iter().flatten().any(|entry| entry.revocation.kills(&token));
            prop_assert_eq!(set.kills(&token), naive);
        }
    }

    /// Whatever expires and is pruned on the way: no live rule is forgotten, and nothing is
    /// killed that no rule ever killed.
    #[test]
    fn it_never_forgets_a_live_rule_and_never_makes_one_up(
        events in events(),
        tokens in prop::collection::vec(tokens(), 1..6),
    ) {
        let (mut set, mut all) = (RevocationSet::default(), Vec::<Entry>::new());
        for (second, event) in (0_u64..).zip(events) {
            let now = at(second);
            match event {
                Event::Extend(entries) => {
                    set.extend(&entries, now);
                    all.extend(entries);
                }
                Event::Prune => set.prune(now),
                Event::Copy => {
                    let copy = set.clone();
                    set.extend(&[], now);
                    set = copy;
                }
            }
            for token in &tokens {
                let kills = |entry: &Entry| entry.revocation.kills(token);
                let live = all.iter().any(|entry| entry.expires_at > now && kills(entry));
                let ever = all.iter().any(kills);
                prop_assert!(set.kills(token) || !live, "a live rule was forgotten");
                prop_assert!(!set.kills(token) || ever, "a rule was made up");
            }
        }
    }

    #[test]
    fn a_pruned_set_holds_nothing_once_everything_has_expired(
        batch in prop::collection::vec(entries(), 0..60),
    ) {
        let mut set = RevocationSet::default();
        set.extend(&batch, START);
        set.prune(at(SECONDS + 1));
        prop_assert!(set.is_empty());
    }
}
