//! Ending things, at every depth.

use std::time::Duration;

use menshen_domain::client::ClientPolicy;
use menshen_store::{Issued, Target};
use menshen_token::{AccessToken, MAX_LEEWAY, Reason, Revocation, SessionId, Timestamp};
use rstest::rstest;

use crate::database::{CEILING, Kind};
use crate::scene::{START, Scene, bytes, jti, token};

impl Scene {
    async fn live(&self, sign_ins: &[&Issued]) -> Vec<bool> {
        let mut live = Vec::new();
        for issued in sign_ins {
            live.push(!self.is_over(issued, START).await);
        }
        live
    }

    async fn why_dead(&self, token: &AccessToken) -> Option<Reason> {
        self.store.is_revoked(token, START).await.expect("answers")
    }
}

#[rstest]
#[tokio::test]
async fn signing_out_a_device_ends_that_session_only(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let phone = scene.sign_in(&ada, &app, START).await;
    let tablet = scene.sign_in(&ada, &app, START).await;
    let target = Target::Session(phone.session.id);
    let now = START + Duration::from_secs(5);
    let receipt = scene.store.revoke(&target, Reason::Logout, now).await.expect("ended");
    assert_eq!((receipt.sessions, receipt.grants), (1, 1));
    let entry = receipt.appended.clone().expect("appended");
    assert_eq!(entry.revocation, Revocation::Session(phone.session.id));
    assert_eq!((entry.seq, entry.appended_at), (receipt.seq, now));
    assert_eq!(entry.expires_at, phone.access_expires_at + MAX_LEEWAY);
    assert_eq!(scene.live(&[&phone, &tablet]).await, [false, true]);
    assert_eq!(scene.why_dead(&token(&phone)).await, Some(Reason::Logout));
    let session = scene.store.find_session(phone.session.id).await.expect("reads");
    let ended = session.and_then(|session| session.ended).expect("ended");
    assert_eq!((ended.at, ended.reason), (now, Reason::Logout));

    let again = scene.store.revoke(&target, Reason::Admin, now).await.expect("answers");
    assert_eq!((again.seq, again.sessions, again.grants), (receipt.seq, 0, 0));
    assert_eq!(again.appended, None);
    let nothing = Target::Session(SessionId::from_bytes(bytes()));
    let receipt = scene.store.revoke(&nothing, Reason::Logout, now).await.expect("answers");
    assert_eq!(receipt, again);
}

#[rstest]
#[tokio::test]
async fn signing_out_a_device_keeps_third_party_offline_access(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let sync = scene.client("sync", ClientPolicy::default()).await;
    let firm = ClientPolicy { keeps_offline_access: false, ..ClientPolicy::default() };
    let firm = scene.client("firm", firm).await;
    let ours = scene.sign_in_offline(&ada, &app, START).await;
    let kept = scene.sign_in_offline(&ada, &sync, START).await;
    let not_kept = scene.sign_in_offline(&ada, &firm, START).await;
    for issued in [&ours, &kept, &not_kept] {
        let target = Target::Session(issued.session.id);
        scene.store.revoke(&target, Reason::Logout, START).await.expect("ended");
    }
    assert_eq!(scene.live(&[&ours, &kept, &not_kept]).await, [false, true, false]);
    assert_eq!(token(&kept).session_id, None);
    let everything = Target::User(ada.id.clone());
    let receipt = scene.store.revoke(&everything, Reason::LogoutEverywhere, START).await;
    assert_eq!(receipt.expect("ended").grants, 1);
    assert_eq!(scene.live(&[&kept]).await, [false]);
}

#[rstest]
#[tokio::test]
async fn signing_out_everywhere_ends_all_of_one_user(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let eve = scene.user("eve").await;
    let (phone, tablet) =
        (scene.sign_in(&ada, &app, START).await, scene.sign_in(&ada, &app, START).await);
    let bystander = scene.sign_in(&eve, &app, START).await;
    let target = Target::User(ada.id.clone());
    let receipt = scene.store.revoke(&target, Reason::LogoutEverywhere, START).await;
    let receipt = receipt.expect("ended");
    assert_eq!((receipt.sessions, receipt.grants), (2, 2));
    assert_eq!(scene.live(&[&phone, &tablet, &bystander]).await, [false, false, true]);
    // Signing in again at the very same moment, on a node whose clock is behind.
    let again = scene.sign_in(&ada, &app, START - Duration::from_secs(9)).await;
    assert!(!receipt.appended.expect("appended").revocation.kills(&token(&again)));
    assert_eq!(scene.why_dead(&token(&again)).await, None);
}

