//! Listing sessions, and what time alone does to them.

use std::time::Duration;

use menshen_domain::client::ClientPolicy;
use menshen_store::{Page, Refreshed, SessionChange, Target};
use menshen_token::{Reason, SessionId};
use rstest::rstest;

use crate::database::Kind;
use crate::scene::{ALL, START, Scene, bytes, issued, present};

const DAY: Duration = Duration::from_hours(24);

#[rstest]
#[tokio::test]
async fn sessions_are_listed_newest_first_with_their_last_use(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let eve = scene.user("eve").await;
    scene.sign_in(&eve, &app, START).await;
    let mut expected = Vec::new();
    for minute in 0..5 {
        let signed_in = scene.sign_in(&ada, &app, START + Duration::from_mins(minute)).await;
        expected.insert(0, signed_in.session.id);
        if minute == 2 {
            issued(scene.refresh(present(&signed_in), START + Duration::from_hours(1)).await);
        }
    }
    let ended = Target::Session(expected.remove(0));
    scene.store.revoke(&ended, Reason::Logout, START).await.expect("ended");
    let sessions = scene.store.list_sessions(&ada.id, &ALL).await.expect("lists");
    assert_eq!(sessions.iter().map(|session| session.id).collect::<Vec<_>>(), expected);
    assert_eq!(sessions[1].last_seen_at, START + Duration::from_hours(1));
    assert_eq!(sessions[3].last_seen_at, START);
    let page = Page { after: Some(expected[1].to_string()), limit: 1 };
    let page = scene.store.list_sessions(&ada.id, &page).await.expect("lists");
    assert_eq!(page, [sessions[2].clone()]);
    let none = SessionId::from_bytes(bytes());
    assert_eq!(scene.store.find_session(none).await.expect("reads"), None);
}

#[rstest]
#[tokio::test]
async fn what_is_no_longer_used_ends_by_itself(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let unused = scene.sign_in(&ada, &app, START).await;
    let used = scene.sign_in(&ada, &app, START).await;
    let used = issued(scene.refresh(present(&used), START + DAY).await);
    let sync = scene.client("sync", ClientPolicy::default()).await;
    let offline = scene.sign_in_offline(&ada, &sync, START).await;
    let offline_session = Target::Session(offline.session.id);
    scene.store.revoke(&offline_session, Reason::Logout, START).await.expect("ended");
    let head = scene.store.head().await.expect("reads");

    let now = unused.grant.idle_expires_at;
    assert_eq!(scene.store.end_expired(now - DAY, 100).await.expect("sweeps").sessions, 0);
    assert_eq!(scene.store.end_expired(now, 100).await.expect("sweeps").sessions, 1);
    assert!(scene.is_over(&unused, now).await && scene.is_over(&offline, now).await);
    let session = scene.store.find_session(unused.session.id).await.expect("reads");
    let ended = session.and_then(|session| session.ended).expect("ended");
    assert_eq!((ended.at, ended.reason), (now, Reason::IdleTimeout));
    let live = scene.store.list_sessions(&ada.id, &ALL).await.expect("lists");
    assert_eq!(live.iter().map(|session| session.id).collect::<Vec<_>>(), [used.session.id]);
    assert_eq!(
        scene.store.end_expired(used.grant.idle_expires_at, 100).await.expect("sweeps").sessions,
        1
    );
    assert_eq!(scene.store.head().await.expect("reads"), head);
}

#[rstest]
#[tokio::test]
async fn what_is_too_old_ends_by_itself(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let first = scene.sign_in(&ada, &app, START).await;
    let mut last = first.clone();
    for week in 1..=4 {
        last = issued(scene.refresh(present(&last), START + DAY * (6 * week)).await);
    }
    let now = first.grant.absolute_expires_at;
    assert_eq!(scene.store.end_expired(now - DAY, 100).await.expect("sweeps").sessions, 0);
    assert_eq!(scene.store.end_expired(now, 100).await.expect("sweeps").sessions, 1);
    let session = scene.store.find_session(first.session.id).await.expect("reads");
    let ended = session.and_then(|session| session.ended).expect("ended");
    assert_eq!(ended.reason, Reason::AbsoluteTimeout);
}

#[rstest]
#[tokio::test]
async fn an_ended_session_is_remembered_for_30_days(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let sync = scene.client("sync", ClientPolicy::default()).await;
    let phone = scene.sign_in(&ada, &app, START).await;
    let offline = scene.sign_in_offline(&ada, &sync, START).await;
    let live = scene.sign_in(&ada, &app, START).await;
    for session in [&phone.session, &offline.session] {
        let target = Target::Session(session.id);
        scene.store.revoke(&target, Reason::Logout, START).await.expect("ended");
    }
    let (soon, late) = (START + DAY * 29, START + DAY * 31);
    scene.store.delete_expired(soon, 100).await.expect("deletes");
    assert!(scene.is_over(&phone, START).await);
    scene.store.delete_expired(late, 100).await.expect("deletes");
    assert!(matches!(scene.refresh(present(&phone), START).await, Refreshed::Unknown));
    assert_eq!(scene.store.find_session(phone.session.id).await.expect("reads"), None);
    // Its session has ended, but it has not.
    assert!(!scene.is_over(&offline, START).await);
    assert!(!scene.is_over(&live, START).await);
}

#[rstest]
#[tokio::test]
async fn who_copies_sessions_reads_every_beginning_and_every_end(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let mut openings = scene.store.session_openings();
    let long_ago = scene.sign_in(&ada, &app, START - DAY).await.session;
    let first = scene.sign_in(&ada, &app, START).await.session;
    let second = scene.sign_in(&ada, &app, START).await.session;
    assert!(openings.has_changed().expect("open"), "who waits is woken");
    openings.mark_unchanged();
    let at = START + Duration::from_mins(1);
    scene.store.revoke(&Target::Session(long_ago.id), Reason::Logout, at).await.expect("ended");
    let browser = scene.sign_in_browser(&ada, at).await.session;
    assert!(openings.has_changed().expect("open"));

    let mut changes = scene.store.session_changes(START, None, 100).await.expect("reads");
    let paged = {
        let mut paged = scene.store.session_changes(START, None, 1).await.expect("reads");
        while let Some(last) = paged.last().copied() {
            let more = scene.store.session_changes(last.at, Some(last.id), 1).await.expect("reads");
            if more.is_empty() {
                break;
            }
            paged.extend(more);
        }
        paged
    };
    assert_eq!(paged, changes);
    changes.sort_by_key(|change| (change.at, change.lives_until));
    let lives = |session: &menshen_domain::Session| SessionChange {
        id: session.id,
        at: session.created_at,
        lives_until: Some(session.absolute_expires_at),
    };
    let mut expected = vec![
        lives(&first),
        lives(&second),
        SessionChange { id: long_ago.id, at, lives_until: None },
        lives(&browser),
    ];
    expected[..2].sort_by_key(|change| change.id);
    changes[..2].sort_by_key(|change| change.id);
    assert_eq!(changes, expected);

    let mut live = scene.store.live_sessions(None, 2).await.expect("reads");
    live.extend(scene.store.live_sessions(Some(live[1].0), 2).await.expect("reads"));
    let mut expected =
        [&first, &second, &browser].map(|session| (session.id, session.absolute_expires_at));
    expected.sort_by_key(|(id, _)| id.to_string());
    assert_eq!(live, expected);
}
