//! Listing sessions, and what time alone does to them.

use std::time::Duration;

use menshen_domain::client::ClientPolicy;
use menshen_store::{Page, Refreshed, Target};
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
