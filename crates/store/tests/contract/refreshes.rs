//! One refresh token after another: the verdicts, and what each does to the rows.

use std::time::Duration;

use menshen_domain::client::ClientPolicy;
use menshen_domain::code::AuthorizationCode;
use menshen_domain::mac_key::{MacKey, MacKeyId, MacKeys};
use menshen_domain::refresh_token::{Generation, Presentation, Presented, Refusal, Seed, Verdict};
use menshen_domain::{Client, SecretHash};
use menshen_store::{Refreshed, StoreError};
use menshen_token::{GrantId, Reason, Revocation};
use rstest::rstest;

use crate::database::Kind;
use crate::scene::{
    START, Scene, bytes, client, client_id, code, issued, keys, present, present_generation,
    retry_key, thumbprint, token,
};

const HOUR: Duration = Duration::from_hours(1);

#[rstest]
#[tokio::test]
async fn a_rotation_moves_everything_on(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let first = scene.sign_in(&ada, &app, START).await;
    let later = START + HOUR;
    let new_key = MacKey::new(MacKeyId::from_bytes([9; 8]), &[9; 32]);
    let rotated_keys = MacKeys::new(new_key.clone(), vec![keys().current().clone()]);
    let presentation = Presentation { retry_key_hash: Some(retry_key("a")), ..present(&first) };
    let refreshed = scene.store.refresh(presentation, &rotated_keys, later).await.expect("judged");
    let second = issued(refreshed);
    assert_eq!(second.verdict, Verdict::Rotate);
    let grant = &second.grant;
    assert_eq!(grant.generation, Generation(1));
    assert_eq!((grant.rotated_at, grant.issued_at), (later, later));
    assert_eq!((&grant.mac_key_id, &grant.retry_key_hash), (new_key.id(), &Some(retry_key("a"))));
    assert_eq!(grant.idle_expires_at, later + app.policy.idle_lifetime());
    assert_eq!(second.access_expires_at, later + Duration::from_mins(10));
    assert_eq!(grant.absolute_expires_at, first.grant.absolute_expires_at);
    assert_eq!(second.session.last_seen_at, later);
    let found = scene.store.find_grant(grant.id).await.expect("reads").expect("is there");
    assert_eq!(format!("{found:?}"), format!("{grant:?}"));
    assert!(scene.store.find_grant(GrantId::from_bytes(bytes())).await.expect("reads").is_none());
}

#[rstest]
#[tokio::test]
async fn a_keyed_retry_gets_the_same_token_again_however_late(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let first = scene.sign_in(&ada, &app, START).await;
    let keyed = |key| Presentation { retry_key_hash: Some(retry_key(key)), ..present(&first) };
    let second = issued(scene.refresh(keyed("a"), START).await);
    let late = START + HOUR * 24;
    let again = issued(scene.refresh(keyed("a"), late).await);
    assert_eq!(again.verdict, Verdict::Reissue);
    assert_eq!(again.grant.generation, second.grant.generation);
    assert_eq!(again.grant.rotated_at, START);
    assert_eq!(again.grant.idle_expires_at, second.grant.idle_expires_at);
    // A fresh access token is minted, and what ends the grant must cover it.
    assert_eq!(again.grant.issued_at, late);
    assert_eq!(again.access_expires_at, late + Duration::from_mins(10));
    let found = scene.store.find_grant(first.grant.id).await.expect("reads").expect("is there");
    assert_eq!(found.access_expires_at, again.access_expires_at);
    let Refreshed::Ended { reason, .. } = scene.refresh(keyed("b"), late).await else {
        panic!("another key is another client")
    };
    assert_eq!(reason, Reason::RefreshTokenReuse);
}

