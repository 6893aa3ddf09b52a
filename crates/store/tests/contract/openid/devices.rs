//! Devices that wait for somebody to let them in: each comes in once.

use std::time::Duration;

use menshen_domain::device_authorization::{
    Approval, DeviceAuthorization, DeviceState, INTERVAL, LIFETIME,
};
use menshen_domain::session::Authentication;
use menshen_domain::{Client, SecretHash, User};
use menshen_store::{Decision, DevicePoll, Issued, Polled, Target};
use menshen_token::{Reason, Timestamp};
use rstest::rstest;
use tokio::task::JoinSet;

use crate::database::Kind;
use crate::scene::{START, Scene, code, redemption, scope};

const SOON: Timestamp = Timestamp::from_seconds(1_800_000_006);

fn hash(text: &str) -> SecretHash {
    SecretHash::of(text.as_bytes())
}

/// A device by the name of its code.
fn device(name: &str, client: &Client) -> DeviceAuthorization {
    DeviceAuthorization {
        device_code_hash: hash(&format!("device {name}")),
        user_code_hash: hash(&format!("user {name}")),
        client_id: client.id.clone(),
        scope: scope("openid"),
        audience: vec!["https://api.example".to_owned()],
        confirmation: None,
        address: Some("192.0.2.1".to_owned()),
        interval: INTERVAL,
        polled_at: None,
        expires_at: START + LIFETIME,
        state: DeviceState::Pending,
    }
}

fn allow(user: &User) -> Decision {
    Decision::Allow(Approval {
        user_id: user.id.clone(),
        subject: user.id.clone(),
        sign_in_epoch: user.sign_in_epoch,
        authentication: Authentication::by_password(START),
    })
}

fn poll(user: &User, device: &DeviceAuthorization, client: &Client) -> DevicePoll {
    DevicePoll {
        device_code: device.device_code_hash.clone(),
        client_id: client.id.clone(),
        proof: None,
        resources: Vec::new(),
        fresh: redemption(&code(user, client, START)).fresh,
    }
}

fn opened(polled: Polled) -> Issued {
    match polled {
        Polled::Opened { issued, .. } => *issued,
        other => panic!("not opened: {other:?}"),
    }
}

async fn decide(scene: &Scene, device: &DeviceAuthorization, decision: &Decision) -> bool {
    let decided = scene.store.decide_about_device(&device.user_code_hash, decision, SOON);
    decided.await.expect("answers")
}

