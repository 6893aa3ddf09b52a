//! Passwords, and how fast they may be guessed.

use std::time::Duration;

use menshen_domain::credential::PasswordHash;
use menshen_store::{Admission, Attempt, NewPassword, SealedDigestKey};
use menshen_token::{Reason, Timestamp, UserId};
use rstest::rstest;

use crate::database::Kind;
use crate::scene::{START, Scene, user};

fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_stored(text.to_owned())
}

#[rstest]
#[tokio::test]
async fn a_new_password_ends_everything(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    assert_eq!(scene.store.find_password(&ada.id).await.expect("reads"), None);
    let phone = scene.sign_in(&ada, &app, START).await;
    let changed = scene.store.change_password(&ada.id, None, &hash("new").into(), START).await;
    let receipt = changed.expect("changed").expect("is somebody");
    assert_eq!(receipt.appended.expect("appended").reason, Reason::PasswordChanged);
    assert!(scene.is_over(&phone, START).await);
    assert_eq!(scene.store.find_password(&ada.id).await.expect("reads"), Some(hash("new")));
    let nobody = user("nobody").id;
    let changed = scene.store.change_password(&nobody, None, &hash("new").into(), START).await;
    assert_eq!(changed.expect("answers"), None);
}

#[rstest]
#[tokio::test]
async fn a_dearer_hash_never_undoes_a_new_password(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = user("ada");
    scene.store.create_user(&ada, Some(&hash("cheap"))).await.expect("created");
    let upgrade = |old: &'static str, new: &'static str| {
        let (store, id) = (&scene.store, &ada.id);
        async move { store.upgrade_password(id, &hash(old), &hash(new)).await.expect("answers") }
    };
    assert!(upgrade("cheap", "dear").await);
    assert!(!upgrade("cheap", "late").await);
    assert_eq!(scene.store.find_password(&ada.id).await.expect("reads"), Some(hash("dear")));
}

fn attempt(address: &str, account: Option<&UserId>) -> Attempt {
    let username = "ada".parse().expect("valid");
    Attempt { address: address.parse().expect("an address"), account: account.cloned(), username }
}

impl Scene {
    async fn begins(&self, attempt: &Attempt, now: Timestamp) -> bool {
        let admission = self.store.begin_attempt(attempt, now).await.expect("answers");
        admission == Admission::Go
    }

    /// How many of so many attempts, each from a new address, may go ahead at once.
    async fn admitted(&self, account: Option<&UserId>, attempts: usize) -> usize {
        let mut admitted = 0;
        for address in 0..attempts {
            let attempt = attempt(&format!("198.51.{}.{}", address / 256, address % 256), account);
            admitted += usize::from(self.begins(&attempt, START).await);
        }
        admitted
    }
}

#[rstest]
#[tokio::test]
async fn a_botnet_does_not_slow_the_owner_at_home(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let home = attempt("192.0.2.1", Some(&ada.id));
    assert!(scene.begins(&home, START).await);
    scene.store.forgive_attempt(&home, START).await.expect("forgiven");
    assert_eq!(scene.admitted(Some(&ada.id), 520).await, 520);
    // Each has had its first attempts; further ones wait for all the others.
    let bot = attempt("198.51.0.7", Some(&ada.id));
    assert!(scene.begins(&bot, START).await);
    assert!(!scene.begins(&bot, START).await);
    assert!(scene.begins(&home, START).await);
}

#[rstest]
#[tokio::test]
async fn a_stranger_does_not_keep_the_owner_out_at_a_new_address(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let stranger = attempt("203.0.113.9", Some(&ada.id));
    let mut now = START;
    let mut admitted = 0;
    for _ in 0..300 {
        admitted += u32::from(scene.begins(&stranger, now).await);
        now = now + Duration::from_secs(1);
    }
    assert!(admitted < 60, "{admitted} of 300 guesses went ahead");
    assert!(scene.begins(&attempt("198.51.100.7", Some(&ada.id)), now).await);
}

#[rstest]
#[tokio::test]
async fn a_name_that_is_nobodys_is_counted_like_one_that_is_somebodys(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    for account in [Some(&ada.id), None] {
        let stranger = attempt("203.0.113.9", account);
        let mut admitted = 0;
        for _ in 0..20 {
            admitted += u32::from(scene.begins(&stranger, START).await);
        }
        assert_eq!(admitted, 5);
    }
}