#[rstest]
#[tokio::test]
async fn a_replayed_refresh_token_ends_the_session_and_no_other(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let phone = scene.sign_in(&ada, &app, START).await;
    let tablet = scene.sign_in(&ada, &app, START).await;
    let second = issued(scene.refresh(present(&phone), START).await);
    let third = issued(scene.refresh(present(&second), START).await);
    let Refreshed::Ended { reason, receipt, grant } = scene.refresh(present(&phone), START).await
    else {
        panic!("not noticed")
    };
    assert_eq!((reason, grant.id), (Reason::RefreshTokenReuse, phone.grant.id));
    assert_eq!((receipt.sessions, receipt.grants), (1, 1));
    let entry = receipt.appended.expect("appended");
    assert_eq!(entry.revocation, Revocation::Session(phone.session.id));
    assert!(entry.revocation.kills(&token(&third)));
    assert!(scene.is_over(&third, START).await);
    assert!(!scene.is_over(&tablet, START).await);
    let refused = scene.refresh(present(&phone), START).await;
    let reason = Refusal::Ended(Reason::RefreshTokenReuse);
    assert!(matches!(refused, Refreshed::Refused(found) if found == reason), "{refused:?}");
    assert_eq!(scene.store.head().await.expect("reads").seq, receipt.seq);
}

#[rstest]
#[tokio::test]
async fn strangers_are_refused_and_end_nothing(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    scene.client("other", ClientPolicy::default()).await;
    let confirmation = Some(thumbprint());
    let code = AuthorizationCode { confirmation, ..code(&ada, &app, START) };
    let first = scene.sign_in_as(&code, START).await;
    let second = issued(scene.refresh(present(&first), START).await);
    let third = issued(scene.refresh(present(&second), START).await);
    let forged_by = |seed| {
        let grant = &third.grant;
        let generation = grant.generation;
        let keys = keys();
        let token = menshen_domain::refresh_token::derive(
            keys.current(),
            grant.id,
            &Seed::from_random([seed; 32]),
            generation,
        );
        let token = Presented::parse(&keys, token.expose()).expect("ours");
        Presentation { token, ..present(&third) }
    };
    // The oldest token, which would end the session if the right client presented it.
    let cases = [
        (Presentation { client_id: client_id("other"), ..present(&first) }, Refusal::WrongClient),
        (Presentation { proof: None, ..present(&first) }, Refusal::WrongKey),
        (forged_by(1), Refusal::Forged),
        (present_generation(&third, Generation(9)), Refusal::NeverIssued),
    ];
    for (presentation, refusal) in cases {
        let refreshed = scene.refresh(presentation, START).await;
        assert!(matches!(refreshed, Refreshed::Refused(found) if found == refusal), "{refusal:?}");
    }
    assert!(!scene.is_over(&third, START).await);
    let nobody = menshen_store::Issued {
        grant: menshen_domain::Grant { id: GrantId::from_bytes(bytes()), ..third.grant.clone() },
        ..third
    };
    assert!(matches!(scene.refresh(present(&nobody), START).await, Refreshed::Unknown));
}

#[rstest]
#[tokio::test]
async fn a_client_that_would_need_to_lose_a_secret_may_always_ask_again(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let secret_hash = Some(SecretHash::of(b"secret"));
    let web = Client { secret_hash, ..client("web", ClientPolicy::default()) };
    scene.store.create_client(&web).await.expect("created");
    let first = scene.sign_in(&ada, &web, START).await;
    issued(scene.refresh(present(&first), START).await);
    let again = issued(scene.refresh(present(&first), START + HOUR).await);
    assert_eq!(again.verdict, Verdict::Reissue);
}

#[rstest]
#[tokio::test]
async fn disuse_ends_the_session_without_a_rule(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let first = scene.sign_in(&ada, &app, START).await;
    let in_time = first.grant.idle_expires_at - Duration::from_millis(1);
    let second = issued(scene.refresh(present(&first), in_time).await);
    let too_late = second.grant.idle_expires_at;
    let Refreshed::Ended { reason, receipt, .. } = scene.refresh(present(&second), too_late).await
    else {
        panic!("not ended")
    };
    assert_eq!(reason, Reason::IdleTimeout);
    assert_eq!((receipt.sessions, receipt.grants, receipt.appended), (1, 1, None));
    assert!(scene.is_over(&second, too_late).await);
}

