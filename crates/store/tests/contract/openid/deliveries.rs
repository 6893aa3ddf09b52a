//! The outbox of back-channel logouts: who is told of what, and by whom, exactly once.

use std::collections::HashMap;
use std::time::Duration;

use menshen_domain::client::{ClientMetadata, ClientPolicy};
use menshen_domain::code::AuthorizationCode;
use menshen_domain::logout_delivery::{DeliveryState, LogoutDelivery};
use menshen_domain::session::{Authentication, Device};
use menshen_domain::{Client, SecretHash, Session, User};
use menshen_store::{BrowserSignIn, ClientChange, Issued, Page, Receipt, SignedIn, Target};
use menshen_token::{ClientId, Reason, SessionId, Timestamp, UserId};
use rstest::rstest;
use tokio::task::JoinSet;

use crate::database::Kind;
use crate::scene::{ALL, START, Scene, bytes, client, client_id, code, redemption, scope};

const LEASE: Duration = Duration::from_secs(30);

impl Scene {
    /// A client that wants to be told.
    async fn receiver(&self, name: &str) -> Client {
        let mut client = client(name, ClientPolicy::default());
        client.metadata.backchannel_logout_uri = Some(format!("https://{name}.example/logout"));
        self.store.create_client(&client).await.expect("created");
        client
    }

    /// A session that a browser holds.
    async fn browser(&self, user: &User) -> Session {
        let user = self.store.find_user(&user.id).await.expect("reads").expect("is somebody");
        let sign_in = BrowserSignIn {
            raises: None,
            user_id: user.id.clone(),
            sign_in_epoch: user.sign_in_epoch,
            authentication: Authentication::by_password(START),
            device: Device::default(),
            session_id: SessionId::from_bytes(bytes()),
            cookie_hash: SecretHash::of(&bytes()),
            previous: None,
            idle_lifetime: Duration::from_hours(8),
            absolute_lifetime: Duration::from_hours(72),
        };
        match self.store.sign_in_browser(&sign_in, START).await.expect("answers") {
            SignedIn::Held { session, .. } => *session,
            SignedIn::Refused => panic!("refused"),
        }
    }

    /// Lets a client into a session, as this subject.
    async fn let_in(&self, session: &Session, client: &Client, asked: &str) -> Issued {
        let user = self.store.find_user(&session.user_id).await.expect("reads").expect("is there");
        let code = AuthorizationCode {
            session_id: Some(session.id),
            subject: format!("{}-to-{}", user.id, client.id).parse().expect("valid"),
            scope: scope(asked),
            ..code(&user, client, START)
        };
        self.sign_in_as(&code, START).await
    }

    async fn end(&self, target: Target, reason: Reason) -> Receipt {
        self.store.revoke(&target, reason, START).await.expect("ended")
    }

    /// Session and client of all that is queued.
    async fn queued(&self) -> Vec<(SessionId, String)> {
        let queued = self.store.list_deliveries(Some(DeliveryState::Queued), &ALL).await;
        let queued = queued.expect("lists").into_iter();
        let mut queued: Vec<_> =
            queued.map(|delivery| (delivery.session_id, delivery.client_id.to_string())).collect();
        queued.sort();
        queued
    }

    async fn claim(&self, client: &Client, now: Timestamp) -> Vec<LogoutDelivery> {
        self.store.claim_deliveries(&client.id, 10, now, LEASE).await.expect("claims")
    }
}

fn names(receipt: &Receipt) -> Vec<&str> {
    receipt.queued.iter().map(ClientId::as_str).collect()
}

