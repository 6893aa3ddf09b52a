//! Signing keys and MAC keys, as many nodes change them.

use std::time::Duration;

use menshen_domain::mac_key::MacKeyId;
use menshen_domain::signing_key::{SigningKey, State};
use menshen_store::{AddMacKey, SealedMacKey, StoreError, Which};
use menshen_token::{Algorithm, Jwk, KeyId, MAX_LEEWAY, Reason, Revocation, Timestamp};
use rstest::rstest;
use tokio::task::JoinSet;

use crate::database::{CEILING, Kind};
use crate::scene::{START, Scene};

fn key(id: &str, activated_at: Option<Timestamp>) -> SigningKey {
    SigningKey {
        id: key_id(id),
        algorithm: Algorithm::ES256,
        public: Jwk::ed25519(&[3; 32]),
        sealed_private: format!("sealed {id}"),
        announced_at: START,
        activated_at,
        retired_at: None,
        removed_at: None,
    }
}

fn key_id(id: &str) -> KeyId {
    id.parse().expect("valid")
}

impl Scene {
    async fn states(&self) -> Vec<(String, State)> {
        let keys = self.store.list_signing_keys().await.expect("lists");
        keys.iter().map(|key| (key.id.to_string(), key.state())).collect()
    }
}

#[rstest]
#[tokio::test]
async fn a_signing_key_lives_its_life(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let store = &scene.store;
    assert!(store.add_signing_key(&key("a", Some(START)), None).await.expect("added"));
    assert!(store.add_signing_key(&key("b", None), None).await.expect("added"));
    let eddsa = SigningKey { algorithm: Algorithm::EdDSA, ..key("c", Some(START)) };
    assert!(store.add_signing_key(&eddsa, None).await.expect("added"));
    let twin = store.add_signing_key(&key("a", None), None).await;
    assert!(matches!(twin, Err(StoreError::Conflict(Which::SigningKey))), "{twin:?}");
    let listed = store.list_signing_keys().await.expect("lists");
    assert_eq!(format!("{:?}", listed[0]), format!("{:?}", key("a", Some(START))));

    assert!(store.activate_signing_key(&key_id("b"), START).await.expect("activated"));
    assert!(!store.activate_signing_key(&key_id("b"), START).await.expect("answers"));
    assert!(!store.activate_signing_key(&key_id("a"), START).await.expect("answers"));
    assert!(!store.activate_signing_key(&key_id("none"), START).await.expect("answers"));
    let state = |id: &str, state| (id.to_owned(), state);
    let expected =
        [state("a", State::Retired), state("b", State::Active), state("c", State::Active)];
    assert_eq!(scene.states().await, expected);

    assert!(store.remove_signing_key(&key_id("a"), START).await.expect("removed"));
    assert!(!store.remove_signing_key(&key_id("a"), START).await.expect("answers"));
    let day = Duration::from_hours(24);
    store.delete_expired(START + day * 29, 100).await.expect("deletes");
    assert_eq!(scene.states().await[0], state("a", State::Removed));
    store.delete_expired(START + day * 30, 100).await.expect("deletes");
    assert_eq!(scene.states().await, expected[1..]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_nodes_that_start_at_once_one_makes_the_first_keys(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let other_node = scene.database.open().await;
    let mut tasks = JoinSet::new();
    for node in 0..8_u8 {
        let store = if node % 2 == 0 { scene.store.clone() } else { other_node.clone() };
        tasks.spawn(async move {
            let signing = key(&format!("key{node}"), Some(START));
            let unless_active = Some(Algorithm::ES256);
            let added = store.add_signing_key(&signing, unless_active).await.expect("judged");
            let mac = mac_key(node, START);
            (added, store.add_mac_key(&mac, AddMacKey::IfNone).await.expect("judged"))
        });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|(signing, _)| *signing).count(), 1);
    assert_eq!(answers.iter().filter(|(_, mac)| *mac).count(), 1);
    assert_eq!(scene.states().await.len(), 1);
    assert_eq!(scene.store.list_mac_keys().await.expect("lists").len(), 1);
}

#[rstest]
#[tokio::test]
async fn a_leaked_key_is_replaced_at_once(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let store = &scene.store;
    store.add_signing_key(&key("leaked", Some(START)), None).await.expect("added");
    let revoked = store.revoke_signing_key(&key_id("leaked"), &key("new", None), START).await;
    let receipt = revoked.expect("revoked").expect("is one");
    let entry = receipt.appended.expect("appended");
    assert_eq!(entry.revocation, Revocation::Key(key_id("leaked")));
    assert_eq!(entry.reason, Reason::KeyRevoked);
    assert!(entry.expires_at > START + CEILING + MAX_LEEWAY);
    let expected = [("leaked".to_owned(), State::Removed), ("new".to_owned(), State::Active)];
    assert_eq!(scene.states().await, expected);
    let again = store.revoke_signing_key(&key_id("leaked"), &key("newer", None), START).await;
    let again = again.expect("answers").expect("is one");
    assert_eq!((again.seq, again.appended), (receipt.seq, None));
    assert_eq!(scene.states().await, expected);
    let none = store.revoke_signing_key(&key_id("none"), &key("newer", None), START).await;
    assert_eq!(none.expect("answers"), None);
}

fn mac_key(number: u8, created_at: Timestamp) -> SealedMacKey {
    let id = MacKeyId::from_bytes([number; 8]);
    SealedMacKey { id, sealed: format!("sealed {number}"), created_at }
}

#[rstest]
#[tokio::test]
async fn the_newest_mac_key_is_the_current_one(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let (old, new) = (mac_key(1, START), mac_key(2, START + Duration::from_secs(1)));
    for key in [&old, &new] {
        assert!(scene.store.add_mac_key(key, AddMacKey::Always).await.expect("added"));
    }
    assert!(!scene.store.add_mac_key(&old, AddMacKey::Always).await.expect("answers"));
    assert!(
        !scene.store.add_mac_key(&mac_key(3, START), AddMacKey::IfNone).await.expect("answers")
    );
    assert_eq!(scene.store.list_mac_keys().await.expect("lists"), [new, old]);
}
