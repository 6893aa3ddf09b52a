//! Consents: given, added to, and taken back with everything that rests on them.

use std::time::Duration;

use menshen_domain::client::ClientPolicy;
use menshen_store::{CodeRefusal, Consent, Redeemed};
use menshen_token::{Reason, Revocation, Scope, Seq};
use rstest::rstest;

use crate::database::Kind;
use crate::scene::{ALL, START, Scene, code, redemption, scope, token};

#[rstest]
#[tokio::test]
async fn consents_add_up_until_they_are_taken_back(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let eve = scene.user("eve").await;
    let zoo = scene.client("zoo", ClientPolicy::default()).await;
    let store = &scene.store;
    let later = START + Duration::from_secs(5);
    assert_eq!(store.find_consent(&ada.id, &app.id).await.expect("reads"), Scope::default());
    assert_eq!(store.list_consents(&ada.id).await.expect("lists"), []);
    for (client, words, now) in [
        (&zoo, "openid", START),
        (&app, "openid email", START),
        (&app, "email profile", later),
        (&app, "", later),
    ] {
        store.give_consent(&ada.id, &client.id, &scope(words), now).await.expect("given");
    }
    store.give_consent(&eve.id, &app.id, &scope("openid"), START).await.expect("given");
    let all = scope("openid email profile");
    assert_eq!(store.find_consent(&ada.id, &app.id).await.expect("reads"), all);
    let consent = |client: &menshen_domain::Client, scope, given_at| Consent {
        client_id: client.id.clone(),
        client_name: client.name.clone(),
        scope,
        given_at,
    };
    let of_app = consent(&app, all, later);
    let of_zoo = consent(&zoo, scope("openid"), START);
    let listed = store.list_consents(&ada.id).await.expect("lists");
    assert_eq!(listed, [of_app, of_zoo.clone()]);

    assert_eq!(store.withdraw_consent(&ada.id, &app.id, later).await.expect("withdrawn"), []);
    assert_eq!(store.find_consent(&ada.id, &app.id).await.expect("reads"), Scope::default());
    assert_eq!(store.list_consents(&ada.id).await.expect("lists"), [of_zoo]);
    let of_eve = store.find_consent(&eve.id, &app.id).await.expect("reads");
    assert_eq!(of_eve, scope("openid"));
    // What was taken back is not remembered.
    store.give_consent(&ada.id, &app.id, &scope("address"), later).await.expect("given");
    assert_eq!(store.find_consent(&ada.id, &app.id).await.expect("reads"), scope("address"));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consents_given_at_once_all_count(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let mut tasks = tokio::task::JoinSet::new();
    for word in 0..16 {
        let (store, ada, app) = (scene.store.clone(), ada.id.clone(), app.id.clone());
        tasks.spawn(async move {
            let scope = scope(&format!("word{word}"));
            store.give_consent(&ada, &app, &scope, START).await.expect("given");
        });
    }
    tasks.join_all().await;
    let all = scene.store.find_consent(&ada.id, &app.id).await.expect("reads");
    assert_eq!(all.iter().count(), 16, "{all}");
}

#[rstest]
#[tokio::test]
async fn a_consent_taken_back_ends_every_grant_of_that_client(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, eve) = (scene.user("ada").await, scene.user("eve").await);
    let sync = scene.client("sync", ClientPolicy::default()).await;
    let other = scene.client("other", ClientPolicy::default()).await;
    let store = &scene.store;
    store.give_consent(&ada.id, &sync.id, &scope("openid"), START).await.expect("given");
    let (desk, laptop) =
        (scene.sign_in_browser(&ada, START).await, scene.sign_in_browser(&ada, START).await);
    let theirs = [
        scene.join(&desk, &sync, START).await,
        scene.join_offline(&desk, &sync, START).await,
        scene.join_offline(&laptop, &sync, START).await,
        scene.sign_in(&ada, &sync, START).await,
    ];
    let kept = [
        scene.join(&desk, &other, START).await,
        scene.join_offline(&laptop, &other, START).await,
        scene.sign_in(&eve, &sync, START).await,
    ];
    let now = START + Duration::from_secs(5);
    let receipts = store.withdraw_consent(&ada.id, &sync.id, now).await.expect("withdrawn");
    assert_eq!(receipts.iter().map(|receipt| receipt.grants).sum::<u64>(), 4);
    // Only the one that the client had opened for itself.
    assert_eq!(receipts.iter().map(|receipt| receipt.sessions).sum::<u64>(), 1);
    let log = store.revocations_after(Seq(0), 99).await.expect("reads");
    assert!(log.iter().all(|entry| entry.reason == Reason::ConsentWithdrawn));
    let appended: Vec<_> = receipts.into_iter().filter_map(|receipt| receipt.appended).collect();
    assert_eq!(log, appended);
    for issued in &theirs {
        let rule = Revocation::Grant(issued.grant.id);
        assert!(log.iter().any(|entry| entry.revocation == rule));
        let revoked = store.is_revoked(&token(issued), now).await.expect("answers");
        assert_eq!(revoked, Some(Reason::ConsentWithdrawn));
        assert!(scene.is_over(issued, now).await);
    }
    for issued in &kept {
        assert!(!scene.is_over(issued, now).await);
    }
    let live = store.list_sessions(&ada.id, &ALL).await.expect("lists");
    assert_eq!(live.len(), 2);
    assert!(live.iter().all(|session| session.client_id.is_none()));
    let again = store.withdraw_consent(&ada.id, &sync.id, now).await.expect("answers");
    assert_eq!(again, []);
}

