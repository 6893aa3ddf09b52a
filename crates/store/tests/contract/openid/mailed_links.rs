//! Links that were mailed: looked at as often as one likes, used once.

use std::time::Duration;

use menshen_domain::client::ClientPolicy;
use menshen_domain::credential::PasswordHash;
use menshen_domain::{SecretHash, User};
use menshen_store::{LinkPurpose, MailedLink, Target};
use menshen_token::{Reason, Revocation};
use rstest::rstest;
use tokio::task::JoinSet;

use crate::database::Kind;
use crate::scene::{START, Scene, bytes, user};

const LIFETIME: Duration = Duration::from_mins(30);

fn hash(number: usize) -> PasswordHash {
    PasswordHash::from_stored(format!("the hash of password {number}"))
}

fn link(address: &str, purpose: LinkPurpose) -> MailedLink {
    MailedLink {
        hash: SecretHash::of(&bytes()),
        address: address.to_owned(),
        purpose,
        next: Some("/authorize?client_id=app".to_owned()),
        expires_at: START + LIFETIME,
    }
}

fn reset(user: &User) -> MailedLink {
    let (user_id, sign_in_epoch) = (Some(user.id.clone()), user.sign_in_epoch);
    link("ada@mail.example", LinkPurpose::ResetPassword { user_id, sign_in_epoch })
}

impl Scene {
    async fn mailed(&self, link: MailedLink) -> MailedLink {
        assert!(self.store.keep_mailed_link(&link, START).await.expect("kept"));
        link
    }

    /// Whether a link still lets somebody choose a password, asked in both ways.
    async fn resets(&self, link: &MailedLink, now: menshen_token::Timestamp) -> bool {
        let found = self.store.find_password_reset(&link.hash, now).await.expect("reads");
        let used =
            self.store.reset_password(&link.hash, &hash(9).into(), now).await.expect("judged");
        assert_eq!(found.is_some(), used.is_some());
        used.is_some()
    }
}

#[rstest]
#[tokio::test]
async fn a_new_password_ends_all_and_uses_the_link_up(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let sync = scene.client("sync", ClientPolicy::default()).await;
    let phone = scene.sign_in(&ada, &app, START).await;
    let browser = scene.sign_in_browser(&ada, START).await;
    let offline = scene.join_offline(&browser, &sync, START).await;
    let (first, other) = (scene.mailed(reset(&ada)).await, scene.mailed(reset(&ada)).await);
    let now = START + LIFETIME - Duration::from_millis(1);
    for _ in 0..3 {
        let found = scene.store.find_password_reset(&first.hash, now).await.expect("reads");
        assert_eq!(found.as_ref(), Some(&ada));
    }
    assert_eq!(scene.store.find_sign_up_link(&first.hash, now).await.expect("reads"), None);
    let done = scene.store.reset_password(&first.hash, &hash(1).into(), now).await.expect("judged");
    let done = done.expect("the link is good");
    assert_eq!((&done.user_id, &done.next), (&ada.id, &first.next));
    assert_eq!((done.ended.sessions, done.ended.grants), (2, 2));
    let entry = done.ended.appended.expect("appended");
    assert_eq!(entry.reason, Reason::PasswordChanged);
    assert!(matches!(entry.revocation, Revocation::UserBefore(..)), "{entry:?}");
    assert_eq!(scene.store.find_password(&ada.id).await.expect("reads"), Some(hash(1)));
    for dead in [&phone, &offline] {
        assert!(scene.is_over(dead, now).await);
    }
    assert!(!scene.resets(&first, now).await, "it was used");
    assert!(!scene.resets(&other, now).await, "it was asked for before the change");
}

