//! Opening, several nodes on one database, and databases that go away.

use std::time::Duration;

use menshen_domain::Secret;
use menshen_store::{Store, StoreError, StoreOptions, Target};
use menshen_token::{Reason, Seq};
use rstest::rstest;

use crate::database::{CEILING, Database, Kind};
use crate::scene::{START, Scene, jti, keys, present, user};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_open_a_new_database_at_once_all_succeed(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let database = Database::create(kind).await;
    let stores = tokio::join!(database.open(), database.open(), database.open(), database.open());
    stores.0.create_user(&user("ada"), None).await.expect("created");
    stores.3.ping().await.expect("answers");
    assert_eq!(stores.0.is_shared(), kind == Kind::Postgres);
}

#[rstest]
#[tokio::test]
async fn a_store_finds_what_was_written_before_it_was_closed(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let phone = scene.sign_in(&ada, &app, START).await;
    let target = Target::Session(phone.session.id);
    scene.store.revoke(&target, Reason::Logout, START).await.expect("ended");
    scene.store.clone().close().await;
    let reopened = scene.database.open().await;
    assert_eq!(*reopened.head_changes().borrow(), Seq(1));
    let scene = Scene { store: reopened, database: scene.database };
    assert!(scene.is_over(&phone, START).await);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_reads_a_sqlite_file() {
    use std::os::unix::fs::PermissionsExt;

    let scene = Scene::new(Kind::Sqlite).await;
    scene.cast().await;
    let path = scene.database.url.strip_prefix("sqlite://").expect("a path");
    for suffix in ["", "-wal"] {
        let file = std::fs::metadata(format!("{path}{suffix}")).expect("is there");
        assert_eq!(file.permissions().mode() & 0o777, 0o600, "{suffix}");
    }
}

#[rstest]
#[tokio::test]
async fn an_append_wakes_the_followers_of_every_node(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let other_node = scene.database.open().await;
    let (mut here, mut there) = (scene.store.head_changes(), other_node.head_changes());
    for round in 1..=3 {
        let target = Target::Token { jti: jti(), expires_at: START };
        let receipt = scene.store.revoke(&target, Reason::TokenRevoked, START).await;
        assert_eq!(receipt.expect("appended").seq, Seq(round));
        assert_eq!(*here.borrow_and_update(), Seq(round));
        if kind == Kind::Postgres {
            let heard = there.wait_for(|seq| *seq == Seq(round));
            tokio::time::timeout(PATIENCE, heard).await.expect("in time").expect("open");
        }
    }
}

#[tokio::test]
async fn a_node_that_lost_its_connection_hears_again() {
    let scene = Scene::on(Database::create_apart(Kind::Postgres).await).await;
    let other_node = scene.database.open().await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    scene.database.tamper(cut).await;
    let target = Target::Token { jti: jti(), expires_at: START };
    let receipt = scene.store.revoke(&target, Reason::TokenRevoked, START).await;
    assert_eq!(receipt.expect("the pool heals by itself").seq, Seq(1));
    let mut heads = other_node.head_changes();
    let heard = heads.wait_for(|seq| *seq == Seq(1));
    tokio::time::timeout(PATIENCE, heard).await.expect("in time").expect("open");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_ends_is_over_on_the_other(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let other = Scene { store: scene.database.open().await, database: scene.database };
    let (ada, app) = other.cast().await;
    for _ in 0..20 {
        let phone = other.sign_in(&ada, &app, START).await;
        let target = Target::Session(phone.session.id);
        scene.store.revoke(&target, Reason::Logout, START).await.expect("ended");
        assert!(other.is_over(&phone, START).await);
    }
}

#[rstest]
#[tokio::test]
async fn a_store_whose_database_went_away_says_so(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::on(Database::create_apart(kind).await).await;
    let (ada, app) = scene.cast().await;
    let phone = scene.sign_in(&ada, &app, START).await;
    scene.database.take_away(&scene.store).await;
    let store = &scene.store;
    let is_outage = |error: &StoreError| matches!(error, StoreError::Unavailable(_));
    let target = Target::Session(phone.session.id);
    for error in [
        store.ping().await.expect_err("cannot answer"),
        store.find_user(&ada.id).await.expect_err("cannot answer"),
        store.refresh(present(&phone), &keys(), START).await.expect_err("cannot answer"),
        store.revoke(&target, Reason::Logout, START).await.expect_err("cannot answer"),
    ] {
        assert!(is_outage(&error), "{error:?}");
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[rstest]
#[tokio::test]
async fn a_caller_that_stops_waiting_harms_nobody(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let phone = scene.sign_in(&ada, &app, START).await;
    for _ in 0..20 {
        let (store, presentation) = (scene.store.clone(), present(&phone));
        let asking = tokio::spawn(async move { store.refresh(presentation, &keys(), START).await });
        tokio::task::yield_now().await;
        asking.abort();
        let store = scene.store.clone();
        let revoking = tokio::spawn(async move {
            let target = Target::Token { jti: jti(), expires_at: START };
            store.revoke(&target, Reason::TokenRevoked, START).await
        });
        tokio::task::yield_now().await;
        revoking.abort();
    }
    assert!(!scene.is_over(&phone, START).await);
    let head = scene.store.head().await.expect("reads").seq;
    let entries = scene.store.revocations_after(Seq(0), 100).await.expect("reads");
    assert_eq!(entries.last().map_or(Seq(0), |entry| entry.seq), head);
}

#[rstest]
#[case("mysql://localhost/menshen")]
#[case("sqlite:///nowhere/at/all/menshen.db")]
#[case("not a url")]
#[tokio::test]
async fn a_database_that_cannot_be_opened_is_an_outage(#[case] url: &str) {
    let url = Secret::new(url.to_owned());
    let options = StoreOptions { url, connections: 1, access_token_ceiling: CEILING };
    let error = Store::open(&options).await.expect_err("cannot be opened");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

#[test]
fn the_password_of_the_database_is_not_printed() {
    let url = Secret::new("postgres://menshen:hunter2@db/menshen".to_owned());
    let options = StoreOptions { url, connections: 1, access_token_ceiling: CEILING };
    assert!(!format!("{options:?}").contains("hunter2"));
}
