//! Every way to end something: what it ends and what it leaves, the reason it gives, the receipt
//! it answers with. For apps that sign in by themselves; those that share a browser's session, and
//! grants that outlive it, are in `logouts.rs`.

use std::time::Duration;

use menshen_verifier::token::Reason;
use menshen_verifier::{Policy, Rejection, Verifier};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    Answer, App, Database, Operator, Server, Setup, Tokens, app_policy, session_of, until,
};

const SOON: Duration = Duration::from_secs(20);

/// What stays alive after an end: this session, the same app elsewhere, another app of the user,
/// another user of the app.
type Left = [bool; 4];

const THIS_SESSION: Left = [false, true, true, true];
const THIS_APP: Left = [false, false, true, false];
const EVERYWHERE: Left = [false, false, false, true];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_to_end_ends_what_it_should_for_its_own_reason() {
    let scene = Scene::begin().await;
    let ways: [(Way, Reason, Left); 16] = [
        (Way::Logout("app"), Reason::Logout, THIS_SESSION),
        (Way::Logout("device"), Reason::Logout, THIS_SESSION),
        (Way::Logout("everywhere"), Reason::LogoutEverywhere, EVERYWHERE),
        (Way::ByHandle, Reason::Logout, THIS_SESSION),
        (Way::ByAccessToken, Reason::Logout, THIS_SESSION),
        (Way::BySupersededToken, Reason::Logout, THIS_SESSION),
        (Way::FromOtherDevice, Reason::RemoteLogout, THIS_SESSION),
        (Way::RevokeRefreshToken, Reason::TokenRevoked, THIS_SESSION),
        (Way::RevokeAccessToken, Reason::TokenRevoked, THIS_SESSION),
        (Way::ChangePassword, Reason::PasswordChanged, EVERYWHERE),
        (Way::DisableUser, Reason::UserDisabled, EVERYWHERE),
        (Way::DisableClient, Reason::ClientDisabled, THIS_APP),
        (Way::AdminEndsOne, Reason::Admin, THIS_SESSION),
        (Way::AdminEndsAll, Reason::Admin, EVERYWHERE),
        (Way::Replay, Reason::RefreshTokenReuse, THIS_SESSION),
        (Way::ReplayCode, Reason::AuthorizationCodeReuse, THIS_SESSION),
    ];
    for (number, (way, reason, left)) in ways.into_iter().enumerate() {
        let cast = scene.cast(number, &json!({})).await;
        let position = scene.operator.position().await;
        let answer = cast.end(&scene, way).await;
        scene.check(&cast, way, reason, left, position).await;
        if let Some(answer) = answer {
            check_receipt(&answer, way, left);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_sign_in_ends_what_the_policy_says() {
    let scene = Scene::begin().await;
    let policies = [
        (json!("single_device"), Reason::SignedInElsewhere, 1),
        (json!({ "limit": 2 }), Reason::SessionLimit, 2),
    ];
    for (policy, reason, sessions) in policies {
        let id = format!("client-{reason}");
        scene.operator.add_app(&id, &app_policy(&json!({ "sessions": policy }))).await;
        let app = App::public(scene.server.site(), &id);
        scene.operator.add_user(&id, "a password").await;
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(app.sign_in(&id, "a password").await);
        }
        let newest = held.split_off(held.len() - sessions);
        for tokens in &held {
            scene.is_dead_for(&app, tokens, reason).await;
        }
        for tokens in &newest {
            assert!(scene.operator.is_active(&tokens.access).await, "{reason}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_dies_of_disuse_and_of_age() {
    let scene = Scene::begin().await;
    let lifetimes = [
        ("idle_lifetime_ms", Reason::IdleTimeout),
        ("absolute_lifetime_ms", Reason::AbsoluteTimeout),
    ];
    for (lifetime, reason) in lifetimes {
        let id = format!("client-{reason}");
        let policy = json!({ lifetime: 1_500, "access_token_lifetime_ms": 1_000 });
        scene.operator.add_app(&id, &app_policy(&policy)).await;
        let app = App::public(scene.server.site(), &id);
        scene.operator.add_user(&id, "a password").await;
        let tokens = app.sign_in(&id, "a password").await;
        until("its time is over", SOON, async || !scene.operator.is_active(&tokens.refresh).await)
            .await;
        let answer = app.refresh(&tokens.refresh, None).await;
        assert!(answer.is_refusal(), "{}", answer.text);
        assert_eq!(answer.text("reason"), reason.as_str());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emergencies_kill_access_tokens_and_leave_sessions() {
    let mut scene = Scene::begin().await;
    let emergencies = [Reason::ClaimsChanged, Reason::AllRevoked, Reason::KeyRevoked];
    for (number, reason) in emergencies.into_iter().enumerate() {
        let cast = scene.cast(number, &json!({})).await;
        let position = scene.operator.position().await;
        match reason {
            Reason::ClaimsChanged => scene.operator.change_roles(&cast.user, &["cook"]).await,
            Reason::AllRevoked => scene.operator.revoke_all().await,
            _ => scene.operator.revoke_active_key().await,
        }
        .ok();
        // The operator's token was one of those that died.
        scene.operator = scene.server.operator().await;
        until("the verifier refuses", SOON, async || {
            let answer = scene.verifier.verify(&cast.here.access);
            // A withdrawn key may be gone before it is looked up among the revoked ones.
            matches!(answer, Err(Rejection::Revoked | Rejection::UnknownKey))
        })
        .await;
        assert!(!scene.operator.is_active(&cast.here.access).await, "{reason}");
        let (entries, _) = scene.operator.log_after(position).await;
        assert!(entries.iter().all(|entry| entry["reason"] == reason.as_str()), "{entries:?}");
        let renewed = Tokens::of(&cast.app.refresh(&cast.here.refresh, None).await);
        assert!(scene.operator.is_active(&renewed.access).await, "{reason}: the session lives");
        until("the verifier takes the new token", SOON, async || {
            scene.verifier.verify(&renewed.access).is_ok()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ending_twice_is_a_success_that_ends_nothing() {
    let scene = Scene::begin().await;
    let cast = scene.cast(0, &json!({})).await;
    cast.app.log_out(&cast.here.refresh, "device").await.ok();
    let (_, position) = scene.operator.log_after(0).await;
    for token in [&cast.here.refresh, &cast.here.access, &cast.here.handle] {
        let again = cast.app.log_out(token, "device").await.ok();
        assert_eq!(again.number("/ended/sessions"), 0, "{}", again.text);
        assert_eq!(again.number("/ended/grants"), 0, "{}", again.text);
    }
    cast.app.revoke(&cast.here.refresh).await.ok();
    assert_eq!(scene.operator.position().await, position, "nothing was appended");
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Logout(&'static str),
    ByHandle,
    ByAccessToken,
    BySupersededToken,
    FromOtherDevice,
    RevokeRefreshToken,
    RevokeAccessToken,
    ChangePassword,
    DisableUser,
    DisableClient,
    AdminEndsOne,
    AdminEndsAll,
    Replay,
    ReplayCode,
}

fn check_receipt(answer: &Answer, way: Way, left: Left) {
    let expected = left.iter().filter(|left| !**left).count() as u64;
    assert_eq!(answer.number("/ended/grants"), expected, "{way:?}: {}", answer.text);
    if way != Way::Logout("app") {
        assert_eq!(answer.number("/ended/sessions"), expected, "{way:?}: {}", answer.text);
    }
    assert_eq!(answer.number("/verifiers/connected"), 1, "{way:?}: {}", answer.text);
    assert_eq!(answer.number("/verifiers/acknowledged"), 1, "{way:?}: {}", answer.text);
    assert!(answer.number("/position") > 0);
}

struct Scene {
    server: Server,
    operator: Operator,
    verifier: Verifier,
}

/// The sessions of one row of the table.
struct Cast {
    app: App,
    other_app: App,
    client: String,
    user: String,
    username: String,
    code: String,
    here: Tokens,
    there: Tokens,
    other: Tokens,
    neighbor: Tokens,
}

impl Scene {
    async fn begin() -> Self {
        let server = Setup::on(Database::Sqlite).start().await;
        let operator = server.operator().await;
        let verifier = server.verifier(Policy::Refuse).start().expect("it can start");
        verifier.ready().await;
        Self { server, operator, verifier }
    }

    async fn cast(&self, number: usize, policy: &Value) -> Cast {
        let (client, username) = (format!("app-{number}"), format!("ada-{number}"));
        let (other_client, neighbor) = (format!("other-{number}"), format!("bob-{number}"));
        self.operator.add_app(&client, &app_policy(policy)).await;
        self.operator.add_app(&other_client, &app_policy(policy)).await;
        let user = self.operator.add_user(&username, "a password").await;
        self.operator.add_user(&neighbor, "a password").await;
        let app = App::public(self.server.site(), &client);
        let other_app = App::public(self.server.site(), &other_client);
        let code = app.challenge(&username, "a password", &[]).await.expect("it answers").ok();
        let code = code.text("authorization_code").to_owned();
        let here = Tokens::of(&app.redeem(&code).await.expect("it answers"));
        let there = app.sign_in(&username, "a password").await;
        let other = other_app.sign_in(&username, "a password").await;
        let neighbor = app.sign_in(&neighbor, "a password").await;
        Cast { app, other_app, client, user, username, code, here, there, other, neighbor }
    }

    async fn check(&self, cast: &Cast, way: Way, reason: Reason, left: Left, position: u64) {
        let (entries, head) = self.operator.log_after(position).await;
        assert!(!entries.is_empty(), "{way:?} appended nothing");
        assert!(entries.iter().all(|entry| entry["reason"] == reason.as_str()), "{entries:?}");
        until("the verifier is current", SOON, async || {
            self.verifier.status().applied.is_some_and(|applied| applied.0 >= head)
        })
        .await;
        let sessions = [&cast.here, &cast.there, &cast.other, &cast.neighbor];
        for (index, tokens) in sessions.into_iter().enumerate() {
            let which = format!("{way:?}, session {index}");
            let app = if index == 2 { &cast.other_app } else { &cast.app };
            if left[index] {
                self.verifier.verify(&tokens.access).unwrap_or_else(|no| panic!("{which}: {no}"));
                assert!(self.operator.is_active(&tokens.access).await, "{which}");
                Tokens::of(&app.refresh(&tokens.refresh, None).await);
            } else {
                self.is_dead_for(app, tokens, reason).await;
            }
        }
    }

    async fn is_dead_for(&self, app: &App, tokens: &Tokens, reason: Reason) {
        assert!(!self.operator.is_active(&tokens.access).await, "{reason}");
        assert!(!self.operator.is_active(&tokens.refresh).await, "{reason}");
        assert!(!app.is_known(&tokens.access).await, "{reason}");
        until("the verifier refuses", SOON, async || {
            matches!(self.verifier.verify(&tokens.access), Err(Rejection::Revoked))
        })
        .await;
        let answer = app.refresh(&tokens.refresh, None).await;
        if reason == Reason::ClientDisabled {
            assert_eq!((answer.status, answer.error()), (401, "invalid_client"), "{}", answer.text);
        } else {
            assert!(answer.is_refusal(), "{reason}: {}", answer.text);
            assert_eq!(answer.text("reason"), reason.as_str());
            assert_eq!(answer.text("reason_description"), reason.sentence());
        }
    }
}

impl Cast {
    /// Ends in this way; the receipt, for those that answer with one.
    async fn end(&self, scene: &Scene, way: Way) -> Option<Answer> {
        let Self { app, here, there, .. } = self;
        match way {
            Way::Logout(depth) => Some(self.log_out(&here.refresh, depth).await),
            Way::ByHandle => Some(self.log_out(&here.handle, "device").await),
            Way::ByAccessToken => Some(self.log_out(&here.access, "device").await),
            Way::BySupersededToken => {
                Tokens::of(&app.refresh(&here.refresh, None).await);
                Some(self.log_out(&here.refresh, "device").await)
            }
            Way::FromOtherDevice => {
                let path = format!("/account/sessions/{}", session_of(&here.access));
                app.account(Method::DELETE, &path, &there.access, &Value::Null).await.ok();
                None
            }
            Way::RevokeRefreshToken => end_silently(app.revoke(&here.refresh).await),
            Way::RevokeAccessToken => end_silently(app.revoke(&here.access).await),
            Way::ChangePassword => {
                let body = json!({ "current_password": "a password", "new_password": "a new one" });
                let path = "/account/password";
                end_silently(app.account(Method::POST, path, &here.access, &body).await)
            }
            Way::DisableUser => end_silently(scene.operator.disable_user(&self.user).await),
            Way::DisableClient => end_silently(scene.operator.disable_client(&self.client).await),
            Way::AdminEndsOne => {
                end_silently(scene.operator.end_session(&session_of(&here.access)).await)
            }
            Way::AdminEndsAll => end_silently(scene.operator.end_sessions_of(&self.user).await),
            Way::Replay => {
                Tokens::of(&app.refresh(&here.refresh, Some("the-victim")).await);
                assert!(app.refresh(&here.refresh, Some("a-thief")).await.is_refusal());
                None
            }
            Way::ReplayCode => {
                assert!(app.redeem(&self.code).await.expect("it answers").is_refusal());
                None
            }
        }
    }

    async fn log_out(&self, token: &str, depth: &str) -> Answer {
        let form = [("token", token), ("depth", depth)];
        let wait = [("prefer", "wait=10")];
        let answer = self.app.site.form("/account/logout", &form, &wait).await;
        let answer = answer.expect("it answers").ok();
        assert!(answer.header("preference-applied").starts_with("wait"), "{}", self.username);
        answer
    }
}

fn end_silently(answer: Answer) -> Option<Answer> {
    answer.ok();
    None
}
