//! Codes that let a client into the session that a browser holds.

use std::time::Duration;

use menshen_domain::client::{ClientPolicy, SessionPolicy};
use menshen_domain::code::{AuthorizationCode, OpenIdRequest};
use menshen_store::{CodeRefusal, Issued, Redeemed, Redemption, Target};
use menshen_token::{Reason, Revocation, SessionId, Timestamp, UserId};
use rstest::rstest;

use crate::database::Kind;
use crate::scene::{
    ABSOLUTE, ALL, Browser, IDLE, START, Scene, browser_sign_in, bytes, code, redemption, scope,
    thumbprint, token,
};

const DAY: Duration = Duration::from_hours(24);

impl Scene {
    /// Why the code is refused.
    async fn refused(&self, redemption: &Redemption, now: Timestamp) -> CodeRefusal {
        match self.store.redeem_code(redemption, now).await.expect("judged") {
            Redeemed::Refused(refusal) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Redeems a code for the second time; how many sessions and grants that ended.
    async fn replay(&self, code: &AuthorizationCode, now: Timestamp) -> (u64, u64) {
        match self.store.redeem_code(&redemption(code), now).await.expect("judged") {
            Redeemed::Replayed(receipt) => (receipt.sessions, receipt.grants),
            other => panic!("not replayed: {other:?}"),
        }
    }

    async fn ended(&self, id: SessionId) -> Option<Reason> {
        let session = self.store.find_session(id).await.expect("reads").expect("is there");
        session.ended.map(|ended| ended.reason)
    }

    /// Whether exactly these sessions of this browser's user are live.
    async fn has_live(&self, browser: &Browser, expected: &[SessionId]) -> bool {
        let user = &browser.session.user_id;
        let live = self.store.list_sessions(user, &ALL).await.expect("lists");
        let mut live: Vec<SessionId> = live.into_iter().map(|session| session.id).collect();
        let mut expected = expected.to_vec();
        live.sort();
        expected.sort();
        live == expected
    }
}

#[rstest]
#[tokio::test]
async fn a_code_lets_its_client_into_the_session_it_names(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let other = scene.client("other", ClientPolicy::default()).await;
    let browser = scene.sign_in_browser(&ada, START).await;
    scene.join(&browser, &other, START).await;
    let now = START + Duration::from_secs(5);
    let code = AuthorizationCode {
        subject: UserId::from_bytes(bytes()),
        audience: vec!["https://one.example".to_owned(), "https://two.example".to_owned()],
        openid: OpenIdRequest {
            nonce: Some("n-0S6_WzA2Mj".to_owned()),
            ..OpenIdRequest::default()
        },
        confirmation: Some(thumbprint()),
        ..scene.joining(&browser, &app, now).await
    };
    scene.store.issue_code(&code).await.expect("issued");
    let redeemed = scene.store.redeem_code(&redemption(&code), now).await.expect("redeemed");
    let Redeemed::Opened { issued, openid, displaced } = redeemed else { panic!("{redeemed:?}") };
    assert_eq!((openid, displaced), (code.openid.clone(), Vec::new()));
    assert_eq!((issued.session.id, &issued.session.client_id), (browser.session.id, &None));
    assert!(scene.has_live(&browser, &[browser.session.id]).await);
    let grant = &issued.grant;
    assert_eq!((grant.session_id, &grant.client_id), (browser.session.id, &app.id));
    assert_eq!((&grant.user_id, &grant.subject), (&ada.id, &code.subject));
    assert_eq!((&grant.scope, &grant.audience), (&code.scope, &code.audience));
    assert_eq!(grant.authentication, browser.session.authentication);
    assert_eq!(grant.confirmation, Some(thumbprint()));
    let found = scene.store.find_grant(grant.id).await.expect("reads").expect("is there");
    assert_eq!(format!("{found:?}"), format!("{grant:?}"));
    // Letting somebody in is a use.
    let session = scene.store.find_session(browser.session.id).await.expect("reads");
    assert_eq!(session.expect("is there").last_seen_at, now);
}

#[rstest]
#[tokio::test]
async fn a_grant_is_over_with_its_session_unless_it_is_for_offline_use(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let sync = scene.client("sync", ClientPolicy::default()).await;
    let firm = ClientPolicy { keeps_offline_access: false, ..ClientPolicy::default() };
    let firm = scene.client("firm", firm).await;
    let brief = ClientPolicy { absolute_lifetime_ms: 60_000, ..ClientPolicy::default() };
    let brief = scene.client("brief", brief).await;
    let browser = scene.sign_in_browser(&ada, START).await;
    let now = START + Duration::from_hours(1);
    let over = START + ABSOLUTE;
    for (issued, outlives, expected) in [
        (scene.join(&browser, &app, now).await, false, over),
        (scene.join_offline(&browser, &app, now).await, false, over),
        (scene.join(&browser, &sync, now).await, false, over),
        (scene.join_offline(&browser, &sync, now).await, true, now + DAY * 30),
        (scene.join_offline(&browser, &firm, now).await, false, over),
        (scene.join(&browser, &brief, now).await, false, now + Duration::from_mins(1)),
    ] {
        let grant = &issued.grant;
        assert_eq!((grant.outlives_session, grant.absolute_expires_at), (outlives, expected));
        assert!(grant.idle_expires_at <= expected && issued.access_expires_at <= expected);
        assert_eq!(token(&issued).session_id.is_none(), outlives);
    }
    let target = Target::Session(browser.session.id);
    let receipt = scene.store.revoke(&target, Reason::Logout, now).await.expect("ended");
    assert_eq!((receipt.sessions, receipt.grants), (1, 5));
}

#[rstest]
#[tokio::test]
async fn a_code_for_a_session_that_is_over_is_refused_with_the_reason(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let eve = scene.user("eve").await;
    let refused = async |browser: &Browser, now: Timestamp| {
        let code = scene.joining(browser, &app, now).await;
        scene.store.issue_code(&code).await.expect("issued");
        scene.refused(&redemption(&code), now).await
    };
    let signed_out = scene.sign_in_browser(&ada, START).await;
    let under_way = scene.joining(&signed_out, &app, START).await;
    scene.store.issue_code(&under_way).await.expect("issued");
    let target = Target::Session(signed_out.session.id);
    scene.store.revoke(&target, Reason::RemoteLogout, START).await.expect("ended");
    let expected = CodeRefusal::SessionEnded(Reason::RemoteLogout);
    assert_eq!(scene.refused(&redemption(&under_way), START).await, expected);

    let switched = scene.sign_in_browser(&ada, START).await;
    scene.sign_in_browser_as(&browser_sign_in(&eve, Some(&switched), START), START).await;
    let expected = CodeRefusal::SessionEnded(Reason::AccountSwitched);
    assert_eq!(refused(&switched, START).await, expected);

    // Over, whether somebody has swept already or not.
    let browser = scene.sign_in_browser(&ada, START).await;
    let (idle, old) = (START + IDLE, START + ABSOLUTE);
    let expected = CodeRefusal::SessionEnded(Reason::IdleTimeout);
    assert_eq!(refused(&browser, idle).await, expected);
    assert_eq!(scene.store.end_expired(idle, 9).await.expect("sweeps").sessions, 2);
    assert_eq!(refused(&browser, idle).await, expected);
    let expected = CodeRefusal::SessionEnded(Reason::AbsoluteTimeout);
    let browser = scene.sign_in_browser(&ada, START).await;
    assert_eq!(refused(&browser, old).await, expected);
    let gone = Browser { session: browser.session.clone(), ..browser };
    let late = old + DAY * 40;
    scene.store.end_expired(old, 9).await.expect("sweeps");
    scene.store.delete_expired(late, 9).await.expect("deletes");
    assert_eq!(refused(&gone, late).await, expected);
    assert_eq!(scene.store.list_sessions(&ada.id, &ALL).await.expect("lists"), []);
}

#[rstest]
#[tokio::test]
async fn a_code_sent_elsewhere_is_refused_and_ends_nothing(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let browser = scene.sign_in_browser(&ada, START).await;
    let joining = scene.joining(&browser, &app, START).await;
    let native = code(&ada, &app, START);
    for code in [&joining, &native] {
        let good = redemption(code);
        let elsewhere = ["https://app.example/cb?", "https://app.example/CB", "", "x"];
        let mut wrong: Vec<Option<String>> =
            elsewhere.into_iter().map(|uri| Some(uri.to_owned())).collect();
        if code.redirect_uri.is_some() {
            wrong.push(None);
        }
        scene.store.issue_code(code).await.expect("issued");
        for redirect_uri in &wrong {
            let redirect_uri = redirect_uri.clone();
            let wrong = Redemption { redirect_uri, ..good.clone() };
            assert_eq!(scene.refused(&wrong, START).await, CodeRefusal::WrongRedirect);
        }
        let redeemed = scene.store.redeem_code(&good, START).await.expect("judged");
        let Redeemed::Opened { issued, .. } = redeemed else { panic!("{redeemed:?}") };
        for redirect_uri in wrong {
            let wrong = Redemption { redirect_uri, ..good.clone() };
            assert_eq!(scene.refused(&wrong, START).await, CodeRefusal::WrongRedirect);
        }
        assert!(!scene.is_over(&issued, START).await);
    }
}

#[rstest]
#[tokio::test]
async fn a_code_redeemed_twice_ends_no_more_than_it_opened(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let sync = scene.client("sync", ClientPolicy::default()).await;
    let browser = scene.sign_in_browser(&ada, START).await;
    let bystanders = [
        scene.join(&browser, &app, START).await,
        scene.join(&browser, &sync, START).await,
        scene.join_offline(&browser, &sync, START).await,
    ];
    let joining = scene.joining(&browser, &app, START).await;
    let joined = scene.sign_in_as(&joining, START).await;
    assert_eq!(scene.replay(&joining, joining.expires_at).await, (0, 1));
    assert!(scene.is_over(&joined, START).await);
    let log = scene.store.revocations_after(menshen_token::Seq(0), 9).await.expect("reads");
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].revocation, Revocation::Grant(joined.grant.id));
    assert_eq!(log[0].reason, Reason::AuthorizationCodeReuse);
    assert_eq!(scene.replay(&joining, START).await, (0, 0));