#[rstest]
#[tokio::test]
async fn the_end_of_a_session_is_told_to_every_client_that_wants_to_know(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let (shop, sync) = (scene.receiver("shop").await, scene.receiver("sync").await);
    let session = scene.browser(&ada).await;
    let other = scene.browser(&ada).await;
    scene.let_in(&session, &app, "openid").await;
    let at_shop = scene.let_in(&session, &shop, "openid").await;
    scene.let_in(&session, &sync, "openid offline_access").await;
    scene.let_in(&other, &shop, "openid").await;
    let known = scene.store.list_session_clients(session.id).await.expect("lists");
    assert_eq!(known, ["app", "shop", "sync"].map(client_id));

    let receipt = scene.end(Target::Session(session.id), Reason::Logout).await;
    assert_eq!((receipt.sessions, receipt.grants), (1, 2));
    assert_eq!(names(&receipt), ["shop", "sync"]);
    let again = scene.end(Target::Session(session.id), Reason::Logout).await;
    assert_eq!(again, Receipt::nothing(receipt.seq));

    let told = scene.store.list_deliveries_of(session.id).await.expect("lists");
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].subject, at_shop.grant.subject);
    assert_ne!(told[0].id, told[1].id);
    for delivery in &told {
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Queued, 0));
        assert_eq!((delivery.created_at, delivery.due_at), (START, START));
        assert_eq!((&delivery.finished_at, &delivery.last_problem), (&None, &None));
    }
    assert_eq!(scene.queued().await.len(), 2);
}

#[rstest]
#[tokio::test]
async fn the_end_of_everything_is_told_for_each_live_session(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let eve = scene.user("eve").await;
    let (shop, gone) = (scene.receiver("shop").await, scene.receiver("gone").await);
    let (one, two) = (scene.browser(&ada).await, scene.browser(&ada).await);
    let (over, hers) = (scene.browser(&ada).await, scene.browser(&eve).await);
    for session in [&one, &two, &over, &hers] {
        scene.let_in(session, &shop, "openid").await;
        scene.let_in(session, &gone, "openid").await;
    }
    scene.end(Target::Session(over.id), Reason::Logout).await;
    scene.store.disable_client(&gone.id, START).await.expect("disabled");
    let receipt = scene.end(Target::User(ada.id.clone()), Reason::PasswordChanged).await;
    assert_eq!(names(&receipt), ["shop"]);
    let mut sessions = vec![one.id, two.id, over.id];
    sessions.sort();
    let queued = scene.queued().await;
    let at_shop: Vec<_> = queued.iter().filter(|(_, client)| client == "shop").collect();
    assert_eq!(at_shop.iter().map(|(id, _)| *id).collect::<Vec<_>>(), sessions);
    // While it still was somebody.
    assert_eq!(queued.iter().filter(|(_, client)| client == "gone").count(), 1);
}

#[rstest]
#[tokio::test]
async fn a_client_is_told_of_the_end_of_its_grant_unless_it_ended_it_itself(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
    #[values(
        Reason::ConsentWithdrawn,
        Reason::Admin,
        Reason::AuthorizationCodeReuse,
        Reason::TokenRevoked,
        Reason::Logout
    )]
    reason: Reason,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let (shop, other) = (scene.receiver("shop").await, scene.receiver("other").await);
    let session = scene.browser(&ada).await;
    let at_shop = scene.let_in(&session, &shop, "openid").await;
    scene.let_in(&session, &other, "openid").await;
    let receipt = scene.end(Target::Grant(at_shop.grant.id), reason).await;
    assert_eq!((receipt.sessions, receipt.grants), (0, 1));
    let own = matches!(reason, Reason::TokenRevoked | Reason::Logout);
    assert_eq!(names(&receipt), if own { vec![] } else { vec!["shop"] });
    // The session goes on, the client signs in anew, and is told anew.
    let again = scene.let_in(&session, &shop, "openid").await;
    let receipt = scene.end(Target::Grant(again.grant.id), reason).await;
    assert_eq!(names(&receipt), if own { vec![] } else { vec!["shop"] });
    let receipt = scene.end(Target::Session(session.id), Reason::Logout).await;
    assert_eq!(names(&receipt), ["other", "shop"]);
    assert_eq!(scene.queued().await.len(), if own { 2 } else { 4 });
    let receipt = scene.end(Target::Grant(again.grant.id), reason).await;
    assert_eq!(names(&receipt), Vec::<&str>::new());
}

#[rstest]
#[tokio::test]
async fn a_code_that_is_replayed_tells_its_client(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let shop = scene.receiver("shop").await;
    let session = scene.browser(&ada).await;
    let user = scene.store.find_user(&ada.id).await.expect("reads").expect("is there");
    let code = AuthorizationCode { session_id: Some(session.id), ..code(&user, &shop, START) };
    scene.sign_in_as(&code, START).await;
    scene.store.redeem_code(&redemption(&code), START).await.expect("judged");
    assert_eq!(scene.queued().await, [(session.id, "shop".to_owned())]);
}

