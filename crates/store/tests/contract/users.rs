//! Users, and changing what they may do.

use std::time::Duration;

use menshen_domain::credential::PasswordHash;
use menshen_store::{Page, StoreError, Target, Which};
use menshen_token::{Reason, Revocation};
use rstest::rstest;
use serde_json::json;

use crate::database::Kind;
use crate::scene::{ALL, START, Scene, issued, present, token, user};

#[rstest]
#[tokio::test]
async fn a_user_reads_back_as_written(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let mut ada = user("ada");
    ada.claims.insert("tenant".to_owned(), json!({ "name": "Zürich \u{0}" }));
    let hash = PasswordHash::from_stored("$argon2id$x".to_owned());
    scene.store.create_user(&ada, Some(&hash)).await.expect("created");
    assert_eq!(scene.store.find_user(&ada.id).await.expect("reads"), Some(ada.clone()));
    let found = scene.store.find_user_by_username(&ada.username).await.expect("reads");
    assert_eq!(found, Some((ada, Some(hash))));
    let nobody = user("nobody");
    assert_eq!(scene.store.find_user(&nobody.id).await.expect("reads"), None);
    let found = scene.store.find_user_by_username(&nobody.username).await.expect("reads");
    assert_eq!(found, None);
}

#[rstest]
#[tokio::test]
async fn a_name_and_an_id_belong_to_one_user(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let conflict = scene.store.create_user(&user("ada"), None).await;
    assert!(matches!(conflict, Err(StoreError::Conflict(Which::Username))), "{conflict:?}");
    let twin = menshen_domain::User { id: ada.id, ..user("eve") };
    let conflict = scene.store.create_user(&twin, None).await;
    assert!(matches!(conflict, Err(StoreError::Conflict(Which::UserId))), "{conflict:?}");
}

#[rstest]
#[tokio::test]
async fn users_are_listed_page_by_page(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    for name in ["a", "b", "c", "d", "e"] {
        scene.user(name).await;
    }
    let mut names = Vec::new();
    let mut page = Page { after: None, limit: 2 };
    loop {
        let users = scene.store.list_users(&page).await.expect("lists");
        let Some(last) = users.last() else { break };
        page.after = Some(last.id.to_string());
        names.extend(users.into_iter().map(|user| user.username.to_string()));
    }
    names.sort();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    let odd = Page { after: Some("\0".to_owned()), limit: 9 };
    assert_eq!(scene.store.list_users(&odd).await.expect("lists").len(), 5);
}

#[rstest]
#[tokio::test]
async fn changed_claims_kill_tokens_but_no_session(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let old = scene.sign_in(&ada, &app, START).await;
    let (roles, claims) = (["admin".to_owned()], serde_json::Map::new());
    let changed = scene.store.change_claims(&ada.id, Some(&roles), Some(&claims), START).await;
    let receipt = changed.expect("changed").expect("is somebody");
    let entry = receipt.appended.expect("appended");
    assert_eq!((entry.seq, entry.reason), (receipt.seq, Reason::ClaimsChanged));
    assert!(entry.revocation.kills(&token(&old)));
    let revoked = scene.store.is_revoked(&token(&old), START).await.expect("answers");
    assert_eq!(revoked, Some(Reason::ClaimsChanged));
    // On a node whose clock is behind.
    let slow = START - Duration::from_secs(30);
    let new = issued(scene.refresh(present(&old), slow).await);
    assert_eq!(new.user.roles, roles);
    assert!(!entry.revocation.kills(&token(&new)));
    assert_eq!(scene.store.is_revoked(&token(&new), START).await.expect("answers"), None);
    assert!(entry.expires_at > old.access_expires_at);
}

#[rstest]
#[tokio::test]
async fn a_clock_that_is_behind_undoes_no_cut_off(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    scene.sign_in(&ada, &app, START).await;
    let (none, ahead) = (serde_json::Map::new(), START + Duration::from_hours(1));
    for now in [ahead, START] {
        scene.store.change_claims(&ada.id, Some(&[]), Some(&none), now).await.expect("changed");
        let target = Target::User(ada.id.clone());
        scene.store.revoke(&target, Reason::LogoutEverywhere, now).await.expect("ended");
    }
    let again = scene.sign_in(&ada, &app, START).await;
    assert_eq!(scene.store.is_revoked(&token(&again), START).await.expect("answers"), None);
}

#[rstest]
#[tokio::test]
async fn what_is_not_changed_is_not_put_back(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let roles = ["admin".to_owned()];
    let claims = json!({ "team": 7 }).as_object().expect("an object").clone();
    scene.store.change_claims(&ada.id, Some(&roles), None, START).await.expect("changed");
    scene.store.change_claims(&ada.id, None, Some(&claims), START).await.expect("changed");
    let found = scene.store.find_user(&ada.id).await.expect("reads").expect("is somebody");
    assert_eq!((found.roles.as_slice(), &found.claims), (roles.as_slice(), &claims));
    scene.store.change_claims(&ada.id, Some(&[]), None, START).await.expect("changed");
    let found = scene.store.find_user(&ada.id).await.expect("reads").expect("is somebody");
    assert_eq!((found.roles, found.claims), (Vec::new(), claims));
}

#[rstest]
#[tokio::test]
async fn changed_claims_of_a_user_without_tokens_append_nothing(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let claims = json!({ "team": 7 }).as_object().expect("an object").clone();
    let changed = scene.store.change_claims(&ada.id, Some(&[]), Some(&claims), START).await;
    assert_eq!(changed.expect("changed").expect("is somebody").appended, None);
    let found = scene.store.find_user(&ada.id).await.expect("reads").expect("is somebody");
    assert_eq!((found.roles, found.claims), (Vec::new(), claims.clone()));
    let nobody = user("nobody").id;
    let changed = scene.store.change_claims(&nobody, Some(&[]), Some(&claims), START).await;
    assert_eq!(changed.expect("answers"), None);
}

#[rstest]
#[tokio::test]
async fn a_disabled_user_has_nothing_and_gets_nothing(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let phone = scene.sign_in(&ada, &app, START).await;
    let tablet = scene.sign_in(&ada, &app, START).await;
    let disabled = scene.store.disable_user(&ada.id, START).await;
    let receipt = disabled.expect("disabled").expect("is somebody");
    assert_eq!((receipt.sessions, receipt.grants), (2, 2));
    let entry = receipt.appended.expect("appended");
    assert_eq!(entry.reason, Reason::UserDisabled);
    assert!(matches!(&entry.revocation, Revocation::UserBefore(id, _) if *id == ada.id));
    assert!(scene.is_over(&phone, START).await && scene.is_over(&tablet, START).await);
    assert_eq!(scene.store.list_sessions(&ada.id, &ALL).await.expect("lists"), []);

    let again = scene.store.disable_user(&ada.id, START + Duration::from_secs(5)).await;
    let again = again.expect("answers").expect("is somebody");
    assert_eq!((again.seq, again.sessions, again.appended), (receipt.seq, 0, None));
    let found = scene.store.find_user(&ada.id).await.expect("reads").expect("is somebody");
    assert_eq!(found.disabled_at, Some(START));

    assert!(scene.store.enable_user(&ada.id).await.expect("enabled"));
    let later = scene.sign_in(&ada, &app, START).await;
    assert!(!scene.is_over(&later, START).await);
    assert_eq!(scene.store.disable_user(&user("eve").id, START).await.expect("answers"), None);
    assert!(!scene.store.enable_user(&user("eve").id).await.expect("answers"));
}