#[rstest]
#[tokio::test]
async fn a_device_waits_until_somebody_lets_it_in(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let tv = device("tv", &app);
    let store = &scene.store;
    assert!(store.issue_device_authorization(&tv).await.expect("issued"));
    let twin = DeviceAuthorization { device_code_hash: hash("another"), ..tv.clone() };
    assert!(!store.issue_device_authorization(&twin).await.expect("answers"), "its code is taken");
    let found = store.find_waiting_device(&tv.user_code_hash, START).await.expect("reads");
    assert_eq!(found, Some((tv.clone(), app.clone())));

    let ask = async |seconds| {
        let now = START + Duration::from_secs(seconds);
        store.poll_device(&poll(&ada, &tv, &app), now).await.expect("answers")
    };
    assert!(matches!(ask(0).await, Polled::Pending));
    assert!(matches!(ask(1).await, Polled::SlowDown));
    assert!(matches!(ask(7).await, Polled::SlowDown), "10 seconds from now on");
    assert!(matches!(ask(22).await, Polled::Pending));
    assert!(decide(&scene, &tv, &allow(&ada)).await);
    assert!(!decide(&scene, &tv, &Decision::Deny).await, "it is decided");
    let found = store.find_waiting_device(&tv.user_code_hash, START).await.expect("reads");
    assert_eq!(found, None);
    let issued = opened(ask(22).await);
    assert_eq!(issued.session.client_id, Some(app.id.clone()), "a session of its own");
    assert_eq!(issued.session.device.name.as_deref(), Some("app"));
    assert_eq!(issued.grant.audience, tv.audience);
    assert!(matches!(ask(60).await, Polled::Refused), "once");
    assert!(!scene.is_over(&issued, SOON).await, "and a second time ends nothing");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_ask_at_once_one_comes_in(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let tv = device("tv", &app);
    scene.store.issue_device_authorization(&tv).await.expect("issued");
    assert!(decide(&scene, &tv, &allow(&ada)).await);
    let nodes = [scene.store.clone(), scene.database.open().await];
    let mut tasks = JoinSet::new();
    for number in 0..16 {
        let (store, poll) = (nodes[number % 2].clone(), poll(&ada, &tv, &app));
        tasks.spawn(async move { store.poll_device(&poll, SOON).await.expect("answers") });
    }
    let answers = tasks.join_all().await;
    let came_in = answers.iter().filter(|one| matches!(one, Polled::Opened { .. })).count();
    let refused = answers.iter().filter(|one| matches!(one, Polled::Refused)).count();
    assert_eq!((came_in, refused), (1, 15));
}

#[rstest]
#[tokio::test]
async fn what_is_denied_late_or_somebody_elses_stays_out(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let other = scene.client("other", app.policy.clone()).await;
    let store = &scene.store;
    let key = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs".parse().expect("a thumbprint");
    for name in ["denied", "late", "bound", "barred"] {
        let confirmation = (name == "bound").then_some(&key).cloned();
        let device = DeviceAuthorization { confirmation, ..device(name, &app) };
        store.issue_device_authorization(&device).await.expect("issued");
    }
    let ask = async |name: &str, now| {
        let device = device(name, &app);
        store.poll_device(&poll(&ada, &device, &app), now).await.expect("answers")
    };
    assert!(decide(&scene, &device("denied", &app), &Decision::Deny).await);
    assert!(matches!(ask("denied", SOON).await, Polled::Denied));
    let end = START + LIFETIME;
    assert!(matches!(ask("late", end).await, Polled::Expired));
    let late = device("late", &app).user_code_hash;
    assert!(!store.decide_about_device(&late, &allow(&ada), end).await.expect("answers"));
    assert_eq!(store.find_waiting_device(&late, end).await.expect("reads"), None);
    assert!(matches!(ask("bound", SOON).await, Polled::WrongKey));
    let theirs = poll(&ada, &device("bound", &app), &other);
    assert!(matches!(store.poll_device(&theirs, SOON).await.expect("answers"), Polled::Refused));
    assert!(matches!(ask("nobody", SOON).await, Polled::Refused));

    let barred = device("barred", &app);
    assert!(decide(&scene, &barred, &allow(&ada)).await);
    store.disable_user(&ada.id, SOON).await.expect("disabled");
    assert!(matches!(ask("barred", SOON).await, Polled::Refused));
}

#[rstest]
#[tokio::test]
async fn what_ends_everything_ends_devices_that_wait(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let store = &scene.store;
    let ask = async |name: &str| {
        let device = device(name, &app);
        store.poll_device(&poll(&ada, &device, &app), SOON).await.expect("answers")
    };
    for name in ["everywhere", "consent", "client"] {
        store.issue_device_authorization(&device(name, &app)).await.expect("issued");
        let today = store.find_user(&ada.id).await.expect("reads").expect("is somebody");
        assert!(decide(&scene, &device(name, &app), &allow(&today)).await);
        match name {
            "everywhere" => {
                let target = Target::User(ada.id.clone());
                store.revoke(&target, Reason::LogoutEverywhere, SOON).await.map(|_| ())
            }
            "consent" => store.withdraw_consent(&ada.id, &app.id, SOON).await.map(|_| ()),
            _ => {
                let target = Target::Client(app.id.clone());
                store.revoke(&target, Reason::Admin, SOON).await.map(|_| ())
            }
        }
        .expect("ended");
        assert!(matches!(ask(name).await, Polled::Refused), "{name}");
    }
}
