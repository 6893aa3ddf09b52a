//! Opaque access tokens: what they stand for is found by their hash.

use std::time::Duration;

use menshen_domain::SecretHash;
use menshen_token::AccessToken;
use rstest::rstest;
use serde_json::json;

use crate::database::Kind;
use crate::scene::{START, Scene, thumbprint, token};

#[rstest]
#[tokio::test]
async fn an_opaque_token_stands_for_what_a_jwt_would_say(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let issued = scene.sign_in(&ada, &app, START + Duration::from_millis(7)).await;
    let mut full = AccessToken {
        auth_time: Some(START),
        acr: Some("urn:example:two".to_owned()),
        amr: vec!["pwd".to_owned(), "otp".to_owned()],
        confirmation: Some(thumbprint()),
        key_id: "opaque".parse().expect("valid"),
        ..token(&issued)
    };
    full.custom.insert("tenant".to_owned(), json!({ "name": "Zürich \u{0}" }));
    let bare = AccessToken { session_id: None, grant_id: None, ..full.clone() };
    let hash = |text: &str| SecretHash::of(text.as_bytes());
    scene.store.keep_opaque_token(&hash("full"), &full).await.expect("kept");
    scene.store.keep_opaque_token(&hash("bare"), &bare).await.expect("kept");
    let found = |text: &'static str| {
        let store = &scene.store;
        async move { store.find_opaque_token(&hash(text)).await.expect("reads") }
    };
    assert_eq!(found("full").await, Some(full.clone()));
    assert_eq!(found("bare").await, Some(bare));
    assert_eq!(found("none").await, None);
    // Kept for a day: whoever still holds it may sign out with it.
    let hours = |hours| full.expires_at + Duration::from_hours(hours);
    scene.store.delete_expired(hours(23), 9).await.expect("deletes");
    assert!(found("full").await.is_some() && found("bare").await.is_some());
    scene.store.delete_expired(hours(24), 9).await.expect("deletes");
    assert_eq!(found("bare").await, None);
    assert_eq!(found("full").await, None);
}
