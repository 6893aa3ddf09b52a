//! Clients.

use menshen_domain::client::{ClientMetadata, ClientPolicy, SessionPolicy};
use menshen_domain::{Client, SecretHash};
use menshen_store::{ClientChange, CodeRefusal, Page, Redeemed, StoreError, Which};
use menshen_token::{Reason, Revocation};
use rstest::rstest;

use crate::database::Kind;
use crate::scene::{START, Scene, client, client_id, code, redemption, token};

#[rstest]
#[tokio::test]
async fn a_client_reads_back_as_written(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let policy = ClientPolicy { sessions: SessionPolicy::Limit(3), ..ClientPolicy::default() };
    let secret_hash = Some(SecretHash::of(b"secret"));
    let api = Client { secret_hash, ..client("api", policy) };
    scene.store.create_client(&api).await.expect("created");
    assert_eq!(scene.store.find_client(&api.id).await.expect("reads"), Some(api.clone()));
    assert_eq!(scene.store.find_client(&client_id("none")).await.expect("reads"), None);
    let conflict = scene.store.create_client(&api).await;
    assert!(matches!(conflict, Err(StoreError::Conflict(Which::ClientId))), "{conflict:?}");
}

#[rstest]
#[tokio::test]
async fn a_client_can_be_changed(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let app = scene.client("app", ClientPolicy::default()).await;
    let policy = ClientPolicy { retry_window_ms: 0, ..ClientPolicy::default() };
    let metadata = ClientMetadata {
        backchannel_logout_uri: Some("https://app.example/logout".to_owned()),
        ..ClientMetadata::default()
    };
    for change in [
        ClientChange { name: Some("The app".to_owned()), ..ClientChange::default() },
        ClientChange { policy: Some(policy.clone()), ..ClientChange::default() },
        ClientChange { metadata: Some(metadata.clone()), ..ClientChange::default() },
    ] {
        assert!(scene.store.change_client(&app.id, &change).await.expect("changed"));
    }
    let secret_hash = SecretHash::of(b"secret");
    let replaced = scene.store.replace_client_secret(&app.id, &secret_hash, None).await;
    assert!(replaced.expect("replaced"));
    let secret_hash = Some(secret_hash);
    let changed = Client { name: "The app".to_owned(), metadata, policy, secret_hash, ..app };
    assert_eq!(scene.store.find_client(&changed.id).await.expect("reads"), Some(changed));
    let none = client_id("none");
    let change = ClientChange { name: Some(String::new()), ..ClientChange::default() };
    assert!(!scene.store.change_client(&none, &change).await.expect("answers"));
    let replaced = scene.store.replace_client_secret(&none, &SecretHash::of(b""), None).await;
    assert!(!replaced.expect("answers"));
}

#[rstest]
#[tokio::test]
async fn clients_with_legacy_grants_are_found(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    scene.client("modern", ClientPolicy::default()).await;
    let relic = ClientPolicy { legacy_grants: true, ..ClientPolicy::default() };
    let relic = scene.client("relic", relic).await;
    // It only looks like one.
    let claim = serde_json::json!({ "claim": "x", "value": { "legacy_grants": true } });
    let claims = vec![serde_json::from_value(claim).expect("a rule")];
    scene.client("joker", ClientPolicy { claims, ..ClientPolicy::default() }).await;
    let found = scene.store.list_legacy_clients().await.expect("reads");
    assert_eq!(found, [relic]);
}

#[rstest]
#[tokio::test]
async fn clients_are_listed_page_by_page(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    for name in ["c", "a", "b"] {
        scene.client(name, ClientPolicy::default()).await;
    }
    let page = Page { after: Some("a".to_owned()), limit: 1 };
    let listed = scene.store.list_clients(&page).await.expect("lists");
    assert_eq!(listed.iter().map(|client| client.id.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[rstest]
#[tokio::test]
async fn a_disabled_client_has_nothing_and_gets_nothing(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let other = scene.client("other", ClientPolicy::default()).await;
    let phone = scene.sign_in(&ada, &app, START).await;
    let elsewhere = scene.sign_in(&ada, &other, START).await;
    let pending = code(&ada, &app, START);
    scene.store.issue_code(&pending).await.expect("issued");

    let disabled = scene.store.disable_client(&app.id, START).await;
    let receipt = disabled.expect("disabled").expect("is one");
    assert_eq!((receipt.sessions, receipt.grants), (1, 1));
    let entry = receipt.appended.expect("appended");
    assert_eq!(entry.reason, Reason::ClientDisabled);
    assert!(matches!(entry.revocation, Revocation::ClientBefore(..)));
    assert!(entry.revocation.kills(&token(&phone)));
    assert!(scene.is_over(&phone, START).await);
    assert!(!scene.is_over(&elsewhere, START).await);
    // One code from before, and one by somebody who had not heard yet.
    let late = code(&ada, &app, START);
    scene.store.issue_code(&late).await.expect("issued");
    for (code, refusal) in [(pending, CodeRefusal::Unknown), (late, CodeRefusal::ClientDisabled)] {
        let redeemed = scene.store.redeem_code(&redemption(&code), START).await.expect("judged");
        let refused = matches!(redeemed, Redeemed::Refused(found) if found == refusal);
        assert!(refused, "{redeemed:?}");
    }

    let again = scene.store.disable_client(&app.id, START).await;
    let again = again.expect("answers").expect("is one");
    assert_eq!((again.seq, again.appended), (receipt.seq, None));
    assert!(scene.store.enable_client(&app.id).await.expect("enabled"));
    assert!(!scene.store.enable_client(&client_id("none")).await.expect("answers"));
    let none = scene.store.disable_client(&client_id("none"), START).await;
    assert_eq!(none.expect("answers"), None);
}