#[rstest]
#[tokio::test]
async fn a_client_that_ends_tells_others_only(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let (phone, sync) = (scene.receiver("phone").await, scene.receiver("sync").await);
    // A session that the phone's app opened, and in which another has offline access.
    let opened = scene.sign_in(&ada, &phone, START).await;
    scene.let_in(&opened.session, &sync, "openid offline_access").await;
    let receipt = scene.end(Target::Client(phone.id.clone()), Reason::Admin).await;
    assert_eq!((receipt.sessions, names(&receipt)), (1, vec!["sync"]));
}

#[rstest]
#[tokio::test]
async fn time_tells_nobody(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let shop = scene.receiver("shop").await;
    let session = scene.browser(&ada).await;
    scene.let_in(&session, &shop, "openid").await;
    let late = START + Duration::from_hours(1_000);
    assert_eq!(scene.store.end_expired(late, 100).await.expect("sweeps").sessions, 1);
    assert_eq!(scene.queued().await, []);
}

#[rstest]
#[tokio::test]
async fn what_is_claimed_is_nobody_elses_until_the_lease_is_over(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let (shop, other) = (scene.receiver("shop").await, scene.receiver("other").await);
    let session = scene.browser(&ada).await;
    scene.let_in(&session, &shop, "openid").await;
    scene.let_in(&session, &other, "openid").await;
    scene.end(Target::Session(session.id), Reason::Logout).await;
    assert_eq!(scene.claim(&shop, START - Duration::from_millis(1)).await, []);
    let claimed = scene.claim(&shop, START).await;
    assert_eq!((claimed.len(), claimed[0].attempts), (1, 1));
    assert_eq!(scene.claim(&shop, START + LEASE - Duration::from_millis(1)).await, []);
    let receivers = scene.store.list_receivers().await.expect("lists");
    let receivers: Vec<_> =
        receivers.iter().map(|receiver| (receiver.client_id.as_str(), receiver.due_at)).collect();
    assert_eq!(receivers, [("other", START), ("shop", START + LEASE)]);

    // Whoever had it is gone; should they come back, they change nothing.
    let taken = scene.claim(&shop, START + LEASE).await.remove(0);
    assert_eq!(taken.attempts, 2);
    let store = &scene.store;
    store.delay_delivery(&claimed[0], "late", START).await.expect("answers");
    store.abandon_delivery(&claimed[0], "late", START).await.expect("answers");
    assert_eq!(scene.claim(&shop, START + LEASE).await, []);

    let due = START + Duration::from_mins(5);
    store.delay_delivery(&taken, "status 500", due).await.expect("delayed");
    assert_eq!(scene.claim(&shop, START + Duration::from_mins(4)).await, []);
    let taken = scene.claim(&shop, due).await.remove(0);
    assert_eq!((taken.attempts, taken.last_problem.as_deref()), (3, Some("status 500")));
    store.finish_delivery(&taken, due).await.expect("finished");
    store.abandon_delivery(&taken, "late", due).await.expect("answers");
    store.delay_delivery(&taken, "late", due).await.expect("answers");
    assert_eq!(scene.claim(&shop, due + LEASE * 10).await, []);
    let delivered = store.list_deliveries(Some(DeliveryState::Delivered), &ALL).await;
    let delivered = delivered.expect("lists").remove(0);
    assert_eq!((delivered.finished_at, delivered.last_problem), (Some(due), None));
    assert_eq!(store.count_queued_deliveries().await.expect("counts"), 1);
}

