//! Several nodes on one database, asked for the same thing in the same moment: one of them gives it,
//! and an end that was answered has ended what was under way.

use menshen_domain::SecretHash;
use menshen_store::{Redeemed, SignedIn, Store, Target};
use menshen_token::Reason;
use rstest::rstest;
use tokio::task::JoinSet;

use crate::database::Kind;
use crate::scene::{START, Scene, browser_sign_in, redemption};

/// Nodes on the database of a scene.
async fn nodes(scene: &Scene) -> [Store; 4] {
    let open = || scene.database.open();
    [open().await, open().await, open().await, open().await]
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_many_redeem_opens_one_grant_and_ends_it(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let browser = scene.sign_in_browser(&ada, START).await;
    let code = scene.joining(&browser, &app, START).await;
    scene.store.issue_code(&code).await.expect("issued");
    let (nodes, mut tasks) = (nodes(&scene).await, JoinSet::new());
    for index in 0..32 {
        let (store, redemption) = (nodes[index % 4].clone(), redemption(&code));
        tasks.spawn(async move { store.redeem_code(&redemption, START).await.expect("judged") });
    }
    let (mut opened, mut replayed) = (Vec::new(), 0);
    for answer in tasks.join_all().await {
        match answer {
            Redeemed::Opened { issued, .. } => opened.push(issued),
            Redeemed::Replayed(_) => replayed += 1,
            refused @ Redeemed::Refused(_) => panic!("neither: {refused:?}"),
        }
    }
    assert_eq!((opened.len(), replayed), (1, 31));
    assert!(scene.is_over(&opened[0], START).await, "the second end of a code ends the first");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pushed_request_that_many_complete_gives_one_code(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let browser = scene.sign_in_browser(&ada, START).await;
    let request = menshen_store::PushedRequest {
        hash: SecretHash::of(b"pushed"),
        client_id: app.id.clone(),
        parameters: Vec::new(),
        confirmation: None,
        expires_at: START + std::time::Duration::from_mins(1),
    };
    scene.store.push_request(&request).await.expect("kept");
    let (nodes, mut tasks) = (nodes(&scene).await, JoinSet::new());
    for index in 0..16 {
        let code = scene.joining(&browser, &app, START).await;
        let (store, hash) = (nodes[index % 4].clone(), request.hash.clone());
        tasks.spawn(async move {
            // One of them says no meanwhile.
            if index == 15 {
                return store.drop_pushed_request(&hash).await.expect("answers");
            }
            store.issue_code_for(&hash, &code).await.expect("answers")
        });
    }
    let first = tasks.join_all().await.into_iter().filter(|first| *first).count();
    assert_eq!(first, 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_beside_the_end_of_everything_is_refused_or_ended(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (_, app) = scene.cast().await;
    let nodes = nodes(&scene).await;
    let (mut refused, mut ended) = (0, 0);
    for round in 0..40 {
        let user = scene.user(&format!("user-{round}")).await;
        let sign_in = browser_sign_in(&user, None, START);
        let entering = {
            let (store, sign_in) = (nodes[round % 4].clone(), sign_in.clone());
            tokio::spawn(async move { store.sign_in_browser(&sign_in, START).await })
        };
        let ending = {
            let (store, target) = (nodes[(round + 1) % 4].clone(), Target::User(user.id.clone()));
            tokio::spawn(
                async move { store.revoke(&target, Reason::LogoutEverywhere, START).await },
            )
        };
        let entered = entering.await.expect("no panic").expect("answers");
        ending.await.expect("no panic").expect("ended");
        match entered {
            SignedIn::Refused => refused += 1,
            SignedIn::Held { session, .. } => {
                ended += 1;
                let held = scene.store.find_browser_session(&sign_in.cookie_hash, START).await;
                assert!(held.expect("reads").is_none(), "round {round}: still signed in");
                let browser =
                    crate::scene::Browser { session: *session, cookie: sign_in.cookie_hash };
                let code = scene.joining(&browser, &app, START).await;
                scene.store.issue_code(&code).await.expect("issued");
                let redeemed = scene.store.redeem_code(&redemption(&code), START).await;
                let redeemed = redeemed.expect("judged");
                assert!(matches!(redeemed, Redeemed::Refused(_)), "round {round}: {redeemed:?}");
            }
        }
    }
    assert_eq!(refused + ended, 40);
}
