//! Sessions that browsers hold: one cookie, one session, one account at a time.

use std::time::Duration;

use menshen_domain::SecretHash;
use menshen_domain::client::ClientPolicy;
use menshen_store::{BrowserSignIn, SignedIn, Target};
use menshen_token::{MAX_LEEWAY, Reason, Revocation, SessionId, Timestamp};
use rstest::rstest;

use crate::database::Kind;
use crate::scene::{
    ABSOLUTE, ALL, Browser, IDLE, START, Scene, browser_sign_in, issued, present, token,
};

const HOUR: Duration = Duration::from_hours(1);

impl Scene {
    /// The session that this cookie finds.
    async fn held(&self, cookie: &SecretHash, now: Timestamp) -> Option<SessionId> {
        let found = self.store.find_browser_session(cookie, now).await.expect("reads");
        found.map(|(session, _)| session.id)
    }

    /// When and why a session ended.
    async fn end_of(&self, id: SessionId) -> Option<(Timestamp, Reason)> {
        let session = self.store.find_session(id).await.expect("reads").expect("is there");
        session.ended.map(|ended| (ended.at, ended.reason))
    }
}

#[rstest]
#[tokio::test]
async fn a_browser_holds_its_session_by_its_cookie_only(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let phone = scene.sign_in(&ada, &app, START).await;
    let sign_in = browser_sign_in(&ada, None, START);
    let signed_in = scene.store.sign_in_browser(&sign_in, START).await.expect("answers");
    let SignedIn::Held { session, displaced } = signed_in else { panic!("{signed_in:?}") };
    assert_eq!(displaced, None);
    assert_eq!((session.id, session.client_id.as_ref()), (sign_in.session_id, None));
    assert_eq!((&session.user_id, &session.device), (&ada.id, &sign_in.device));
    assert_eq!(session.authentication, sign_in.authentication);
    assert_eq!((session.created_at, session.last_seen_at), (START, START));
    assert_eq!(session.idle_lifetime, Some(IDLE));
    assert_eq!(session.absolute_expires_at, START + ABSOLUTE);

    let found = scene.store.find_browser_session(&sign_in.cookie_hash, START).await;
    assert_eq!(found.expect("reads"), Some((*session.clone(), ada.clone())));
    let found = scene.store.find_session(session.id).await.expect("reads");
    assert_eq!(found, Some(*session));
    let listed = scene.store.list_sessions(&ada.id, &ALL).await.expect("lists");
    assert_eq!(listed.len(), 2);
    for guess in [session_hash(sign_in.session_id), session_hash(phone.session.id)] {
        assert_eq!(scene.held(&guess, START).await, None);
    }
    let target = Target::Session(sign_in.session_id);
    scene.store.revoke(&target, Reason::Logout, START).await.expect("ended");
    assert_eq!(scene.held(&sign_in.cookie_hash, START).await, None);
    assert!(!scene.is_over(&phone, START).await);
}

/// What somebody may try who knows the id of a session.
fn session_hash(id: SessionId) -> SecretHash {
    SecretHash::of(id.to_string().as_bytes())
}

#[rstest]
#[tokio::test]
async fn signing_in_again_keeps_the_session_and_changes_its_cookie(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let first = scene.sign_in_browser(&ada, START).await;
    let joined = scene.join(&first, &app, START).await;
    let now = START + HOUR;
    let mut sign_in = browser_sign_in(&ada, Some(&first), now);
    sign_in.authentication.amr.push("otp".to_owned());
    sign_in.authentication.acr = Some("urn:example:two".to_owned());
    let signed_in = scene.store.sign_in_browser(&sign_in, now).await.expect("answers");
    let SignedIn::Held { session, displaced } = signed_in else { panic!("{signed_in:?}") };
    assert_eq!((session.id, displaced), (first.session.id, None));
    assert_eq!(session.authentication, sign_in.authentication);
    // A newer sign-in makes it no younger.
    assert_eq!((session.created_at, session.last_seen_at), (START, now));
    assert_eq!(session.absolute_expires_at, first.session.absolute_expires_at);

    assert_eq!(scene.held(&first.cookie, now).await, None);
    let found = scene.store.find_browser_session(&sign_in.cookie_hash, now).await;
    assert_eq!(found.expect("reads").expect("is held").0, *session);
    // What the app was told about the sign-in before, stays as it was.
    let grant = scene.store.find_grant(joined.grant.id).await.expect("reads").expect("is there");
    assert_eq!(grant.authentication, first.session.authentication);
    assert!(!scene.is_over(&joined, now).await);
    assert_eq!(scene.store.head().await.expect("reads").seq.0, 0);
}