#[rstest]
#[tokio::test]
async fn what_is_given_up_is_seen_for_30_days(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let shop = scene.receiver("shop").await;
    for _ in 0..3 {
        let session = scene.browser(&ada).await;
        scene.let_in(&session, &shop, "openid").await;
        scene.end(Target::Session(session.id), Reason::Logout).await;
    }
    let store = &scene.store;
    // It no longer wants to know; what is queued is still there, for the worker to see.
    let change = ClientChange { metadata: Some(ClientMetadata::default()), ..Default::default() };
    assert!(store.change_client(&shop.id, &change).await.expect("changed"));
    let claimed = scene.claim(&shop, START).await;
    assert_eq!(claimed.len(), 3);
    for delivery in &claimed[..2] {
        store.abandon_delivery(delivery, "gone", START).await.expect("abandoned");
    }
    let page = Page { after: None, limit: 1 };
    let abandoned = Some(DeliveryState::Abandoned);
    let first = store.list_deliveries(abandoned, &page).await.expect("lists").remove(0);
    let page = Page { after: Some(first.id.clone()), limit: 5 };
    let rest = store.list_deliveries(abandoned, &page).await.expect("lists");
    assert_eq!((rest.len(), rest[0].id == first.id), (1, false));
    assert_eq!(store.list_deliveries(None, &ALL).await.expect("lists").len(), 3);
    let soon = START + Duration::from_hours(29 * 24);
    store.delete_expired(soon, 100).await.expect("deletes");
    assert_eq!(store.list_deliveries(None, &ALL).await.expect("lists").len(), 3);
    store.delete_expired(soon + Duration::from_hours(48), 100).await.expect("deletes");
    let left = store.list_deliveries(None, &ALL).await.expect("lists");
    assert_eq!((left.len(), left[0].state), (1, DeliveryState::Queued));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_workers_one_has_each_delivery(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let receivers = [scene.receiver("shop").await, scene.receiver("other").await];
    for _ in 0..40 {
        let session = scene.browser(&ada).await;
        for receiver in &receivers {
            scene.let_in(&session, receiver, "openid").await;
        }
    }
    scene.end(Target::User(ada.id.clone()), Reason::LogoutEverywhere).await;
    let mut workers = JoinSet::new();
    for worker in 0..12 {
        let (store, client) = (scene.database.open().await, receivers[worker % 2].id.clone());
        workers.spawn(async move {
            let mut taken = Vec::new();
            loop {
                let claimed = store.claim_deliveries(&client, 3, START, LEASE).await;
                let claimed = claimed.expect("claims");
                if claimed.is_empty() {
                    return taken;
                }
                for delivery in &claimed {
                    store.finish_delivery(delivery, START).await.expect("finished");
                }
                taken.extend(claimed.into_iter().map(|delivery| delivery.id));
            }
        });
    }
    let mut times = HashMap::new();
    for id in workers.join_all().await.concat() {
        *times.entry(id).or_insert(0) += 1;
    }
    assert!(times.values().all(|times| *times == 1), "{times:?}");
    assert_eq!(scene.store.count_queued_deliveries().await.expect("counts"), 0);
    assert_eq!(times.len(), 80);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_signs_in_while_the_session_ends_is_told_or_kept_out(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let shop = scene.receiver("shop").await;
    for _ in 0..20 {
        let session = scene.browser(&ada).await;
        let user = scene.store.find_user(&ada.id).await.expect("reads").expect("is there");
        let code = AuthorizationCode { session_id: Some(session.id), ..code(&user, &shop, START) };
        scene.store.issue_code(&code).await.expect("issued");
        let target = Target::Session(session.id);
        let (redemption, here, there) =
            (redemption(&code), scene.store.clone(), scene.store.clone());
        let entering = tokio::spawn(async move { here.redeem_code(&redemption, START).await });
        let leaving =
            tokio::spawn(async move { there.revoke(&target, Reason::Logout, START).await });
        let entered = entering.await.expect("runs").expect("judged");
        let receipt = leaving.await.expect("runs").expect("ended");
        let opened = matches!(entered, menshen_store::Redeemed::Opened { .. });
        assert_eq!(names(&receipt), if opened { vec!["shop"] } else { vec![] });
    }
}

#[rstest]
#[tokio::test]
async fn nobody_is_told_by_a_name_of_somebody_else(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let (shop, other) = (scene.receiver("shop").await, scene.receiver("other").await);
    let session = scene.browser(&ada).await;
    for client in [&shop, &other] {
        scene.let_in(&session, client, "openid").await;
    }
    scene.end(Target::Session(session.id), Reason::RemoteLogout).await;
    for client in [&shop, &other] {
        let subject: UserId = format!("{}-to-{}", ada.id, client.id).parse().expect("valid");
        assert_eq!(scene.claim(client, START).await[0].subject, subject);
    }
}
