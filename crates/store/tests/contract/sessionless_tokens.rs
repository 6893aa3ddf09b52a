//! Tokens that a user has without a session: on no list, and dead with all the rest.

use std::time::Duration;

use menshen_domain::User;
use menshen_domain::credential::PasswordHash;
use menshen_store::{Sessionless, Target};
use menshen_token::{AccessToken, Reason};
use rstest::rstest;

use crate::database::Kind;
use crate::scene::{ALL, START, Scene, jti, token};

const MINUTE: Duration = Duration::from_mins(1);

impl Scene {
    async fn sessionless(&self, proven: &User) -> Option<Sessionless> {
        self.store.issue_sessionless(proven, MINUTE, START).await.expect("judged")
    }

    /// A token that no session stands behind, of a user who has nothing else.
    async fn lonely(&self, name: &str) -> (User, AccessToken) {
        let ada = self.user(name).await;
        let given = self.sessionless(&ada).await.expect("given");
        assert_eq!((given.issued_at, given.expires_at), (START, START + MINUTE));
        let (other, app) = (self.user(&format!("{name}'s model")).await, self.app(name).await);
        let model = token(&self.sign_in(&other, &app, START).await);
        let token = AccessToken {
            subject: ada.id.clone(),
            issued_at: given.issued_at,
            expires_at: given.expires_at,
            jti: jti(),
            session_id: None,
            grant_id: None,
            ..model
        };
        (ada, token)
    }

    async fn app(&self, name: &str) -> menshen_domain::Client {
        self.client(&format!("app-{name}"), menshen_domain::client::ClientPolicy::default()).await
    }

    async fn revoked(&self, token: &AccessToken) -> Option<Reason> {
        self.store.is_revoked(token, START).await.expect("answers")
    }
}

#[rstest]
#[tokio::test]
async fn whatever_ends_all_that_a_user_has_ends_tokens_without_a_session(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    for reason in [
        Reason::LogoutEverywhere,
        Reason::PasswordChanged,
        Reason::UserDisabled,
        Reason::ClaimsChanged,
    ] {
        let (user, token) = scene.lonely(reason.as_str()).await;
        assert_eq!(scene.revoked(&token).await, None, "{reason:?}");
        let sessions = scene.store.list_sessions(&user.id, &ALL).await.expect("lists");
        assert!(sessions.is_empty(), "a request is no sign-in");
        let receipt = match reason {
            Reason::LogoutEverywhere => {
                let target = Target::User(user.id.clone());
                scene.store.revoke(&target, reason, START).await.expect("ended")
            }
            Reason::PasswordChanged => {
                let hash = PasswordHash::from_stored("new".to_owned());
                let changed =
                    scene.store.change_password(&user.id, None, &hash.clone().into(), START).await;
                changed.expect("changed").expect("is somebody")
            }
            Reason::UserDisabled => {
                let disabled = scene.store.disable_user(&user.id, START).await;
                disabled.expect("disabled").expect("is somebody")
            }
            _ => {
                let roles = ["editor".to_owned()];
                let changed = scene.store.change_claims(&user.id, Some(&roles), None, START).await;
                changed.expect("changed").expect("is somebody")
            }
        };
        let rule = receipt.appended.expect("a rule for every verifier");
        assert!(rule.revocation.kills(&token), "{reason:?}");
        assert!(rule.expires_at > token.expires_at, "{reason:?}");
        assert_eq!(scene.revoked(&token).await, Some(reason));
        let is_later = scene.sessionless(&user).await;
        let lives_on = reason == Reason::ClaimsChanged;
        assert_eq!(is_later.is_some(), lives_on, "what was proven before is worth nothing");
        if let Some(later) = is_later {
            assert!(!rule.revocation.kills(&AccessToken { issued_at: later.issued_at, ..token }));
        }
    }
}

#[rstest]
#[tokio::test]
async fn ending_all_twice_appends_one_rule(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let (user, _) = scene.lonely("ada").await;
    let target = Target::User(user.id.clone());
    let end = || scene.store.revoke(&target, Reason::Admin, START);
    assert!(end().await.expect("ended").appended.is_some());
    assert!(end().await.expect("ended").appended.is_none());
    let ben = scene.user("ben").await;
    scene.store.issue_sessionless(&ben, MINUTE, START).await.expect("judged").expect("given");
    let later = START + MINUTE * 10;
    let late = scene.store.revoke(&Target::User(ben.id), Reason::Admin, later).await;
    assert!(late.expect("ended").appended.is_none(), "nothing is left that could be alive");
}