#[rstest]
#[tokio::test]
async fn another_account_in_the_same_browser_ends_the_session_of_the_first(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let eve = scene.user("eve").await;
    let sync = scene.client("sync", ClientPolicy::default()).await;
    let first = scene.sign_in_browser(&ada, START).await;
    let joined = scene.join(&first, &app, START).await;
    let offline = scene.join_offline(&first, &sync, START).await;
    let elsewhere = scene.sign_in_browser(&ada, START).await;
    let now = START + Duration::from_secs(5);
    let sign_in = browser_sign_in(&eve, Some(&first), now);
    let signed_in = scene.store.sign_in_browser(&sign_in, now).await.expect("answers");
    let SignedIn::Held { session, displaced } = signed_in else { panic!("{signed_in:?}") };
    assert_eq!((session.id, &session.user_id), (sign_in.session_id, &eve.id));
    let receipt = displaced.expect("somebody was there");
    assert_eq!((receipt.sessions, receipt.grants), (1, 1));
    let entry = receipt.appended.expect("appended");
    assert_eq!(entry.revocation, Revocation::Session(first.session.id));
    assert_eq!((entry.reason, entry.appended_at), (Reason::AccountSwitched, now));
    assert_eq!(entry.expires_at, joined.access_expires_at + MAX_LEEWAY);
    let log = scene.store.revocations_after(menshen_token::Seq(0), 9).await.expect("reads");
    assert_eq!(log, [entry]);

    assert_eq!(scene.end_of(first.session.id).await, Some((now, Reason::AccountSwitched)));
    assert_eq!(scene.held(&first.cookie, now).await, None);
    assert_eq!(scene.held(&sign_in.cookie_hash, now).await, Some(session.id));
    let (session, user) = scene
        .store
        .find_browser_session(&sign_in.cookie_hash, now)
        .await
        .expect("reads")
        .expect("is held");
    assert_eq!((session.user_id, user), (eve.id.clone(), eve));
    let revoked = scene.store.is_revoked(&token(&joined), now).await.expect("answers");
    assert_eq!(revoked, Some(Reason::AccountSwitched));
    assert!(scene.is_over(&joined, now).await);
    // What was allowed for offline use, and the user's other browser.
    assert!(!scene.is_over(&offline, now).await);
    assert_eq!(scene.held(&elsewhere.cookie, now).await, Some(elsewhere.session.id));
}

#[rstest]
#[tokio::test]
async fn whoever_may_not_sign_in_changes_nothing_in_the_browser(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, eve) = (scene.user("ada").await, scene.user("eve").await);
    let before = scene.sign_in_browser(&ada, START).await;
    let refused = async |sign_in: &BrowserSignIn| {
        let answer = scene.store.sign_in_browser(sign_in, START).await.expect("answers");
        assert!(matches!(answer, SignedIn::Refused), "{answer:?}");
        assert_eq!(scene.held(&sign_in.cookie_hash, START).await, None);
        assert_eq!(scene.held(&before.cookie, START).await, Some(before.session.id));
    };
    // The password was looked at, and then everything was ended.
    let late = browser_sign_in(&eve, Some(&before), START);
    let everything = Target::User(eve.id.clone());
    scene.store.revoke(&everything, Reason::PasswordChanged, START).await.expect("ended");
    refused(&late).await;
    scene.store.disable_user(&eve.id, START).await.expect("disabled");
    let eve = scene.store.find_user(&eve.id).await.expect("reads").expect("is somebody");
    refused(&browser_sign_in(&eve, Some(&before), START)).await;
    let nobody = crate::scene::user("nobody");
    refused(&browser_sign_in(&nobody, Some(&before), START)).await;
    assert_eq!(scene.store.list_sessions(&eve.id, &ALL).await.expect("lists"), []);
    scene.store.enable_user(&eve.id).await.expect("enabled");
    let eve = scene.store.find_user(&eve.id).await.expect("reads").expect("is somebody");
    scene.sign_in_browser(&eve, START).await;
}

