//! Pairwise subjects: one for each sector, and rules that reach every one of them.

use std::time::Duration;

use menshen_domain::client::ClientPolicy;
use menshen_domain::code::AuthorizationCode;
use menshen_domain::{Client, User};
use menshen_store::{Issued, Target};
use menshen_token::{Entry, Reason, Revocation, Seq, UserId};
use rstest::rstest;

use crate::database::Kind;
use crate::scene::{START, Scene, bytes, code, issued, present, token};

fn fresh() -> UserId {
    UserId::from_bytes(bytes())
}

impl Scene {
    async fn subject(&self, sector: &str, user: &User) -> UserId {
        self.store.pairwise_subject(sector, &user.id, &fresh()).await.expect("answers")
    }

    /// Signs in to a client that knows the user by another name.
    async fn sign_in_pairwise(&self, sector: &str, user: &User, client: &Client) -> Issued {
        let subject = self.subject(sector, user).await;
        let code = AuthorizationCode { subject, ..code(user, client, START) };
        self.sign_in_as(&code, START).await
    }

    async fn log(&self) -> Vec<Entry> {
        self.store.revocations_after(Seq(0), 99).await.expect("reads")
    }
}

#[rstest]
#[tokio::test]
async fn a_subject_stays_the_same_in_its_sector_and_nowhere_else(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, eve) = (scene.user("ada").await, scene.user("eve").await);
    let first = fresh();
    let here = scene.store.pairwise_subject("one.example", &ada.id, &first).await;
    assert_eq!(here.expect("answers"), first);
    assert_eq!(scene.subject("one.example", &ada).await, first);
    let elsewhere = scene.subject("two.example", &ada).await;
    let of_eve = scene.subject("one.example", &eve).await;
    assert!(first != elsewhere && first != of_eve && elsewhere != of_eve);
    assert_eq!(scene.subject("two.example", &ada).await, elsewhere);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_who_asks_at_once_gets_the_same_subject(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let nodes = [scene.store.clone(), scene.database.open().await];
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..16 {
        let (store, ada, fresh) = (nodes[index % 2].clone(), ada.id.clone(), fresh());
        tasks.spawn(async move {
            store.pairwise_subject("one.example", &ada, &fresh).await.expect("answers")
        });
    }
    let subjects = tasks.join_all().await;
    assert!(subjects.iter().all(|subject| *subject == subjects[0]), "{subjects:?}");
    assert_eq!(scene.subject("one.example", &ada).await, subjects[0]);
}

#[rstest]
#[tokio::test]
async fn signing_out_everywhere_reaches_every_subject(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let eve = scene.user("eve").await;
    let sync = scene.client("sync", ClientPolicy::default()).await;
    let public = scene.sign_in(&ada, &app, START).await;
    let pairwise = [
        scene.sign_in_pairwise("one.example", &ada, &app).await,
        scene.sign_in_pairwise("one.example", &ada, &app).await,
        scene.sign_in_pairwise("two.example", &ada, &sync).await,
    ];
    let bystander = scene.sign_in_pairwise("one.example", &eve, &app).await;
    assert_eq!(pairwise[0].grant.subject, pairwise[1].grant.subject);
    // One that no live grant of theirs knows.
    scene.subject("three.example", &ada).await;
    let target = Target::User(ada.id.clone());
    let receipt = scene.store.revoke(&target, Reason::LogoutEverywhere, START).await;
    let receipt = receipt.expect("ended");
    assert_eq!((receipt.sessions, receipt.grants, receipt.seq), (4, 4, Seq(3)));
    let log = scene.log().await;
    assert_eq!(log.last(), receipt.appended.as_ref());
    assert!(matches!(&log[2].revocation, Revocation::UserBefore(id, _) if *id == ada.id));
    for issued in pairwise.iter().chain([&public]) {
        let token = token(issued);
        assert_eq!(token.subject, issued.grant.subject);
        assert_eq!(log.iter().filter(|entry| entry.revocation.kills(&token)).count(), 1);
        let revoked = scene.store.is_revoked(&token, START).await.expect("answers");
        assert_eq!(revoked, Some(Reason::LogoutEverywhere));
        // A verifier knows the rules only.
        let alone = menshen_token::AccessToken { grant_id: None, session_id: None, ..token };
        let revoked = scene.store.is_revoked(&alone, START).await.expect("answers");
        assert_eq!(revoked, Some(Reason::LogoutEverywhere));
        assert!(scene.is_over(issued, START).await);
    }
    assert!(log.iter().all(|entry| !entry.revocation.kills(&token(&bystander))));
    assert!(!scene.is_over(&bystander, START).await);
    let ada = scene.store.find_user(&ada.id).await.expect("reads").expect("is somebody");
    let again = scene.sign_in_pairwise("one.example", &ada, &app).await;
    assert!(log.iter().all(|entry| !entry.revocation.kills(&token(&again))));
    assert_eq!(scene.store.is_revoked(&token(&again), START).await.expect("answers"), None);
}

#[rstest]
#[tokio::test]
async fn changed_claims_kill_the_tokens_of_every_subject(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let old = [
        scene.sign_in(&ada, &app, START).await,
        scene.sign_in_pairwise("one.example", &ada, &app).await,
        scene.sign_in_pairwise("two.example", &ada, &app).await,
    ];
    let now = START + Duration::from_secs(5);
    let roles = ["editor".to_owned()];
    let changed = scene.store.change_claims(&ada.id, Some(&roles), None, now).await;
    let receipt = changed.expect("changed").expect("is somebody");
    assert_eq!((receipt.sessions, receipt.grants, receipt.seq), (0, 0, Seq(3)));
    let log = scene.log().await;
    assert_eq!(log.last(), receipt.appended.as_ref());
    for before in &old {
        let token = token(before);
        assert_eq!(log.iter().filter(|entry| entry.revocation.kills(&token)).count(), 1);
        let revoked = scene.store.is_revoked(&token, now).await.expect("answers");
        assert_eq!(revoked, Some(Reason::ClaimsChanged));
        assert_eq!(scene.store.bars_renewal(&token, now).await.expect("answers"), None);
        let after = issued(scene.refresh(present(before), now).await);
        assert_eq!((&after.user.roles, &after.grant.subject), (&roles.to_vec(), &token.subject));
        let renewed = crate::scene::token(&after);
        assert_eq!(scene.store.is_revoked(&renewed, now).await.expect("answers"), None);
    }
}