#[rstest]
#[tokio::test]
async fn an_attempt_that_nobody_looked_at_is_not_counted(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let guess = attempt("192.0.2.1", Some(&ada.id));
    for _ in 0..60 {
        assert!(scene.begins(&guess, START).await);
        scene.store.withdraw_attempt(&guess).await.expect("taken back");
    }
}

#[rstest]
#[tokio::test]
async fn of_two_changes_from_one_password_the_first_one_counts(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = user("ada");
    scene.store.create_user(&ada, Some(&hash("old"))).await.expect("created");
    let change = |new: &'static str| {
        let (store, id) = (&scene.store, &ada.id);
        async move { store.change_password(id, Some(&hash("old")), &hash(new).into(), START).await }
    };
    assert!(change("owner's").await.expect("answers").is_some());
    assert!(change("thief's").await.expect("answers").is_none());
    let stored = scene.store.find_password(&ada.id).await.expect("reads");
    assert_eq!(stored, Some(hash("owner's")));
}

#[rstest]
#[tokio::test]
async fn right_passwords_are_never_slowed(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let home = attempt("192.0.2.1", Some(&ada.id));
    for _ in 0..60 {
        assert!(scene.begins(&home, START).await);
        scene.store.forgive_attempt(&home, START).await.expect("forgiven");
    }
}

#[rstest]
#[tokio::test]
async fn attempts_at_the_same_moment_are_all_counted(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..60 {
        let (store, attempt) = (scene.store.clone(), attempt("192.0.2.1", Some(&ada.id)));
        attempts.spawn(async move { store.begin_attempt(&attempt, START).await });
    }
    let answers = attempts.join_all().await.into_iter();
    let answers: Vec<Admission> = answers.map(|answer| answer.expect("answers")).collect();
    let admitted = answers.iter().filter(|answer| **answer == Admission::Go).count();
    assert_eq!(admitted, 5);
    let wait = answers.iter().find_map(|answer| match answer {
        Admission::Wait(wait) => Some(*wait),
        Admission::Go => None,
    });
    let wait = wait.expect("some have to wait");
    assert!(wait > Duration::ZERO);
    assert!(scene.begins(&attempt("192.0.2.1", Some(&ada.id)), START + wait).await);
}

fn digest_key(realm: &str) -> SealedDigestKey {
    SealedDigestKey { realm: realm.to_owned(), sealed: format!("sealed for {realm}") }
}

impl Scene {
    async fn digest_key(&self, name: &str) -> Option<SealedDigestKey> {
        let name = name.parse().expect("valid");
        self.store.find_digest_key(&name).await.expect("reads").and_then(|(_, key)| key)
    }
}

#[rstest]
#[tokio::test]
async fn a_digest_key_is_of_the_password_that_its_user_has(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (store, ada) = (&scene.store, user("ada"));
    store.create_user(&ada, Some(&hash("old"))).await.expect("created");
    let keep = async |proven: &str, realm: &str| {
        let kept = store.keep_digest_key(&ada.id, &hash(proven), &digest_key(realm)).await;
        kept.expect("answers")
    };
    assert_eq!(
        store.find_digest_key(&"nobody".parse().expect("valid")).await.expect("reads"),
        None
    );
    assert_eq!(scene.digest_key("ada").await, None);
    assert!(!keep("wrong", "first").await);
    assert!(keep("old", "first").await && keep("old", "second").await);
    assert_eq!(scene.digest_key("ada").await, Some(digest_key("second")));

    let new = |text: &str, digest_key| NewPassword { hash: hash(text), digest_key };
    let change = async |new: NewPassword| {
        store.change_password(&ada.id, None, &new, START).await.expect("changed");
    };
    change(new("new", Some(digest_key("third")))).await;
    assert_eq!(scene.digest_key("ada").await, Some(digest_key("third")));
    assert!(!keep("old", "fourth").await, "proven by what is no longer the password");
    change(new("newer", None)).await;
    assert_eq!(scene.digest_key("ada").await, None, "an old key never outlives its password");
    change(new("newest", Some(digest_key("fifth")))).await;
    assert_eq!(scene.digest_key("ada").await, None, "it is on for those only who asked");

    assert!(keep("newest", "sixth").await);
    assert!(store.remove_digest_key(&ada.id).await.expect("removed"));
    assert!(!store.remove_digest_key(&ada.id).await.expect("removed"));
    assert!(keep("newest", "seventh").await);
    store.disable_user(&ada.id, START).await.expect("disabled");
    assert_eq!(scene.digest_key("ada").await, None);
    assert!(!keep("newest", "eighth").await);
}
