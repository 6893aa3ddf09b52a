//! Everyone at once: what must hold whoever comes first.

use std::time::Duration;

use menshen_domain::client::ClientPolicy;
use menshen_domain::code::AuthorizationCode;
use menshen_domain::refresh_token::{Generation, Presentation, Verdict};
use menshen_domain::{Client, SecretHash};
use menshen_store::{Issued, Refreshed, Store, Target};
use menshen_token::{Entry, Reason, Revocation, Seq, Timestamp};
use rstest::rstest;
use tokio::task::JoinSet;

use crate::database::Kind;
use crate::scene::{
    START, Scene, client, code, issued, jti, keys, present, retry_key, thumbprint, token,
};

/// What makes a retry recognizable.
#[derive(Clone, Copy, Debug)]
enum Retry {
    Window,
    Key,
    Secret,
    Dpop,
}

impl Scene {
    async fn sign_in_with(&self, retry: Retry) -> Issued {
        let ada = self.user("ada").await;
        let retry_window_ms = if matches!(retry, Retry::Window) { 30_000 } else { 0 };
        let policy = ClientPolicy { retry_window_ms, ..ClientPolicy::default() };
        let mut app = client("app", policy);
        if matches!(retry, Retry::Secret) {
            app.secret_hash = Some(SecretHash::of(b"secret"));
        }
        self.store.create_client(&app).await.expect("created");
        let mut code = code(&ada, &app, START);
        if matches!(retry, Retry::Dpop) {
            code = AuthorizationCode { confirmation: Some(thumbprint()), ..code };
        }
        self.sign_in_as(&code, START).await
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_parallel_refreshes_one_rotates_and_all_get_the_same_token(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
    #[values(Retry::Window, Retry::Key, Retry::Secret, Retry::Dpop)] retry: Retry,
    #[values(2, 16, 200)] count: usize,
) {
    let scene = Scene::new(kind).await;
    let first = scene.sign_in_with(retry).await;
    // A second node on the same database, so that not everything waits in one queue.
    let nodes = [scene.store.clone(), scene.database.open().await];
    let mut tasks = JoinSet::new();
    for index in 0..count {
        let store = nodes[index % 2].clone();
        let mut presentation = present(&first);
        if matches!(retry, Retry::Key) {
            presentation.retry_key_hash = Some(retry_key("the same"));
        }
        tasks.spawn(async move { store.refresh(presentation, &keys(), START).await });
    }
    let answers = tasks.join_all().await.into_iter();
    let answers: Vec<Issued> = answers.map(|answer| issued(answer.expect("judged"))).collect();
    assert!(answers.iter().all(|answer| answer.grant.generation == Generation(1)));
    assert!(answers.iter().all(|answer| answer.grant.mac_key_id == first.grant.mac_key_id));
    let rotated = answers.iter().filter(|answer| answer.verdict == Verdict::Rotate);
    assert_eq!(rotated.count(), 1);
    let successor = issued(scene.refresh(present(&answers[0]), START).await);
    assert_eq!((successor.verdict, successor.grant.generation), (Verdict::Rotate, Generation(2)));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_way_to_tell_a_retry_the_second_of_two_ends_the_session(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let strict = ClientPolicy { retry_window_ms: 0, ..ClientPolicy::default() };
    let app = scene.client("app", strict).await;
    let first = scene.sign_in(&ada, &app, START).await;
    let mut tasks = JoinSet::new();
    for _ in 0..2 {
        let (store, presentation) = (scene.store.clone(), present(&first));
        tasks.spawn(async move { store.refresh(presentation, &keys(), START).await });
    }
    let answers = tasks.join_all().await;
    let ended = answers.iter().filter(|answer| matches!(answer, Ok(Refreshed::Ended { .. })));
    assert_eq!(ended.count(), 1, "{answers:?}");
    let survivor = answers.into_iter().find_map(|answer| match answer {
        Ok(Refreshed::Issued(issued)) => Some(issued),
        _ => None,
    });
    assert!(scene.is_over(&survivor.expect("one was first"), START).await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_grants_are_refreshed_together(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let mut tasks = JoinSet::new();
    for _ in 0..300 {
        let first = scene.sign_in(&ada, &app, START).await;
        let store = scene.store.clone();
        tasks.spawn(async move {
            let mut last = first;
            for generation in 1..=5 {
                let refreshed = store.refresh(present(&last), &keys(), START).await;
                last = issued(refreshed.expect("judged"));
                assert_eq!(last.grant.generation, Generation(generation));
            }
            last.grant
        });
    }
    for grant in tasks.join_all().await {
        let found = scene.store.find_grant(grant.id).await.expect("reads").expect("is there");
        assert_eq!(format!("{found:?}"), format!("{grant:?}"));
    }
}

/// What a logout is raced against.
async fn keep_refreshing(store: Store, mut last: Issued, mut now: Timestamp) -> Vec<Issued> {
    let mut all = vec![last.clone()];
    loop {
        now = now + Duration::from_millis(1);
        let presentation = Presentation { retry_key_hash: Some(retry_key("a")), ..present(&last) };
        match store.refresh(presentation, &keys(), now).await.expect("judged") {
            Refreshed::Issued(issued) => last = *issued,
            Refreshed::Refused(_) => return all,
            other => panic!("neither: {other:?}"),
        }
        all.push(last.clone());
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_logout_nothing_that_a_refresh_returned_works(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
    #[values("session", "grant", "user", "password", "client")] depth: &str,
) {
    let scene = Scene::new(kind).await;
    for round in 0..15 {
        let ada = scene.user(&format!("ada{round}")).await;
        let app = scene.client(&format!("app{round}"), ClientPolicy::default()).await;
        let first = scene.sign_in(&ada, &app, START).await;
        let refreshing = tokio::spawn(keep_refreshing(scene.store.clone(), first.clone(), START));
        let head = scene.database.open().await;
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        let reason = Reason::Logout;
        let receipt = match depth {
            "session" => head.revoke(&Target::Session(first.session.id), reason, START).await,
            "grant" => head.revoke(&Target::Grant(first.grant.id), reason, START).await,
            "user" => head.revoke(&Target::User(ada.id.clone()), reason, START).await,
            "client" => head.revoke(&Target::Client(app.id.clone()), reason, START).await,
            _ => {
                let hash = menshen_domain::credential::PasswordHash::from_stored("x".to_owned());
                head.change_password(&ada.id, None, &hash.clone().into(), START)
                    .await
                    .map(Option::unwrap)
            }
        };
        let receipt = receipt.expect("ended");
        assert!(scene.is_over(&first, START).await);
        let entry = receipt.appended.expect("appended");
        for issued in refreshing.await.expect("runs") {
            assert!(entry.revocation.kills(&token(&issued)), "{entry:?} {issued:?}");
            assert!(entry.expires_at > issued.access_expires_at);
        }
        head.close().await;
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_claims_die_and_new_ones_live_whoever_comes_first(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    for round in 0..20 {
        let first = scene.sign_in(&ada, &app, START).await;
        let refreshing = tokio::spawn({
            let store = scene.store.clone();
            async move {
                let mut all = vec![first];
                // On a node whose clock is ahead, and fast.
                for minute in 0..10 {
                    let now = START + Duration::from_mins(minute);
                    let last = all.last().expect("at least the first");
                    let refreshed = store.refresh(present(last), &keys(), now).await;
                    all.push(issued(refreshed.expect("judged")));
                }
                all
            }
        });
        let roles = [format!("role{round}")];
        let claims = serde_json::Map::new();
        let changed = scene.store.change_claims(&ada.id, Some(&roles), Some(&claims), START).await;
        let entry = changed.expect("changed").expect("is somebody").appended.expect("appended");
        for issued in refreshing.await.expect("runs") {
            let old = issued.user.roles != roles;
            assert_eq!(entry.revocation.kills(&token(&issued)), old, "{issued:?}");
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_the_log_misses_nothing_that_64_writers_append(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    const WRITERS: usize = 64;
    const EACH: usize = 6;
    let scene = Scene::new(kind).await;
    let other_node = scene.database.open().await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = if writer % 2 == 0 { scene.store.clone() } else { other_node.clone() };
        writers.spawn(async move {
            let mut seqs = Vec::new();
            for _ in 0..EACH {
                let target = Target::Token { jti: jti(), expires_at: START };
                let receipt = store.revoke(&target, Reason::TokenRevoked, START).await;
                seqs.push(receipt.expect("appended").seq);
            }
            seqs
        });
    }
    let store = scene.store.clone();
    let reader = tokio::spawn(async move {
        let mut read: Vec<Entry> = Vec::new();
        while read.len() < WRITERS * EACH {
            let after = read.last().map_or(Seq(0), |entry| entry.seq);
            for entry in store.revocations_after(after, 7).await.expect("reads") {
                let expected = read.last().map_or(Seq(1), |last| last.seq.next());
                assert_eq!(entry.seq, expected, "skipped or late");
                read.push(entry);
            }
        }
        read
    });
    let mut told: Vec<Seq> = writers.join_all().await.concat();
    told.sort();
    let reading = tokio::time::timeout(Duration::from_secs(30), reader).await;
    let read = reading.expect("reads all in time").expect("runs");
    let seqs: Vec<Seq> = read.iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, told);
    assert!(read.iter().all(|entry| matches!(entry.revocation, Revocation::Token(_))));
    assert_eq!(scene.store.head().await.expect("reads").seq, Seq((WRITERS * EACH) as u64));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logouts_of_everything_at_once_do_not_get_stuck(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app): (_, Client) = scene.cast().await;
    let mut sign_ins = Vec::new();
    for _ in 0..24 {
        sign_ins.push(scene.sign_in(&ada, &app, START).await);
    }
    let mut tasks: JoinSet<()> = JoinSet::new();
    for (round, first) in sign_ins.into_iter().enumerate() {
        let target = match round % 4 {
            0 => Target::Session(first.session.id),
            1 => Target::Grant(first.grant.id),
            2 => Target::User(ada.id.clone()),
            _ => Target::Client(app.id.clone()),
        };
        let store = scene.store.clone();
        let refreshing = keep_refreshing(scene.store.clone(), first, START);
        tasks.spawn(async move {
            refreshing.await;
        });
        tasks.spawn(async move {
            store.revoke(&target, Reason::Admin, START).await.expect("ended");
        });
    }
    let all = tokio::time::timeout(Duration::from_mins(1), tasks.join_all());
    scene.store.revoke(&Target::User(ada.id.clone()), Reason::Admin, START).await.expect("ended");
    all.await.expect("nothing is stuck");
}
