//! What may happen once, who follows the feed, and cleaning up.

use std::time::Duration;

use menshen_domain::throttle::Quota;
use menshen_store::{Admission, Attempt, CodeRefusal, FeedStream, OneTime, Quoted, Redeemed};
use menshen_token::Seq;
use rstest::rstest;
use tokio::task::JoinSet;

use crate::database::Kind;
use crate::scene::{START, Scene, code, redemption};

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_one_time_value_has_one_consumer(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let mut tasks = JoinSet::new();
    let odd = "\0 \u{1f512} ".repeat(2_000);
    for _ in 0..16 {
        let (store, odd) = (scene.store.clone(), odd.clone());
        tasks.spawn(async move {
            store.consume(OneTime::DpopProof, &odd, START).await.expect("answers")
        });
    }
    let first = tasks.join_all().await.into_iter().filter(|first| *first).count();
    assert_eq!(first, 1);
    let other = scene.store.consume(OneTime::ClientAssertion, &odd, START).await;
    assert!(other.expect("answers"));
    assert_eq!(scene.store.delete_expired(START, 1).await.expect("deletes"), 1);
    assert_eq!(scene.store.delete_expired(START, 9).await.expect("deletes"), 1);
    assert!(scene.store.consume(OneTime::DpopProof, &odd, START).await.expect("answers"));
}

#[rstest]
#[tokio::test]
async fn streams_are_listed_while_they_are_reported(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let stream = |id: &str, acknowledged| FeedStream {
        id: id.to_owned(),
        verifier: "api".to_owned(),
        acknowledged: Seq(acknowledged),
    };
    let store = &scene.store;
    store.report_streams(&[], START).await.expect("reported");
    store.report_streams(&[stream("a", 1), stream("b", 0)], START).await.expect("reported");
    let seconds = |seconds| START + Duration::from_secs(seconds);
    store.report_streams(&[stream("a", 7)], seconds(5)).await.expect("reported");
    assert!(store.acknowledge_stream("b", Seq(3), seconds(9)).await.expect("answers"));
    assert!(store.acknowledge_stream("b", Seq(2), seconds(9)).await.expect("answers"));
    let listed = store.list_streams(seconds(10)).await.expect("lists");
    assert_eq!(listed, [stream("a", 7), stream("b", 3)]);
    // A word from elsewhere does not keep it open, nor bring it back.
    assert!(!store.acknowledge_stream("b", Seq(4), seconds(11)).await.expect("answers"));
    assert!(!store.acknowledge_stream("c", Seq(4), START).await.expect("answers"));
    assert_eq!(store.list_streams(seconds(11)).await.expect("lists"), [stream("a", 7)]);
    store.forget_streams(&["a".to_owned(), "none".to_owned()]).await.expect("forgotten");
    store.forget_streams(&[]).await.expect("forgotten");
    assert_eq!(store.list_streams(seconds(5)).await.expect("lists"), [stream("b", 3)]);
    assert_eq!(store.delete_expired(seconds(59), 9).await.expect("deletes"), 0);
    assert_eq!(store.delete_expired(seconds(60), 9).await.expect("deletes"), 1);
}

#[rstest]
#[tokio::test]
async fn a_redeemed_code_is_remembered_for_an_hour(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let code = code(&ada, &app, START);
    let issued = scene.sign_in_as(&code, START).await;
    let hour = Duration::from_hours(1);
    let soon = code.expires_at + hour - Duration::from_millis(1);
    assert_eq!(scene.store.delete_expired(soon, 9).await.expect("deletes"), 0);
    assert_eq!(scene.store.delete_expired(code.expires_at + hour, 9).await.expect("deletes"), 1);
    let redeemed = scene.store.redeem_code(&redemption(&code), START).await.expect("judged");
    assert!(matches!(redeemed, Redeemed::Refused(CodeRefusal::Unknown)), "{redeemed:?}");
    assert!(!scene.is_over(&issued, START).await);
}

#[rstest]
#[tokio::test]
async fn counters_and_familiar_addresses_are_forgotten(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let address = "192.0.2.1".parse().expect("an address");
    let username = ada.username.clone();
    let attempt = Attempt { address, account: Some(ada.id.clone()), username };
    scene.store.begin_attempt(&attempt, START).await.expect("counted");
    scene.store.forgive_attempt(&attempt, START).await.expect("forgiven");
    let days = |days: u32| START + Duration::from_hours(24) * days;
    assert_eq!(scene.store.delete_expired(START, 9).await.expect("deletes"), 0);
    assert_eq!(scene.store.delete_expired(days(1), 9).await.expect("deletes"), 3);
    assert_eq!(scene.store.delete_expired(days(89), 9).await.expect("deletes"), 0);
    assert_eq!(scene.store.delete_expired(days(90), 9).await.expect("deletes"), 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_is_one_for_all_who_count(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let quota = Quota { most: 5, within: Duration::from_hours(1) };
    let here = Quoted::Registrations("192.0.2.7".parse().expect("an address"));
    let there = Quoted::UserCodes("192.0.2.7".parse().expect("an address"));
    let mut tasks = JoinSet::new();
    for _ in 0..12 {
        let (store, here) = (scene.store.clone(), here.clone());
        tasks.spawn(
            async move { store.take_from_quota(&here, quota, START).await.expect("answers") },
        );
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|answer| **answer == Admission::Go).count(), 5);
    let wait = Admission::Wait(Duration::from_mins(12));
    assert!(answers.iter().all(|answer| [Admission::Go, wait].contains(answer)), "{answers:?}");
    let take = async |quoted: &Quoted, now| {
        scene.store.take_from_quota(quoted, quota, now).await.expect("answers")
    };
    assert_eq!(take(&there, START).await, Admission::Go, "of another kind");
    scene.store.give_back_to_quota(&here, quota).await.expect("given back");
    assert_eq!(take(&here, START).await, Admission::Go);
    assert_eq!(take(&here, START).await, wait);
    let later = START + Duration::from_hours(1);
    assert_eq!(scene.store.delete_expired(later, 9).await.expect("deletes"), 2);
    assert_eq!(take(&here, later).await, Admission::Go);
}
