//! Whom an entry of the log wakes, and whom it does not.

use std::time::Duration;

use menshen_token::{Reason, Seq};

use super::*;

const LIMITS: WatchLimits = WatchLimits { session: 2, user: 4, node: 5 };

fn token(number: u8) -> Arc<AccessToken> {
    let id = |kind: u8| [kind ^ number; 16];
    Arc::new(AccessToken {
        key_id: "key".parse().expect("an id"),
        issuer: "https://id.example".to_owned(),
        subject: format!("user-{}", number % 2).parse().expect("an id"),
        audience: vec!["https://id.example".to_owned()],
        expires_at: Timestamp::from_seconds(600),
        issued_at: Timestamp::from_seconds(0),
        not_before: None,
        jti: Jti::from_bytes(id(1)),
        client_id: "app".parse().expect("an id"),
        session_id: Some(SessionId::from_bytes(id(2))),
        grant_id: Some(GrantId::from_bytes(id(3))),
        scope: "account".parse().expect("a scope"),
        auth_time: None,
        acr: None,
        amr: Vec::new(),
        roles: Vec::new(),
        confirmation: None,
        actor: None,
        custom: serde_json::Map::new(),
    })
}

fn entry(revocation: Revocation) -> Entry {
    Entry {
        seq: Seq(1),
        revocation,
        reason: Reason::Admin,
        appended_at: Timestamp::from_seconds(1),
        expires_at: Timestamp::from_seconds(700),
    }
}

/// Which of those who wait are woken.
fn woken(wakes: &[Arc<Notify>]) -> Vec<usize> {
    let is_woken = |wake: &Notify| {
        let mut notified = std::pin::pin!(wake.notified());
        notified.as_mut().enable()
    };
    (0..wakes.len()).filter(|index| is_woken(&wakes[*index])).collect()
}

#[test]
fn an_entry_wakes_those_whose_token_it_kills() {
    let mut watchers = Watchers::default();
    let tokens: Vec<_> = (0..4).map(|number| token(number * 16)).collect();
    let tokens: Vec<_> = tokens.into_iter().chain([token(17)]).collect();
    let add = |token| watchers.add(token, LIMITS).expect("there is room").1;
    let wakes: Vec<_> = tokens.iter().map(add).collect();
    let (session, grant) = (tokens[1].session_id.expect("one"), tokens[2].grant_id.expect("one"));
    let later = Timestamp::from_seconds(1);
    let user = tokens[4].subject.clone();
    let client = tokens[0].client_id.clone();
    let cases = [
        (Revocation::Session(session), vec![1]),
        (Revocation::Grant(grant), vec![2]),
        (Revocation::Token(tokens[3].jti), vec![3]),
        (Revocation::UserBefore(user.clone(), later), vec![4]),
        (Revocation::UserBefore(user, Timestamp::from_seconds(0)), vec![]),
        (Revocation::ClientBefore(client, later), vec![0, 1, 2, 3, 4]),
        (Revocation::ClientBefore("other".parse().expect("an id"), later), vec![]),
        (Revocation::Key("key".parse().expect("an id")), vec![0, 1, 2, 3, 4]),
        (Revocation::AllBefore(later), vec![0, 1, 2, 3, 4]),
    ];
    for (rule, expected) in cases {
        watchers.tell(Some(&[entry(rule.clone())]));
        assert_eq!(woken(&wakes), expected, "{rule:?}");
    }
    watchers.tell(Some(&[]));
    assert_eq!(woken(&wakes), Vec::<usize>::new());
    watchers.tell(None);
    assert_eq!(woken(&wakes), [0, 1, 2, 3, 4], "when nobody knows, everybody asks");
}

#[test]
fn nothing_is_left_of_those_who_went() {
    let mut watchers = Watchers::default();
    let tokens = [token(0), token(0), token(32)];
    let add = |token| watchers.add(token, LIMITS).expect("there is room").0;
    let ids: Vec<u64> = tokens.iter().map(add).collect();
    assert_eq!(watchers.add(&tokens[0], LIMITS).err(), Some(NoRoom::Session));
    watchers.wake_at(ids[0], Timestamp::from_seconds(5));
    watchers.wake_at(ids[0], Timestamp::from_seconds(9));
    assert_eq!(watchers.due.len(), 1);
    for id in ids {
        watchers.remove(id);
        watchers.remove(id);
    }
    assert_eq!(watchers.count() + watchers.named.len() + watchers.due.len(), 0);
}

#[test]
fn no_user_takes_the_places_of_the_others() {
    let mut watchers = Watchers::default();
    let add = |watchers: &mut Watchers, number| watchers.add(&token(number), LIMITS);
    let sessions_of_one = [0, 16, 32, 48];
    let ids = sessions_of_one.map(|number| add(&mut watchers, number).expect("there is room").0);
    assert_eq!(add(&mut watchers, 64).err(), Some(NoRoom::User));
    add(&mut watchers, 17).expect("there is room for another");
    assert_eq!(add(&mut watchers, 33).err(), Some(NoRoom::Node));
    watchers.remove(ids[0]);
    add(&mut watchers, 64).expect("there is room again");
}

#[test]
fn whoever_asked_for_an_instant_is_woken_then_and_once() {
    let mut watchers = Watchers::default();
    let at = |seconds| Timestamp::from_seconds(0) + Duration::from_secs(seconds);
    let (first, wake) = watchers.add(&token(0), LIMITS).expect("there is room");
    let (second, other) = watchers.add(&token(32), LIMITS).expect("there is room");
    watchers.wake_at(first, at(10));
    watchers.wake_at(second, at(20));
    let wakes = [wake, other];
    watchers.wake_due(at(9));
    assert_eq!(woken(&wakes), Vec::<usize>::new());
    watchers.wake_due(at(10));
    assert_eq!(woken(&wakes), [0]);
    watchers.wake_due(at(19));
    assert_eq!(woken(&wakes), Vec::<usize>::new());
    watchers.wake_due(at(20));
    assert_eq!(woken(&wakes), [1]);
}
