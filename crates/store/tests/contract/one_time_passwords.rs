//! One-time passwords: no code is good twice, and a sign-in that stopped half way is gone on with by
//! whom it was begun, a few times, and finished once.

use std::time::Duration;

use menshen_domain::one_time_password::{TotpStep, recovery_code_hash};
use menshen_domain::{SecretHash, User};
use menshen_store::{BrowserSignIn, HalfSignIn, OneTimePasswords, SignedIn, Target};
use menshen_token::Reason;
use rstest::rstest;
use tokio::task::JoinSet;

use crate::database::Kind;
use crate::scene::{ALL, START, Scene, browser_sign_in, bytes};

const LIFETIME: Duration = Duration::from_mins(10);

fn passwords(user: &User) -> OneTimePasswords {
    OneTimePasswords {
        user_id: user.id.clone(),
        sealed_secret: "sealed".to_owned(),
        last_step: TotpStep(100),
        turned_on_at: START,
        recovery_codes: 0,
    }
}

fn codes(name: &str) -> Vec<SecretHash> {
    (0..10).map(|number| recovery_code_hash(&format!("{name}{number}"))).collect()
}

fn half(user: &User) -> HalfSignIn {
    HalfSignIn {
        hash: SecretHash::of(&bytes()),
        bound_to: SecretHash::of(b"a browser"),
        user_id: user.id.clone(),
        sign_in_epoch: user.sign_in_epoch,
        session_id: None,
        auth_time: START,
        mailed_code: None,
        expires_at: START + LIFETIME,
    }
}

impl Scene {
    /// Turns one-time passwords on for `ada`.
    async fn ada_with_codes(&self) -> User {
        let ada = self.user("ada").await;
        let on = self.store.turn_on_one_time_passwords(&passwords(&ada), &codes("a")).await;
        assert!(on.expect("written"));
        ada
    }

    async fn begun(&self, half: HalfSignIn) -> HalfSignIn {
        self.store.begin_half_sign_in(&half).await.expect("kept");
        half
    }

    async fn goes_on(&self, half: &HalfSignIn, now: menshen_token::Timestamp) -> bool {
        let found = self.store.find_half_sign_in(&half.hash, &half.bound_to, now).await;
        found.expect("reads").is_some()
    }
}

#[rstest]
#[tokio::test]
async fn one_time_passwords_are_turned_on_once_and_off(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let store = &scene.store;
    let ada = scene.ada_with_codes().await;
    let expected = OneTimePasswords { recovery_codes: 10, ..passwords(&ada) };
    assert_eq!(
        store.find_one_time_passwords(&ada.id).await.expect("reads"),
        Some(expected.clone())
    );
    let thief = OneTimePasswords { sealed_secret: "another".to_owned(), ..passwords(&ada) };
    let replaced = store.turn_on_one_time_passwords(&thief, &codes("b")).await;
    assert!(!replaced.expect("judged"), "they are on");
    assert_eq!(store.find_one_time_passwords(&ada.id).await.expect("reads"), Some(expected));
    assert!(!store.use_recovery_code(&ada.id, &codes("b")[0]).await.expect("judged"));
    let bob = scene.user("bob").await;
    assert_eq!(store.find_one_time_passwords(&bob.id).await.expect("reads"), None);
    assert!(!store.accept_one_time_password(&bob.id, TotpStep(200)).await.expect("judged"));
    let on = store.list_one_time_passwords(&ALL).await.expect("reads");
    assert_eq!(on, std::slice::from_ref(&ada.id));
    assert!(store.turn_off_one_time_passwords(&ada.id).await.expect("written"));
    assert_eq!(store.list_one_time_passwords(&ALL).await.expect("reads"), []);
    assert!(!store.turn_off_one_time_passwords(&ada.id).await.expect("written"));
    assert_eq!(store.find_one_time_passwords(&ada.id).await.expect("reads"), None);
    assert!(!store.use_recovery_code(&ada.id, &codes("a")[0]).await.expect("judged"));
    assert!(!store.replace_recovery_codes(&ada.id, &codes("c")).await.expect("judged"));
}