#[rstest]
#[tokio::test]
async fn ending_a_grant_ends_the_session_it_opened(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let phone = scene.sign_in(&ada, &app, START).await;
    let target = Target::Grant(phone.grant.id);
    let receipt = scene.store.revoke(&target, Reason::TokenRevoked, START).await.expect("ended");
    assert_eq!((receipt.sessions, receipt.grants), (1, 1));
    let entry = receipt.appended.expect("appended");
    assert_eq!(entry.revocation, Revocation::Grant(phone.grant.id));
    assert_eq!(scene.live(&[&phone]).await, [false]);
    let again = scene.store.revoke(&target, Reason::TokenRevoked, START).await.expect("answers");
    assert_eq!((again.sessions, again.grants, again.appended), (0, 0, None));
}

#[rstest]
#[tokio::test]
async fn a_session_that_others_use_survives_the_end_of_one_grant(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    scene.client("other", ClientPolicy::default()).await;
    let phone = scene.sign_in(&ada, &app, START).await;
    let guest = scene.sign_in(&ada, &app, START).await;
    // As a browser session would have it: another client's grant in the same session.
    let (sid, id) = (phone.session.id, guest.grant.id);
    let join =
        format!("UPDATE grants SET session_id = '{sid}', client_id = 'other' WHERE id = '{id}'");
    scene.database.tamper(&join).await;
    let target = Target::Grant(phone.grant.id);
    let receipt = scene.store.revoke(&target, Reason::TokenRevoked, START).await.expect("ended");
    assert_eq!((receipt.sessions, receipt.grants), (0, 1));
    // Not the one that opened it: the session stays, without a grant.
    let receipt = scene.store.revoke(&Target::Grant(id), Reason::TokenRevoked, START).await;
    assert_eq!(receipt.expect("ended").sessions, 0);
    let receipt = scene.store.revoke(&Target::Session(sid), Reason::Logout, START).await;
    assert_eq!(receipt.expect("ended").sessions, 1);
}

#[rstest]
#[tokio::test]
async fn ending_a_client_ends_its_grants_and_kills_tokens_of_its_own(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let other = scene.client("other", ClientPolicy::default()).await;
    let phone = scene.sign_in(&ada, &app, START).await;
    let elsewhere = scene.sign_in(&ada, &other, START).await;
    let target = Target::Client(app.id.clone());
    let receipt = scene.store.revoke(&target, Reason::Admin, START).await.expect("ended");
    assert_eq!((receipt.sessions, receipt.grants), (1, 1));
    assert_eq!(scene.live(&[&phone, &elsewhere]).await, [false, true]);
    let entry = receipt.appended.expect("appended");
    assert!(entry.expires_at > START + CEILING + MAX_LEEWAY);
    // One that no user stands behind, and that no row knows.
    let own = AccessToken { session_id: None, grant_id: None, ..token(&phone) };
    assert!(entry.revocation.kills(&own));
    assert_eq!(scene.why_dead(&own).await, Some(Reason::Admin));
}

#[rstest]
#[tokio::test]
async fn one_token_dies_once(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let phone = scene.sign_in(&ada, &app, START).await;
    let (one, other) = (token(&phone), token(&phone));
    let target = Target::Token { jti: one.jti, expires_at: one.expires_at };
    let receipt = scene.store.revoke(&target, Reason::TokenRevoked, START).await.expect("ended");
    let entry = receipt.appended.clone().expect("appended");
    assert_eq!(entry.revocation, Revocation::Token(one.jti));
    assert_eq!(entry.expires_at, one.expires_at + MAX_LEEWAY);
    assert_eq!(scene.why_dead(&one).await, Some(Reason::TokenRevoked));
    assert_eq!(scene.why_dead(&other).await, None);
    scene
        .store
        .revoke(&Target::Token { jti: jti(), expires_at: START }, Reason::Admin, START)
        .await
        .expect("ended");
    let again = scene.store.revoke(&target, Reason::TokenRevoked, START).await.expect("answers");
    assert_eq!((again.seq, again.appended), (receipt.seq.next(), None));
    // Expired, and so has the rule; nobody accepts the token anyway.
    let late = entry.expires_at;
    assert_eq!(scene.store.is_revoked(&one, late).await.expect("answers"), None);
}

#[rstest]
#[tokio::test]
async fn everything_before_an_instant_dies_and_is_renewed(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let phone = scene.sign_in(&ada, &app, START).await;
    let before = START + Duration::from_millis(1);
    let all = |before: Timestamp| {
        let store = &scene.store;
        async move {
            let target = Target::All { before };
            store.revoke(&target, Reason::AllRevoked, before).await.expect("ended")
        }
    };
    let receipt = all(before).await;
    let entry = receipt.appended.expect("appended");
    assert_eq!(entry.revocation, Revocation::AllBefore(before));
    assert!(entry.expires_at > before + CEILING + MAX_LEEWAY);
    assert_eq!(scene.why_dead(&token(&phone)).await, Some(Reason::AllRevoked));
    let renewed = scene.store.renew(phone.grant.id, before).await.expect("judged");
    assert_eq!(scene.why_dead(&token(&renewed.expect("lives"))).await, None);
    assert_eq!(all(before).await.appended, None);
    assert_eq!(all(START).await.appended, None);
    assert!(all(before + Duration::from_millis(1)).await.appended.is_some());
}