#[rstest]
#[tokio::test]
async fn age_ends_the_session_however_much_it_is_used(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let policy = ClientPolicy {
        idle_lifetime_ms: 3_600_000,
        absolute_lifetime_ms: 5_400_500,
        ..ClientPolicy::default()
    };
    let app = scene.client("app", policy).await;
    let first = scene.sign_in(&ada, &app, START).await;
    let near = START + Duration::from_secs(5_399);
    let mut last = issued(scene.refresh(present(&first), START + HOUR / 2).await);
    last = issued(scene.refresh(present(&last), START + HOUR).await);
    last = issued(scene.refresh(present(&last), near).await);
    assert_eq!(last.grant.idle_expires_at, last.grant.absolute_expires_at);
    // Not a millisecond beyond the session, in whole seconds.
    assert_eq!(last.access_expires_at, START + Duration::from_mins(90));
    let after = last.grant.absolute_expires_at;
    let refreshed = scene.refresh(present(&last), after).await;
    let ended = matches!(refreshed, Refreshed::Ended { reason: Reason::AbsoluteTimeout, .. });
    assert!(ended, "{refreshed:?}");
}

#[rstest]
#[tokio::test]
async fn no_access_token_lives_longer_than_the_ceiling(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let access_token_lifetime_ms = 100 * 3_600_000;
    let policy = ClientPolicy { access_token_lifetime_ms, ..ClientPolicy::default() };
    let app = scene.client("app", policy).await;
    let issued = scene.sign_in(&ada, &app, START).await;
    assert_eq!(issued.access_expires_at, START + crate::database::CEILING);
}

#[rstest]
#[tokio::test]
async fn a_live_access_token_is_renewed_until_its_grant_ends(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let first = scene.sign_in(&ada, &app, START).await;
    let id = first.grant.id;
    let renewed = scene.store.renew(id, START + HOUR).await.expect("judged").expect("lives");
    assert_eq!(renewed.grant.generation, Generation(0));
    assert_eq!(renewed.grant.issued_at, START + HOUR);
    assert_eq!(renewed.grant.idle_expires_at, START + HOUR + app.policy.idle_lifetime());
    assert!(scene.store.renew(id, START + HOUR * 24 * 365).await.expect("judged").is_none());
    scene.store.disable_user(&ada.id, START).await.expect("disabled");
    assert!(scene.store.renew(id, START + HOUR).await.expect("judged").is_none());
    let none = GrantId::from_bytes(bytes());
    assert!(scene.store.renew(none, START).await.expect("judged").is_none());
}

#[rstest]
#[tokio::test]
async fn a_reused_token_ends_what_outlives_the_session_too(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let ada = scene.user("ada").await;
    let sync = scene.client("sync", ClientPolicy::default()).await;
    let first = scene.sign_in_offline(&ada, &sync, START).await;
    assert!(first.grant.outlives_session);
    let second = issued(scene.refresh(present(&first), START).await);
    issued(scene.refresh(present(&second), START).await);
    let Refreshed::Ended { receipt, .. } = scene.refresh(present(&first), START).await else {
        panic!("not noticed")
    };
    let entry = receipt.appended.expect("appended");
    assert!(entry.revocation.kills(&token(&first)));
    assert!(scene.is_over(&second, START).await);
}

#[rstest]
#[tokio::test]
async fn a_corrupt_row_is_an_error_and_spoils_no_other(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (ada, app) = scene.cast().await;
    let (bad, good) =
        (scene.sign_in(&ada, &app, START).await, scene.sign_in(&ada, &app, START).await);
    let id = bad.grant.id.to_string();
    scene.database.tamper(&format!("UPDATE grants SET seed = 'x' WHERE id = '{id}'")).await;
    let both = [present(&bad), present(&good)].map(|presentation| {
        let store = scene.store.clone();
        tokio::spawn(async move { store.refresh(presentation, &keys(), START).await })
    });
    let [bad, good] = both;
    match bad.await.expect("runs") {
        Err(StoreError::Corrupt { table, id: found }) => assert_eq!((table, found), ("grants", id)),
        other => panic!("not noticed: {other:?}"),
    }
    issued(good.await.expect("runs").expect("judged"));
}