#[rstest]
#[tokio::test]
async fn a_disabled_user_is_signed_in_in_no_browser(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let browser = scene.sign_in_browser(&ada, START).await;
    scene.store.disable_user(&ada.id, START).await.expect("disabled");
    assert_eq!(scene.held(&browser.cookie, START).await, None);
    scene.store.enable_user(&ada.id).await.expect("enabled");
    assert_eq!(scene.held(&browser.cookie, START).await, None);
    assert_eq!(scene.end_of(browser.session.id).await, Some((START, Reason::UserDisabled)));
}

#[rstest]
#[tokio::test]
async fn a_browser_that_nobody_uses_is_signed_out(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let unused = scene.sign_in_browser(&ada, START).await;
    let looked_at = scene.sign_in_browser(&ada, START).await;
    let refreshed = scene.sign_in_browser(&ada, START).await;
    let joined = scene.join(&unused, &app, START).await;
    let kept = scene.join(&refreshed, &app, START).await;
    assert!(scene.held(&looked_at.cookie, START + HOUR).await.is_some());
    let kept = issued(scene.refresh(present(&kept), START + HOUR).await);

    let last = START + IDLE;
    let moment = Duration::from_millis(1);
    assert_eq!(scene.store.end_expired(last - moment, 100).await.expect("sweeps").sessions, 0);
    assert_eq!(scene.held(&unused.cookie, last).await, None, "whether it was swept or not");
    assert_eq!(scene.store.end_expired(last, 100).await.expect("sweeps").sessions, 1);
    assert_eq!(scene.end_of(unused.session.id).await, Some((last, Reason::IdleTimeout)));
    assert!(scene.is_over(&joined, last).await, "although an app may be idle for longer");
    assert!(!scene.is_over(&kept, last).await);
    // Being asked whether it is over was the last use of that one.
    assert_eq!(
        scene.store.end_expired(last + HOUR - moment, 100).await.expect("sweeps").sessions,
        0
    );
    assert_eq!(scene.store.end_expired(last + HOUR, 100).await.expect("sweeps").sessions, 1);
    assert_eq!(scene.end_of(looked_at.session.id).await.expect("ended").1, Reason::IdleTimeout);
    let seen = scene.store.find_session(refreshed.session.id).await.expect("reads");
    assert_eq!(seen.expect("is there").last_seen_at, last);
    assert_eq!(scene.store.end_expired(last + IDLE, 100).await.expect("sweeps").sessions, 1);
    // No token of theirs was alive that a rule could have killed.
    assert_eq!(scene.store.head().await.expect("reads").seq.0, 0);
}

#[rstest]
#[tokio::test]
async fn what_works_offline_keeps_nobody_signed_in(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let sync = scene.client("sync", ClientPolicy::default()).await;
    let browser = scene.sign_in_browser(&ada, START).await;
    let offline = scene.join_offline(&browser, &sync, START).await;
    let offline = issued(scene.refresh(present(&offline), START + HOUR).await);
    let now = START + IDLE;
    assert_eq!(scene.held(&browser.cookie, now).await, None);
    assert_eq!(scene.store.end_expired(now, 100).await.expect("sweeps").sessions, 1);
    assert_eq!(scene.end_of(browser.session.id).await, Some((now, Reason::IdleTimeout)));
    assert!(!scene.is_over(&offline, now).await);
}

#[rstest]
#[tokio::test]
async fn a_live_token_of_a_browser_that_nobody_uses_is_killed(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let access_token_lifetime_ms = 12 * 60 * 60 * 1_000;
    let policy = ClientPolicy { access_token_lifetime_ms, ..ClientPolicy::default() };
    let slow = scene.client("slow", policy).await;
    let sign_in = BrowserSignIn { idle_lifetime: HOUR, ..browser_sign_in(&ada, None, START) };
    let browser = scene.sign_in_browser_as(&sign_in, START).await;
    let joined = scene.join(&browser, &slow, START).await;
    let now = START + HOUR;
    assert_eq!(scene.store.end_expired(now, 100).await.expect("sweeps").sessions, 1);
    let revoked = scene.store.is_revoked(&token(&joined), now).await.expect("answers");
    assert_eq!(revoked, Some(Reason::IdleTimeout));
    assert_eq!(scene.store.head().await.expect("reads").seq.0, 1);
}