#[rstest]
#[tokio::test]
async fn a_code_does_not_outlive_the_consent_it_rests_on(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, eve) = (scene.user("ada").await, scene.user("eve").await);
    let sync = scene.client("sync", ClientPolicy::default()).await;
    let other = scene.client("other", ClientPolicy::default()).await;
    let browser = scene.sign_in_browser(&ada, START).await;
    let redeemed = scene.joining(&browser, &sync, START).await;
    scene.sign_in_as(&redeemed, START).await;
    let dead = [scene.joining(&browser, &sync, START).await, code(&ada, &sync, START)];
    let kept = [code(&ada, &other, START), code(&eve, &sync, START)];
    for code in dead.iter().chain(&kept) {
        scene.store.issue_code(code).await.expect("issued");
    }
    scene.store.withdraw_consent(&ada.id, &sync.id, START).await.expect("withdrawn");
    let redeem = async |code| scene.store.redeem_code(&redemption(code), START).await;
    for code in &dead {
        let answer = redeem(code).await.expect("judged");
        assert!(matches!(answer, Redeemed::Refused(CodeRefusal::Unknown)), "{answer:?}");
    }
    for code in &kept {
        let answer = redeem(code).await.expect("judged");
        assert!(matches!(answer, Redeemed::Opened { .. }), "{answer:?}");
    }
    // A second redemption is noticed all the same.
    let answer = redeem(&redeemed).await.expect("judged");
    assert!(matches!(answer, Redeemed::Replayed(_)), "{answer:?}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_a_consent_whoever_comes_first(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let sync = scene.client("sync", ClientPolicy::default()).await;
    let browser = scene.sign_in_browser(&ada, START).await;
    let other_node = scene.database.open().await;
    for round in 0..20 {
        scene.store.give_consent(&ada.id, &sync.id, &scope("openid"), START).await.expect("given");
        let code = scene.joining(&browser, &sync, START).await;
        scene.store.issue_code(&code).await.expect("issued");
        let redeeming = tokio::spawn({
            let (store, redemption) = (scene.store.clone(), redemption(&code));
            async move { store.redeem_code(&redemption, START).await.expect("judged") }
        });
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        other_node.withdraw_consent(&ada.id, &sync.id, START).await.expect("withdrawn");
        match redeeming.await.expect("runs") {
            Redeemed::Opened { issued, .. } => assert!(scene.is_over(&issued, START).await),
            Redeemed::Refused(CodeRefusal::Unknown) => {}
            other => panic!("neither: {other:?}"),
        }
    }
}