#[rstest]
#[tokio::test]
async fn recovery_codes_are_used_once_and_replaced_together(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let store = &scene.store;
    let (ada, bob) = (scene.ada_with_codes().await, scene.user("bob").await);
    let code = &codes("a")[3];
    assert!(!store.use_recovery_code(&bob.id, code).await.expect("judged"), "it is not his");
    assert!(store.use_recovery_code(&ada.id, code).await.expect("judged"));
    assert!(!store.use_recovery_code(&ada.id, code).await.expect("judged"));
    let left = store.find_one_time_passwords(&ada.id).await.expect("reads").expect("on");
    assert_eq!(left.recovery_codes, 9);
    assert!(store.replace_recovery_codes(&ada.id, &codes("b")).await.expect("written"));
    assert!(!store.use_recovery_code(&ada.id, &codes("a")[4]).await.expect("judged"));
    assert!(store.use_recovery_code(&ada.id, &codes("b")[4]).await.expect("judged"));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_bring_one_code_one_is_let_in(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.ada_with_codes().await;
    let half = scene.begun(half(&ada)).await;
    let nodes = [scene.store.clone(), scene.database.open().await];
    let mut tasks = JoinSet::new();
    for number in 0..32 {
        let (store, id, half) = (nodes[number % 2].clone(), ada.id.clone(), half.hash.clone());
        tasks.spawn(async move {
            let step = store.accept_one_time_password(&id, TotpStep(101)).await.expect("judged");
            let code = store.use_recovery_code(&id, &codes("a")[0]).await.expect("judged");
            let tried = store.count_half_sign_in_try(&half).await.expect("judged");
            [step, code, tried].map(u32::from)
        });
    }
    let sums = tasks.join_all().await.into_iter();
    let sums = sums.fold([0; 3], |sums, one| std::array::from_fn(|i| sums[i] + one[i]));
    assert_eq!(sums, [1, 1, 5]);
    assert!(!scene.store.accept_one_time_password(&ada.id, TotpStep(100)).await.expect("judged"));
    assert!(scene.store.accept_one_time_password(&ada.id, TotpStep(102)).await.expect("judged"));
    let mut tasks = JoinSet::new();
    for number in 0..16 {
        let (store, half) = (nodes[number % 2].clone(), half.hash.clone());
        tasks.spawn(async move { store.finish_half_sign_in(&half).await.expect("judged") });
    }
    let finished = tasks.join_all().await.into_iter().filter(|done| *done).count();
    assert_eq!(finished, 1);
}

#[rstest]
#[tokio::test]
async fn a_half_sign_in_is_gone_on_with_by_whom_it_was_begun(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let store = &scene.store;
    let ada = scene.ada_with_codes().await;
    let begun = scene.begun(half(&ada)).await;
    let last = begun.expires_at - Duration::from_millis(1);
    let found = store.find_half_sign_in(&begun.hash, &begun.bound_to, last).await.expect("reads");
    assert_eq!(found, Some((begun.clone(), ada.clone())));
    assert!(!scene.goes_on(&begun, begun.expires_at).await, "it is too old");
    let elsewhere = HalfSignIn { bound_to: SecretHash::of(b"another"), ..begun.clone() };
    assert!(!scene.goes_on(&elsewhere, START).await, "it belongs to another browser");
    let code = (SecretHash::of(b"code"), START + Duration::from_mins(5));
    assert!(store.keep_mailed_code(&begun.hash, &code.0, code.1).await.expect("written"));
    let found = store.find_half_sign_in(&begun.hash, &begun.bound_to, START).await;
    assert_eq!(found.expect("reads").expect("there").0.mailed_code, Some(code));
    for _ in 0..5 {
        assert!(scene.goes_on(&begun, START).await);
        assert!(store.count_half_sign_in_try(&begun.hash).await.expect("judged"));
    }
    assert!(!scene.goes_on(&begun, START).await, "it has had its tries");
    let swept = scene.begun(half(&ada)).await;
    store.delete_expired(swept.expires_at, 100).await.expect("deleted");
    assert!(!store.finish_half_sign_in(&swept.hash).await.expect("judged"), "it is cleaned up");
}

#[rstest]
#[tokio::test]
async fn a_half_sign_in_dies_with_all_that_its_user_has(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.ada_with_codes().await;
    let first = scene.begun(half(&ada)).await;
    let everywhere = Target::User(ada.id.clone());
    scene.store.revoke(&everywhere, Reason::LogoutEverywhere, START).await.expect("ended");
    assert!(!scene.goes_on(&first, START).await);
    let today = scene.store.find_user(&ada.id).await.expect("reads").expect("there");
    let second = scene.begun(half(&today)).await;
    assert!(scene.goes_on(&second, START).await);
    scene.store.disable_user(&ada.id, START).await.expect("disabled");
    assert!(!scene.goes_on(&second, START).await);
}

#[rstest]
#[tokio::test]
async fn a_session_that_is_over_is_not_raised(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let browser = scene.sign_in_browser(&ada, START).await;
    let raise = |previous: &SecretHash| BrowserSignIn {
        raises: Some(browser.session.id),
        previous: Some(previous.clone()),
        ..browser_sign_in(&ada, None, START)
    };
    let raised = raise(&browser.cookie);
    let held = scene.sign_in_browser_as(&raised, START).await;
    assert_eq!(held.session.id, browser.session.id);
    let target = Target::Session(browser.session.id);
    scene.store.revoke(&target, Reason::Logout, START).await.expect("ended");
    let late = scene.store.sign_in_browser(&raise(&raised.cookie_hash), START).await;
    assert!(matches!(late.expect("judged"), SignedIn::Refused));
}