#[rstest]
#[tokio::test]
async fn a_browser_is_signed_out_when_its_session_is_too_old(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let mut browser = scene.sign_in_browser(&ada, START).await;
    let last = START + ABSOLUTE;
    for hours in 0..ABSOLUTE.as_secs() / 3_600 / 6 {
        let now = START + HOUR * (6 * u32::try_from(hours).expect("few"));
        assert_eq!(scene.held(&browser.cookie, now).await, Some(browser.session.id));
        // Not even a newer sign-in moves it.
        browser = scene.sign_in_browser_as(&browser_sign_in(&ada, Some(&browser), now), now).await;
    }
    assert_eq!(browser.session.absolute_expires_at, last);
    assert_eq!(scene.held(&browser.cookie, last).await, None);
    assert_eq!(scene.store.end_expired(last - HOUR, 100).await.expect("sweeps").sessions, 0);
    assert_eq!(scene.store.end_expired(last, 100).await.expect("sweeps").sessions, 1);
    assert_eq!(scene.end_of(browser.session.id).await, Some((last, Reason::AbsoluteTimeout)));
}

#[rstest]
#[tokio::test]
async fn a_session_that_is_over_is_not_taken_up_again(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
    #[values("idle", "old", "ended")] how: &str,
) {
    let scene = Scene::new(kind).await;
    let (ada, eve) = (scene.user("ada").await, scene.user("eve").await);
    let before = scene.sign_in_browser(&ada, START).await;
    let now = match how {
        "idle" => START + IDLE,
        "old" => START + ABSOLUTE,
        _ => {
            let target = Target::Session(before.session.id);
            scene.store.revoke(&target, Reason::Logout, START).await.expect("ended");
            START
        }
    };
    let head = scene.store.head().await.expect("reads");
    for user in [&ada, &eve] {
        let sign_in = browser_sign_in(user, Some(&before), now);
        let signed_in = scene.store.sign_in_browser(&sign_in, now).await.expect("answers");
        let SignedIn::Held { session, displaced } = signed_in else { panic!("{signed_in:?}") };
        assert_eq!((session.id, displaced), (sign_in.session_id, None));
    }
    assert_eq!(scene.store.head().await.expect("reads"), head);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_parallel_sign_ins_in_one_browser_one_takes_the_session_over(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let before = scene.sign_in_browser(&ada, START).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (store, sign_in) = (scene.store.clone(), browser_sign_in(&ada, Some(&before), START));
        tasks.spawn(async move {
            match store.sign_in_browser(&sign_in, START).await.expect("answers") {
                SignedIn::Held { session, .. } => {
                    Browser { session: *session, cookie: sign_in.cookie_hash }
                }
                SignedIn::Refused => panic!("refused"),
            }
        });
    }
    let browsers = tasks.join_all().await;
    let kept = browsers.iter().filter(|browser| browser.session.id == before.session.id);
    assert_eq!(kept.count(), 1);
    for browser in &browsers {
        assert_eq!(scene.held(&browser.cookie, START).await, Some(browser.session.id));
    }
    assert_eq!(scene.held(&before.cookie, START).await, None);
}

#[rstest]
#[tokio::test]
async fn a_browser_is_told_why_its_session_is_over(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let browser = scene.sign_in_browser(&ada, START).await;
    let why = async |now| {
        scene.store.why_browser_session_ended(&browser.cookie, now).await.expect("answers")
    };
    assert_eq!(why(START).await, None);
    assert_eq!(why(START + IDLE).await, Some(Reason::IdleTimeout), "swept or not");
    let target = Target::Session(browser.session.id);
    scene.store.revoke(&target, Reason::RemoteLogout, START).await.expect("ended");
    assert_eq!(why(START).await, Some(Reason::RemoteLogout));
    let stranger = SecretHash::of(b"nobody's");
    let unknown = scene.store.why_browser_session_ended(&stranger, START).await;
    assert_eq!(unknown.expect("answers"), None);
}
