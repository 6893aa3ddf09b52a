//! Pushed requests: looked at as often as need be, answered once.

use std::time::Duration;

use menshen_domain::SecretHash;
use menshen_store::{CodeRefusal, PushedRequest, Redeemed};
use menshen_token::Timestamp;
use rstest::rstest;

use crate::database::Kind;
use crate::scene::{START, Scene, bytes, client_id, code, redemption, thumbprint};

fn pushed() -> PushedRequest {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    PushedRequest {
        hash: SecretHash::of(&bytes()),
        client_id: client_id("app"),
        parameters: vec![pair("scope", "openid \u{1f512}\u{0}"), pair("state", "\"'\\")],
        confirmation: Some(thumbprint()),
        expires_at: START + Duration::from_mins(1),
    }
}

impl Scene {
    async fn pushed(&self, hash: &SecretHash, now: Timestamp) -> Option<PushedRequest> {
        self.store.find_pushed_request(hash, now).await.expect("reads")
    }
}

#[rstest]
#[tokio::test]
async fn a_pushed_request_is_found_until_it_expires(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let one = pushed();
    let other = PushedRequest { confirmation: None, parameters: Vec::new(), ..pushed() };
    for request in [&one, &other] {
        scene.store.push_request(request).await.expect("kept");
    }
    let last = one.expires_at - Duration::from_millis(1);
    for now in [START, START, last] {
        assert_eq!(scene.pushed(&one.hash, now).await, Some(one.clone()));
    }
    assert_eq!(scene.pushed(&other.hash, START).await, Some(other.clone()));
    assert_eq!(scene.pushed(&one.hash, one.expires_at).await, None);
    assert_eq!(scene.pushed(&SecretHash::of(b"?"), START).await, None);
    assert_eq!(scene.store.delete_expired(last, 9).await.expect("deletes"), 0);
    assert_eq!(scene.store.delete_expired(one.expires_at, 9).await.expect("deletes"), 2);
    assert_eq!(scene.pushed(&one.hash, START).await, None);
}

#[rstest]
#[tokio::test]
async fn a_pushed_request_that_was_refused_is_used_up(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let request = pushed();
    scene.store.push_request(&request).await.expect("kept");
    assert!(scene.store.drop_pushed_request(&request.hash).await.expect("dropped"));
    assert!(!scene.store.drop_pushed_request(&request.hash).await.expect("answers"));
    assert_eq!(scene.pushed(&request.hash, START).await, None);
    let code = code(&ada, &app, START);
    assert!(!scene.store.issue_code_for(&request.hash, &code).await.expect("answers"));
    let redeemed = scene.store.redeem_code(&redemption(&code), START).await.expect("judged");
    assert!(matches!(redeemed, Redeemed::Refused(CodeRefusal::Unknown)), "{redeemed:?}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_pushed_request_is_answered_by_one_code(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let request = pushed();
    scene.store.push_request(&request).await.expect("kept");
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (store, hash, code) =
            (scene.store.clone(), request.hash.clone(), code(&ada, &app, START));
        tasks.spawn(async move {
            let first = store.issue_code_for(&hash, &code).await.expect("answers");
            let redeemed = store.redeem_code(&redemption(&code), START).await.expect("judged");
            match redeemed {
                Redeemed::Opened { .. } => assert!(first, "a code of somebody who came late"),
                Redeemed::Refused(CodeRefusal::Unknown) => assert!(!first, "a code was lost"),
                other => panic!("neither: {other:?}"),
            }
            first
        });
    }
    let first = tasks.join_all().await.into_iter().filter(|first| *first).count();
    assert_eq!(first, 1);
    assert_eq!(scene.pushed(&request.hash, START).await, None);
}