#[rstest]
#[tokio::test]
async fn a_disabled_user_or_client_has_no_live_token(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let other = scene.client("other", ClientPolicy::default()).await;
    let phone = scene.sign_in(&ada, &app, START).await;
    // Minted by somebody who had not heard yet.
    let later = START + Duration::from_secs(5);
    let stray = AccessToken { session_id: None, grant_id: None, issued_at: later, ..token(&phone) };
    assert_eq!(scene.why_dead(&stray).await, None);
    scene.store.disable_client(&app.id, START).await.expect("disabled");
    assert_eq!(scene.why_dead(&stray).await, Some(Reason::ClientDisabled));
    let stray = AccessToken { client_id: other.id, ..stray };
    assert_eq!(scene.why_dead(&stray).await, None);
    scene.store.disable_user(&ada.id, START).await.expect("disabled");
    assert_eq!(scene.why_dead(&stray).await, Some(Reason::UserDisabled));
}

#[rstest]
#[tokio::test]
async fn what_only_asks_for_a_renewal_does_not_bar_it(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let issued = scene.sign_in(&ada, &app, START).await;
    let access = token(&issued);
    let now = START + Duration::from_secs(1);
    let barred = || scene.store.bars_renewal(&access, now);
    let revoke = async |target: Target, reason| {
        scene.store.revoke(&target, reason, now).await.expect("revoked");
    };
    let roles = ["editor".to_owned()];
    let claims = serde_json::Map::new();
    scene.store.change_claims(&ada.id, Some(&roles), Some(&claims), now).await.expect("changed");
    assert_eq!(scene.why_dead(&access).await, Some(Reason::ClaimsChanged));
    assert_eq!(barred().await.expect("answers"), None);
    revoke(Target::All { before: now }, Reason::AllRevoked).await;
    assert_eq!(barred().await.expect("answers"), None);
    let one = Target::Token { jti: access.jti, expires_at: access.expires_at };
    revoke(one, Reason::TokenRevoked).await;
    assert_eq!(barred().await.expect("answers"), Some(Reason::TokenRevoked));

    let other = scene.sign_in(&ada, &app, START).await;
    let access = token(&other);
    revoke(Target::Session(other.session.id), Reason::Logout).await;
    let barred = scene.store.bars_renewal(&access, now).await.expect("answers");
    assert_eq!(barred, Some(Reason::Logout));
    let third = scene.sign_in(&ada, &app, START).await;
    revoke(Target::User(ada.id.clone()), Reason::PasswordChanged).await;
    let barred = scene.store.bars_renewal(&token(&third), now).await.expect("answers");
    assert_eq!(barred, Some(Reason::PasswordChanged));
}

#[rstest]
#[tokio::test]
async fn what_others_got_in_exchange_ends_with_the_client_they_got_it_from(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let first = scene.sign_in(&ada, &app, START).await;
    let plain = scene.sign_in(&ada, &app, START).await;
    let id = first.grant.id;
    let later = START + Duration::from_mins(1);
    let derived = scene.store.derive(id, first.access_expires_at, later).await.expect("judged");
    let derived = derived.expect("lives");
    assert_eq!(derived.grant.issued_at, later);
    assert_eq!(derived.grant.rotated_at, START, "that is no use of the session");
    assert_eq!(derived.grant.idle_expires_at, first.grant.idle_expires_at);
    // Another client holds it, so that a rule about the app does not name it.
    let theirs = AccessToken { client_id: "orders".parse().expect("an id"), ..token(&derived) };
    assert_eq!(scene.why_dead(&theirs).await, None);
    let target = Target::Client(app.id.clone());
    scene.store.revoke(&target, Reason::Admin, later).await.expect("ended");
    assert_eq!(scene.why_dead(&theirs).await, Some(Reason::Admin));
    let log = scene.store.revocations_after(menshen_token::Seq(0), 100).await.expect("reads");
    let rules: Vec<_> = log.iter().map(|entry| &entry.revocation).collect();
    assert!(rules.contains(&&Revocation::Grant(id)), "{rules:?}");
    assert!(!rules.contains(&&Revocation::Grant(plain.grant.id)), "{rules:?}");
    assert!(rules.iter().any(|rule| rule.kills(&token(&plain))), "{rules:?}");
    let again = scene.store.derive(id, first.access_expires_at, later).await;
    assert!(again.expect("judged").is_none());
    let nobody = menshen_token::GrantId::from_bytes(bytes());
    assert!(scene.store.derive(nobody, later, later).await.expect("judged").is_none());
}