#[rstest]
#[tokio::test]
async fn a_link_dies_of_age_and_with_all_that_its_user_has(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let eve = scene.user("eve").await;
    let old = scene.mailed(reset(&ada)).await;
    assert!(!scene.resets(&old, START + LIFETIME).await);
    let everywhere = Target::User(ada.id.clone());
    scene.store.revoke(&everywhere, Reason::LogoutEverywhere, START).await.expect("ended");
    assert!(!scene.resets(&old, START).await);
    let of_eve = scene.mailed(reset(&eve)).await;
    scene.store.disable_user(&eve.id, START).await.expect("disabled");
    assert!(!scene.resets(&of_eve, START).await);
    scene.store.enable_user(&eve.id).await.expect("enabled");
    assert!(!scene.resets(&of_eve, START).await);
    let purpose = LinkPurpose::ResetPassword { user_id: None, sign_in_epoch: 0 };
    let of_nobody = scene.mailed(link("nobody", purpose)).await;
    assert!(!scene.resets(&of_nobody, START).await);
    let sign_up = scene.mailed(link("new@mail.example", LinkPurpose::SignUp)).await;
    assert!(!scene.resets(&sign_up, START).await);
    assert_eq!(scene.store.find_password(&ada.id).await.expect("reads"), None);
}

#[rstest]
#[tokio::test]
async fn whoever_asks_again_and_again_gets_no_more_mail(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let mut kept = 0;
    for _ in 0..12 {
        kept += u32::from(scene.store.keep_mailed_link(&reset(&ada), START).await.expect("said"));
    }
    assert_eq!(kept, 5);
    scene.mailed(link("ada@mail.example", LinkPurpose::SignUp)).await;
    let later = START + LIFETIME;
    let again = MailedLink { expires_at: later + LIFETIME, ..reset(&ada) };
    assert!(scene.store.keep_mailed_link(&again, later).await.expect("kept"));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_redeem_one_reset_link_one_wins(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let link = scene.mailed(reset(&ada)).await;
    let nodes = [scene.store.clone(), scene.database.open().await];
    let mut tasks = JoinSet::new();
    for number in 0..32 {
        let (store, link) = (nodes[number % 2].clone(), link.hash.clone());
        tasks.spawn(async move {
            let done =
                store.reset_password(&link, &hash(number).into(), START).await.expect("judged");
            done.map(|_| number)
        });
    }
    let winners: Vec<usize> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    let stored = scene.store.find_password(&ada.id).await.expect("reads");
    assert_eq!(stored, Some(hash(winners[0])));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_finish_one_sign_up_one_becomes_the_user(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let links = [
        scene.mailed(link("new@mail.example", LinkPurpose::SignUp)).await,
        scene.mailed(link("new@mail.example", LinkPurpose::SignUp)).await,
    ];
    let found = scene.store.find_sign_up_link(&links[0].hash, START).await.expect("reads");
    assert_eq!(found.as_ref(), Some(&links[0]));
    let gone = scene.store.find_sign_up_link(&links[0].hash, START + LIFETIME).await;
    assert_eq!(gone.expect("reads"), None);
    let other = user("other@mail.example");
    let refused = scene.store.finish_sign_up(&links[0].hash, &other, &hash(0), START).await;
    assert!(!refused.expect("judged"), "the link is about another address");
    let nodes = [scene.store.clone(), scene.database.open().await];
    let mut tasks = JoinSet::new();
    for number in 0..32 {
        let (store, link) = (nodes[number % 2].clone(), links[number / 2 % 2].hash.clone());
        tasks.spawn(async move {
            let user = user("new@mail.example");
            let done = store.finish_sign_up(&link, &user, &hash(number), START).await;
            done.expect("judged").then_some((user, number))
        });
    }
    let mut winners: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    let (winner, number) = winners.remove(0);
    let found = scene.store.find_user_by_username(&winner.username).await.expect("reads");
    assert_eq!(found, Some((winner, Some(hash(number)))));
    for link in &links {
        let left = scene.store.find_sign_up_link(&link.hash, START).await.expect("reads");
        assert_eq!(left, None);
    }
}