    let native = code(&ada, &app, START);
    let opened = scene.sign_in_as(&native, START).await;
    assert_eq!(scene.replay(&native, START).await, (1, 1));
    assert!(scene.is_over(&opened, START).await);
    assert!(scene.has_live(&browser, &[browser.session.id]).await);
    for issued in &bystanders {
        assert!(!scene.is_over(issued, START).await);
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_parallel_redemptions_exactly_one_lets_its_client_in(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let browser = scene.sign_in_browser(&ada, START).await;
    let bystander = scene.join(&browser, &app, START).await;
    let code = scene.joining(&browser, &app, START).await;
    scene.store.issue_code(&code).await.expect("issued");
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (store, redemption) = (scene.store.clone(), redemption(&code));
        tasks.spawn(async move { store.redeem_code(&redemption, START).await.expect("judged") });
    }
    let answers = tasks.join_all().await;
    let opened = answers.iter().filter(|answer| matches!(answer, Redeemed::Opened { .. }));
    assert_eq!(opened.count(), 1);
    let replayed = answers.iter().filter(|answer| matches!(answer, Redeemed::Replayed(_)));
    assert_eq!(replayed.count(), 15);
    assert_eq!(scene.store.head().await.expect("reads").seq.0, 1);
    assert!(!scene.is_over(&bystander, START).await);
}

#[rstest]
#[tokio::test]
async fn a_browser_session_outlives_the_grants_in_it(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let brief = ClientPolicy { idle_lifetime_ms: 60_000, ..ClientPolicy::default() };
    let brief = scene.client("brief", brief).await;
    let browser = scene.sign_in_browser(&ada, START).await;
    let joined = scene.join(&browser, &app, START).await;
    let target = Target::Grant(joined.grant.id);
    let receipt = scene.store.revoke(&target, Reason::TokenRevoked, START).await.expect("ended");
    assert_eq!((receipt.sessions, receipt.grants), (0, 1));
    assert!(scene.is_over(&joined, START).await);
    // One that expires and is swept, and one that is presented too late.
    for _ in 0..2 {
        scene.join(&browser, &brief, START).await;
    }
    let late = scene.join(&browser, &brief, START).await;
    let now = START + Duration::from_mins(1);
    let refreshed = scene.refresh(crate::scene::present(&late), now).await;
    let menshen_store::Refreshed::Ended { reason, receipt, .. } = refreshed else {
        panic!("not ended: {refreshed:?}")
    };
    assert_eq!((reason, receipt.sessions, receipt.grants), (Reason::IdleTimeout, 0, 1));
    assert_eq!(scene.store.end_expired(now, 9).await.expect("sweeps").sessions, 0);
    assert!(scene.is_over(&late, now).await);
    let found = scene.store.find_browser_session(&browser.cookie, now).await.expect("reads");
    assert_eq!(found.expect("is held").0.id, browser.session.id);
    scene.join(&browser, &app, now).await;
}

#[rstest]
#[tokio::test]
async fn a_client_for_one_device_is_in_one_session_whoever_holds_it(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let sessions = SessionPolicy::SingleDevice;
    let bank = scene.client("bank", ClientPolicy { sessions, ..ClientPolicy::default() }).await;
    let (desk, laptop, other) = (
        scene.sign_in_browser(&ada, START).await,
        scene.sign_in_browser(&ada, START).await,
        scene.sign_in_browser(&ada, START).await,
    );
    let elsewhere = scene.join(&other, &app, START).await;
    let at_desk = scene.join(&desk, &app, START).await;
    let first = scene.join(&desk, &bank, START).await;
    let second = scene.join(&desk, &bank, START).await;
    // The same session twice is one device.
    assert!(!scene.is_over(&first, START).await && !scene.is_over(&second, START).await);
    let on_laptop = scene.join(&laptop, &bank, START).await;
    assert_eq!(scene.ended(desk.session.id).await, Some(Reason::SignedInElsewhere));
    for issued in [&at_desk, &first, &second] {
        assert!(scene.is_over(issued, START).await);
    }
    let phone: Issued = scene.sign_in(&ada, &bank, START).await;
    assert_eq!(scene.ended(laptop.session.id).await, Some(Reason::SignedInElsewhere));
    assert!(scene.is_over(&on_laptop, START).await);
    // One whose grant is over counts: the client may keep its user signed in without it.
    let target = Target::Grant(scene.join(&other, &bank, START).await.grant.id);
    assert_eq!(scene.ended(phone.session.id).await, Some(Reason::SignedInElsewhere));
    scene.store.revoke(&target, Reason::TokenRevoked, START).await.expect("ended");
    assert!(!scene.is_over(&elsewhere, START).await);
    scene.sign_in(&ada, &bank, START).await;
    assert_eq!(scene.ended(other.session.id).await, Some(Reason::SignedInElsewhere));
}

#[rstest]
#[tokio::test]
async fn a_limit_of_sessions_counts_those_of_browsers(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let sessions = SessionPolicy::Limit(2);
    let app = scene.client("app", ClientPolicy { sessions, ..ClientPolicy::default() }).await;
    let minute = |n: u64| START + Duration::from_mins(n);
    let (desk, laptop) =
        (scene.sign_in_browser(&ada, START).await, scene.sign_in_browser(&ada, START).await);
    scene.join(&desk, &app, minute(1)).await;
    scene.join(&laptop, &app, minute(2)).await;
    scene.join(&desk, &app, minute(3)).await;
    assert!(scene.has_live(&desk, &[desk.session.id, laptop.session.id]).await);
    let phone = scene.sign_in(&ada, &app, minute(4)).await;
    assert!(scene.has_live(&desk, &[desk.session.id, phone.session.id]).await);
    assert_eq!(scene.ended(laptop.session.id).await, Some(Reason::SessionLimit));
}

#[rstest]
#[tokio::test]
async fn the_browser_longest_unused_gives_way(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let sessions = SessionPolicy::Limit(2);
    let app = scene.client("app", ClientPolicy { sessions, ..ClientPolicy::default() }).await;
    let minute = |n: u64| START + Duration::from_mins(n);
    let (desk, laptop) =
        (scene.sign_in_browser(&ada, START).await, scene.sign_in_browser(&ada, START).await);
    scene.join(&desk, &app, minute(1)).await;
    scene.join(&laptop, &app, minute(2)).await;
    // No app, but the user.
    scene.store.find_browser_session(&desk.cookie, minute(3)).await.expect("reads");
    let phone = scene.sign_in(&ada, &app, minute(4)).await;
    assert!(scene.has_live(&desk, &[desk.session.id, phone.session.id]).await);
}

#[rstest]
#[tokio::test]
async fn the_end_of_a_client_leaves_browser_sessions_but_no_code(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let browser = scene.sign_in_browser(&ada, START).await;
    let joined = scene.join(&browser, &app, START).await;
    let redeemed = code(&ada, &app, START);
    scene.sign_in_as(&redeemed, START).await;
    let under_way = scene.joining(&browser, &app, START).await;
    scene.store.issue_code(&under_way).await.expect("kept");
    let receipt = scene.store.disable_client(&app.id, START).await.expect("disabled");
    assert_eq!(receipt.map(|receipt| (receipt.sessions, receipt.grants)), Some((1, 2)));
    scene.store.enable_client(&app.id).await.expect("enabled");
    assert!(scene.is_over(&joined, START).await);
    assert_eq!(scene.refused(&redemption(&under_way), START).await, CodeRefusal::Unknown);
    // A second redemption is noticed all the same.
    assert_eq!(scene.replay(&redeemed, START).await, (0, 0));
    assert!(scene.has_live(&browser, &[browser.session.id]).await);
    let again = AuthorizationCode { scope: scope("openid email"), ..under_way };
    let again = AuthorizationCode { hash: code(&ada, &app, START).hash, ..again };
    scene.sign_in_as(&again, START).await;
}
