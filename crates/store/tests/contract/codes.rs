//! Authorization codes: one code, one session.

use std::time::Duration;

use menshen_domain::SecretHash;
use menshen_domain::client::{ClientPolicy, Renewal, SessionPolicy};
use menshen_domain::code::AuthorizationCode;
use menshen_domain::refresh_token::{Generation, Verdict};
use menshen_store::{CodeRefusal, Redeemed, Redemption, Target};
use menshen_token::{Reason, Timestamp};
use rstest::rstest;

use crate::database::Kind;
use crate::scene::{ALL, START, Scene, code, redemption, scope, thumbprint};

impl Scene {
    async fn refusal(&self, redemption: &Redemption, now: Timestamp) -> CodeRefusal {
        match self.store.redeem_code(redemption, now).await.expect("judged") {
            Redeemed::Refused(refusal) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_code_opens_a_session_and_its_grant(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let policy = ClientPolicy {
        audience: vec!["https://api.example".to_owned()],
        access_token_lifetime_ms: 60_500,
        ..ClientPolicy::default()
    };
    let app = scene.client("app", policy).await;
    let now = START + Duration::from_millis(1);
    let confirmation = Some(thumbprint());
    let code = AuthorizationCode { confirmation, ..code(&ada, &app, START) };
    let issued = scene.sign_in_as(&code, now).await;
    assert_eq!(issued.verdict, Verdict::Rotate);
    let grant = &issued.grant;
    assert_eq!((grant.generation, grant.issued_at, grant.rotated_at), (Generation(0), now, now));
    assert_eq!(grant.idle_expires_at, now + app.policy.idle_lifetime());
    assert_eq!(grant.absolute_expires_at, now + app.policy.absolute_lifetime());
    assert_eq!(grant.audience, app.policy.audience);
    assert_eq!(grant.confirmation, Some(thumbprint()));
    assert!(!grant.outlives_session);
    // Rounded up to the second.
    assert_eq!(issued.access_expires_at, START + Duration::from_secs(61));
    assert_eq!((&issued.user, &issued.client), (&ada, &app));
    let session = scene.store.find_session(issued.session.id).await.expect("reads");
    assert_eq!(session, Some(issued.session.clone()));
    let found = scene.store.find_grant(grant.id).await.expect("reads").expect("is there");
    assert_eq!(format!("{found:?}"), format!("{grant:?}"));
    assert_eq!(found.seed.to_stored(), grant.seed.to_stored());
}

#[rstest]
#[tokio::test]
async fn only_whom_it_was_issued_to_redeems_a_code(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let other = scene.client("other", ClientPolicy::default()).await;
    let confirmation = Some(thumbprint());
    let audience = vec!["https://api.example".to_owned()];
    let code = AuthorizationCode { confirmation, audience, ..code(&ada, &app, START) };
    let good = redemption(&code);
    let unknown = Redemption { code: SecretHash::of(b"?"), ..good.clone() };
    assert_eq!(scene.refusal(&unknown, START).await, CodeRefusal::Unknown);
    scene.store.issue_code(&code).await.expect("issued");

    let strangers = [
        (Redemption { client_id: other.id, ..good.clone() }, CodeRefusal::WrongClient),
        (Redemption { proof: None, ..good.clone() }, CodeRefusal::WrongKey),
        (
            Redemption { resources: vec!["x:y".to_owned()], ..good.clone() },
            CodeRefusal::WrongTarget,
        ),
        (Redemption { verifier: None, ..good.clone() }, CodeRefusal::WrongVerifier),
        (Redemption { verifier: Some("x".repeat(43)), ..good.clone() }, CodeRefusal::WrongVerifier),
    ];
    for (redemption, refusal) in &strangers {
        assert_eq!(scene.refusal(redemption, START).await, *refusal);
    }
    assert_eq!(scene.refusal(&good, code.expires_at).await, CodeRefusal::Expired);
    let opened = scene.store.redeem_code(&good, START).await.expect("judged");
    let Redeemed::Opened { issued, .. } = opened else { panic!("not opened: {opened:?}") };
    // What was refused the first time ends nothing the second time.
    for (redemption, refusal) in &strangers {
        assert_eq!(scene.refusal(redemption, START).await, *refusal);
    }
    assert!(!scene.is_over(&issued, START).await);
}

#[rstest]
#[tokio::test]
async fn a_code_redeemed_twice_ends_the_session_it_opened(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let web = scene.client("web", ClientPolicy::default()).await;
    let bystander = scene.sign_in(&ada, &web, START).await;
    let scope = scope("openid offline_access");
    let code = AuthorizationCode { scope, ..code(&ada, &web, START) };
    let issued = scene.sign_in_as(&code, START).await;
    assert!(issued.grant.outlives_session);
    let again = scene.store.redeem_code(&redemption(&code), code.expires_at).await;
    let again = again.expect("judged");
    let Redeemed::Replayed(receipt) = again else { panic!("not replayed: {again:?}") };
    assert_eq!((receipt.sessions, receipt.grants), (1, 1));
    assert!(scene.is_over(&issued, START).await);
    assert!(!scene.is_over(&bystander, START).await);
    let session = scene.store.find_session(issued.session.id).await.expect("reads");
    let ended = session.and_then(|session| session.ended).expect("ended");
    assert_eq!(ended.reason, Reason::AuthorizationCodeReuse);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_parallel_redemptions_exactly_one_opens_a_session(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let code = code(&ada, &app, START);
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
    assert_eq!(scene.store.list_sessions(&ada.id, &ALL).await.expect("lists"), []);
    assert_eq!(scene.store.head().await.expect("reads").seq.0, 1);
}

#[rstest]
#[tokio::test]
async fn a_disabled_user_opens_no_session(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let code = code(&ada, &app, START);
    scene.store.issue_code(&code).await.expect("issued");
    scene.store.disable_user(&ada.id, START).await.expect("disabled");
    assert_eq!(scene.refusal(&redemption(&code), START).await, CodeRefusal::UserDisabled);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_policy_holds_against_parallel_sign_ins(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
    #[values(SessionPolicy::SingleDevice, SessionPolicy::Limit(3))] sessions: SessionPolicy,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let app = scene.client("app", ClientPolicy { sessions, ..ClientPolicy::default() }).await;
    let free = scene.client("free", ClientPolicy::default()).await;
    let elsewhere = scene.sign_in(&ada, &free, START).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let (store, code) = (scene.store.clone(), code(&ada, &app, START));
        tasks.spawn(async move {
            store.issue_code(&code).await.expect("issued");
            store.redeem_code(&redemption(&code), START).await.expect("judged")
        });
    }
    let mut displaced = 0;
    for answer in tasks.join_all().await {
        let Redeemed::Opened { displaced: receipts, .. } = answer else { panic!("{answer:?}") };
        displaced += receipts.len();
    }
    let room = if sessions == SessionPolicy::SingleDevice { 1 } else { 3 };
    assert_eq!(displaced, 12 - room);
    let live = scene.store.list_sessions(&ada.id, &ALL).await.expect("lists");
    assert_eq!(
        live.iter().filter(|session| session.client_id.as_ref() == Some(&app.id)).count(),
        room
    );
    assert!(!scene.is_over(&elsewhere, START).await);
}

#[rstest]
#[tokio::test]
async fn the_session_longest_unused_gives_way(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let sessions = SessionPolicy::Limit(2);
    let app = scene.client("app", ClientPolicy { sessions, ..ClientPolicy::default() }).await;
    let minute = |n: u64| START + Duration::from_mins(n);
    let old = scene.sign_in(&ada, &app, minute(0)).await;
    let unused = scene.sign_in(&ada, &app, minute(1)).await;
    let old = crate::scene::issued(scene.refresh(crate::scene::present(&old), minute(2)).await);
    scene.sign_in(&ada, &app, minute(3)).await;
    assert!(!scene.is_over(&old, minute(3)).await);
    let session = scene.store.find_session(unused.session.id).await.expect("reads");
    let ended = session.and_then(|session| session.ended).expect("ended");
    assert_eq!(ended.reason, Reason::SessionLimit);
}

#[rstest]
#[tokio::test]
async fn a_session_that_cannot_be_renewed_dies_with_its_token(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let renewal = Renewal::None;
    let app = scene.client("app", ClientPolicy { renewal, ..ClientPolicy::default() }).await;
    let issued = scene.sign_in(&ada, &app, START).await;
    assert_eq!(issued.grant.idle_expires_at, issued.access_expires_at);
}

#[rstest]
#[tokio::test]
async fn a_code_does_not_outlive_a_logout_everywhere(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    // Nothing else is left to end; the sign-in under way must end all the same.
    let under_way = code(&ada, &app, START);
    scene.store.issue_code(&under_way).await.expect("kept");
    scene.store.revoke(&Target::User(ada.id.clone()), Reason::Admin, START).await.expect("ended");
    assert_eq!(scene.refusal(&redemption(&under_way), START).await, CodeRefusal::Superseded);
    // One whose password was looked at before, and that is issued only now.
    let late = code(&ada, &app, START);
    scene.store.issue_code(&late).await.expect("kept");
    assert_eq!(scene.refusal(&redemption(&late), START).await, CodeRefusal::Superseded);
    let ada = scene.store.find_user(&ada.id).await.expect("reads").expect("is there");
    scene.sign_in(&ada, &app, START).await;
}

#[rstest]
#[tokio::test]
async fn a_code_does_not_outlive_that_its_client_is_disabled(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let under_way = code(&ada, &app, START);
    scene.store.issue_code(&under_way).await.expect("kept");
    scene.store.disable_client(&app.id, START).await.expect("disabled");
    scene.store.enable_client(&app.id).await.expect("enabled");
    assert_eq!(scene.refusal(&redemption(&under_way), START).await, CodeRefusal::Unknown);
}

#[rstest]
#[tokio::test]
async fn a_public_clients_grant_is_bound_to_the_key_shown_first(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let unbound = code(&ada, &app, START);
    scene.store.issue_code(&unbound).await.expect("kept");
    let redemption = Redemption { proof: Some(thumbprint()), ..redemption(&unbound) };
    match scene.store.redeem_code(&redemption, START).await.expect("judged") {
        Redeemed::Opened { issued, .. } => {
            assert_eq!(issued.grant.confirmation, Some(thumbprint()));
        }
        other => panic!("not opened: {other:?}"),
    }
}
