//! Signing out everywhere else: one session stays, and nothing of the others.

use std::time::Duration;

use menshen_domain::client::ClientPolicy;
use menshen_store::{CodeRefusal, Redeemed, Target};
use menshen_token::{Reason, Revocation, Seq};
use rstest::rstest;

use crate::database::Kind;
use crate::scene::{START, Scene, code, redemption};

const REASON: Reason = Reason::RemoteLogout;

#[rstest]
#[tokio::test]
async fn one_session_stays_and_nothing_of_the_others(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let eve = scene.user("eve").await;
    let sync = scene.client("sync", ClientPolicy::default()).await;
    let own = scene.sign_in_browser(&ada, START).await;
    let joined = scene.join(&own, &app, START).await;
    let offline = scene.join_offline(&own, &sync, START).await;
    let other = scene.sign_in_browser(&ada, START).await;
    let joined_there = scene.join(&other, &app, START).await;
    let offline_there = scene.join_offline(&other, &sync, START).await;
    let phone = scene.sign_in(&ada, &app, START).await;
    let gone = scene.sign_in_browser(&ada, START).await;
    let outlived = scene.join_offline(&gone, &sync, START).await;
    let stranger = scene.sign_in(&eve, &app, START).await;
    let target = Target::Session(gone.session.id);
    scene.store.revoke(&target, Reason::Logout, START).await.expect("ended");
    assert!(!scene.is_over(&outlived, START).await);
    let before = scene.store.head().await.expect("reads").seq;
    let under_way = code(&ada, &app, START);
    scene.store.issue_code(&under_way).await.expect("issued");

    let now = START + Duration::from_secs(1);
    let kept = own.session.id;
    let receipts = scene.store.end_other_sessions(&ada.id, kept, REASON, now).await;
    let receipts = receipts.expect("ended");
    let sessions: u64 = receipts.iter().map(|receipt| receipt.sessions).sum();
    let grants: u64 = receipts.iter().map(|receipt| receipt.grants).sum();
    assert_eq!((receipts.len(), sessions, grants), (3, 2, 4));
    let log = scene.store.revocations_after(before, 9).await.expect("reads");
    assert!(log.iter().all(|entry| entry.reason == REASON));
    let mut ended: Vec<_> = log.into_iter().map(|entry| entry.revocation).collect();
    let mut expected = vec![
        Revocation::Session(other.session.id),
        Revocation::Grant(offline_there.grant.id),
        Revocation::Session(phone.session.id),
        Revocation::Grant(outlived.grant.id),
    ];
    ended.sort_by_key(|rule| format!("{rule:?}"));
    expected.sort_by_key(|rule| format!("{rule:?}"));
    assert_eq!(ended, expected);

    for dead in [&joined_there, &offline_there, &phone, &outlived] {
        assert!(scene.is_over(dead, now).await);
    }
    for alive in [&joined, &offline, &stranger] {
        assert!(!scene.is_over(alive, now).await);
    }
    let held = scene.store.find_browser_session(&own.cookie, now).await.expect("reads");
    assert_eq!(held.expect("is held").0.id, kept);
    // What was on its way to becoming a session.
    let redeemed = scene.store.redeem_code(&redemption(&under_way), now).await.expect("judged");
    assert!(matches!(redeemed, Redeemed::Refused(CodeRefusal::Superseded)), "{redeemed:?}");
    let again = scene.store.end_other_sessions(&ada.id, kept, REASON, now).await;
    assert_eq!(again.expect("nothing is left"), []);
    assert_eq!(scene.store.head().await.expect("reads").seq, Seq(before.0 + 4));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_sign_each_other_out_do_not_get_stuck(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    for _ in 0..10 {
        let browsers =
            [scene.sign_in_browser(&ada, START).await, scene.sign_in_browser(&ada, START).await];
        let mut tasks = tokio::task::JoinSet::new();
        for browser in &browsers {
            scene.join(browser, &app, START).await;
        }
        for browser in browsers {
            let (store, ada) = (scene.store.clone(), ada.id.clone());
            tasks.spawn(async move {
                store.end_other_sessions(&ada, browser.session.id, REASON, START).await
            });
        }
        for ended in tasks.join_all().await {
            ended.expect("not stuck");
        }
    }
}
