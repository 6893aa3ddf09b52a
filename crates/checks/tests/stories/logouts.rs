//! Every kind of logout, for apps that share a browser's session: after it nothing that an app
//! held is worth anything, at the provider or at a verifier; what should stay, stays; and those are
//! told that should be.

use std::time::Duration;

use menshen_domain::Secret;
use menshen_store::{Store, StoreOptions};
use menshen_token::{Clock as _, SystemClock};
use menshen_verifier::{Policy, Rejection, Verifier};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    Browser, Database, Kept, Manner, Operator, Receiver, SIGNED_OUT, Server, Setup, WebApp,
    free_address, sent, session_of, until, with_query,
};

const SOON: Duration = Duration::from_secs(20);
const PASSWORD: &str = "a password";

/// What stays alive: of this browser's session the grants of our own app, of a third party's and
/// of a third party's for offline access; our own app in another browser; and that of another user.
type Left = [bool; 5];

const OWN_APP: Left = [false, true, true, true, true];
const THIRD_PARTY: Left = [true, false, true, true, true];
const OFFLINE: Left = [true, true, false, true, true];
const DEVICE: Left = [false, false, true, true, true];
const WHOLE_SESSION: Left = [false, false, false, true, true];
const EVERYWHERE: Left = [false, false, false, false, true];

const NOBODY: &[&str] = &[];
const ALL: &[&str] = &["offline", "own", "third"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    RevokeRefreshToken,
    RevokeAccessToken,
    RevokeOffline,
    Logout(&'static str),
    LogoutOffline,
    RpInitiated,
    RpInitiatedAndConfirmed,
    DeleteSession,
    ChangePassword,
    AdminEndsOne,
    AdminEndsAll,
    DisableUser,
    Reuse,
    ReuseOffline,
    ReplayCode,
    WithdrawConsent,
    WithdrawOfflineConsent,
}

const WAYS: [(Way, Left, &[&str]); 19] = [
    (Way::RevokeRefreshToken, OWN_APP, NOBODY),
    (Way::RevokeAccessToken, THIRD_PARTY, NOBODY),
    (Way::RevokeOffline, OFFLINE, NOBODY),
    (Way::Logout("app"), OWN_APP, NOBODY),
    (Way::Logout("device"), DEVICE, ALL),
    (Way::Logout("everywhere"), EVERYWHERE, ALL),
    (Way::LogoutOffline, WHOLE_SESSION, ALL),
    (Way::RpInitiated, DEVICE, ALL),
    (Way::RpInitiatedAndConfirmed, DEVICE, ALL),
    (Way::DeleteSession, DEVICE, ALL),
    (Way::ChangePassword, EVERYWHERE, ALL),
    (Way::AdminEndsOne, DEVICE, ALL),
    (Way::AdminEndsAll, EVERYWHERE, ALL),
    (Way::DisableUser, EVERYWHERE, ALL),
    (Way::Reuse, WHOLE_SESSION, ALL),
    (Way::ReuseOffline, OFFLINE, &["offline"]),
    (Way::ReplayCode, THIRD_PARTY, &["third"]),
    (Way::WithdrawConsent, THIRD_PARTY, &["third"]),
    (Way::WithdrawOfflineConsent, OFFLINE, &["offline"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_an_app_held_survives_the_logout_that_ended_it() {
    let scene = Scene::begin().await;
    for (number, (way, left, told)) in WAYS.into_iter().enumerate() {
        let mut cast = scene.cast(number).await;
        scene.end(&mut cast, way).await;
        scene.check(&mut cast, way, left).await;
        scene.check_told(&cast, way, told).await;
    }
    let sessions_told = scene.receiver.told().len();
    assert!(sessions_told > 0);
}

struct Scene {
    server: Server,
    operator: Operator,
    verifier: Verifier,
    receiver: Receiver,
    /// Ours, a third party's, and a third party's that works offline.
    apps: [WebApp; 3],
}

/// Who is signed in where.
struct Cast {
    username: String,
    user: String,
    browser: Browser,
    /// In the order of [`Left`].
    kept: [Kept; 5],
}

impl Cast {
    fn session(&self) -> String {
        session_of(&self.kept[0].id_token)
    }
}

impl Scene {
    async fn begin() -> Self {
        let setup = Setup::on(Database::Sqlite).with("OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8");
        let server = setup.start().await;
        let operator = server.operator().await;
        let receiver = Receiver::up(free_address(), Manner::Status(200)).await;
        let register = async |id, scope, first_party: bool| {
            let traits = (&json!(first_party), receiver.uri());
            WebApp::register(&operator, server.site(), id, scope, (traits.0, &traits.1)).await
        };
        let apps = [
            register("own", "openid account", true).await,
            register("third", "openid", false).await,
            register("offline", "openid offline_access", false).await,
        ];
        let verifier = server.verifier(Policy::Refuse).start().expect("it can start");
        verifier.ready().await;
        Self { server, operator, verifier, receiver, apps }
    }

    async fn cast(&self, number: usize) -> Cast {
        let (username, neighbor) = (format!("ada-{number}"), format!("bob-{number}"));
        let user = self.operator.add_user(&username, PASSWORD).await;
        self.operator.add_user(&neighbor, PASSWORD).await;
        let mut browser = Browser::new(self.server.site());
        let [own, third, offline] = &self.apps;
        let here = own.enter(&mut browser, &username, PASSWORD).await;
        let at_third = third.enter(&mut browser, &username, PASSWORD).await;
        let at_offline = offline.enter(&mut browser, &username, PASSWORD).await;
        let mut other = Browser::new(self.server.site());
        let there = own.enter(&mut other, &username, PASSWORD).await;
        let mut theirs = Browser::new(self.server.site());
        let bobs = own.enter(&mut theirs, &neighbor, PASSWORD).await;
        let kept = [here, at_third, at_offline, there, bobs];
        for one in &kept[1..3] {
            let sid = session_of(&one.id_token);
            assert_eq!(sid, session_of(&kept[0].id_token), "one sign-in for all");
        }
        Cast { username, user, browser, kept }
    }

    async fn end(&self, cast: &mut Cast, way: Way) {
        let [own, third, offline] = &self.apps;
        let [here, at_third, at_offline, there, _] = &cast.kept;
        let latest = |kept: &Kept| kept.refresh.last().expect("it has some").clone();
        match way {
            Way::RevokeRefreshToken => drop(own.revoke(&latest(here)).await.ok()),
            Way::RevokeAccessToken => drop(third.revoke(&at_third.access).await.ok()),
            Way::RevokeOffline => drop(offline.revoke(&latest(at_offline)).await.ok()),
            Way::Logout(depth) => {
                self.log_out(&here.access, depth).await;
            }
            Way::LogoutOffline => self.log_out(&at_offline.access, "device").await,
            Way::RpInitiated => {
                let query = [
                    ("id_token_hint", here.id_token.as_str()),
                    ("post_logout_redirect_uri", SIGNED_OUT),
                    ("state", "a state"),
                ];
                let answer = cast.browser.get(&with_query("/logout", &query)).await;
                assert!(answer.header("location").starts_with(SIGNED_OUT), "{}", answer.text);
                assert_eq!(sent(&answer).remove("state").as_deref(), Some("a state"));
            }
            Way::RpInitiatedAndConfirmed => {
                let page = cast.browser.get("/logout").await;
                let decision = [("decision", "sign_out")];
                let page = cast.browser.submit(&page, "/logout/confirm", &decision).await.ok();
                assert!(page.text.contains(&cast.username), "{}", page.text);
            }
            Way::DeleteSession => {
                let path = format!("/account/sessions/{}", cast.session());
                self.account(Method::DELETE, &path, &there.access, &Value::Null).await;
            }
            Way::ChangePassword => {
                let body = json!({ "current_password": PASSWORD, "new_password": "a new one" });
                self.account(Method::POST, "/account/password", &here.access, &body).await;
            }
            Way::AdminEndsOne => drop(self.operator.end_session(&cast.session()).await.ok()),
            Way::AdminEndsAll => drop(self.operator.end_sessions_of(&cast.user).await.ok()),
            Way::DisableUser => drop(self.operator.disable_user(&cast.user).await.ok()),
            Way::Reuse => assert!(own.refresh(&here.refresh[0]).await.is_refusal()),
            Way::ReuseOffline => {
                assert!(offline.refresh(&at_offline.refresh[0]).await.is_refusal());
            }
            Way::ReplayCode => assert!(third.redeem(&at_third.code).await.is_refusal()),
            Way::WithdrawConsent => self.withdraw(cast, third).await,
            Way::WithdrawOfflineConsent => self.withdraw(cast, offline).await,
        }
    }

    async fn log_out(&self, access: &str, depth: &str) {
        let authorization = format!("Bearer {access}");
        let headers = [("authorization", authorization.as_str())];
        let site = self.server.site();
        site.form("/account/logout", &[("depth", depth)], &headers).await.expect("it answers").ok();
    }

    async fn account(&self, method: Method, path: &str, access: &str, body: &Value) {
        let authorization = format!("Bearer {access}");
        let headers = [("authorization", authorization.as_str())];
        self.server.site().json(method, path, body, &headers).await.expect("it answers").ok();
    }

    /// By a process beside the server, on its database.
    async fn withdraw(&self, cast: &Cast, app: &WebApp) {
        let options = StoreOptions {
            url: Secret::new(format!("sqlite://{}/menshen.db", self.server.data().display())),
            connections: 1,
            access_token_ceiling: Duration::from_hours(12),
        };
        let store = Store::open(&options).await.expect("opens");
        let user = cast.user.parse().expect("an id");
        let client = app.id.parse().expect("an id");
        let ended = store.withdraw_consent(&user, &client, SystemClock::new().now()).await;
        assert_eq!(ended.expect("withdrawn").len(), 1);
        store.close().await;
    }

    fn owner(&self, index: usize) -> &WebApp {
        &self.apps[if index < 3 { index } else { 0 }]
    }

    async fn check(&self, cast: &mut Cast, way: Way, left: Left) {
        let head = self.operator.position().await;
        until("the verifier is current", SOON, async || {
            self.verifier.status().applied.is_some_and(|applied| applied.0 >= head)
        })
        .await;
        for (index, kept) in cast.kept.iter().enumerate() {
            let which = format!("{way:?}, {index}");
            if left[index] {
                self.is_alive(self.owner(index), kept, &which).await;
            } else {
                self.is_dead(self.owner(index), kept, &which).await;
            }
        }
        let session_lives = matches!(
            way,
            Way::RevokeRefreshToken
                | Way::RevokeAccessToken
                | Way::RevokeOffline
                | Way::Logout("app")
                | Way::ReuseOffline
                | Way::ReplayCode
                | Way::WithdrawConsent
                | Way::WithdrawOfflineConsent
        );
        let hint = cast.kept[0].id_token.clone();
        let silent = self.apps[0].request(&[("prompt", "none"), ("id_token_hint", &hint)]);
        let answer = sent(&cast.browser.get(&silent).await);
        assert_eq!(answer.contains_key("code"), session_lives, "{way:?}: {answer:?}");
        // Whoever has only the hint is nobody.
        let stranger = sent(&Browser::new(self.server.site()).get(&silent).await);
        assert_eq!(stranger.get("error").map(String::as_str), Some("login_required"), "{way:?}");
    }

    async fn is_alive(&self, app: &WebApp, kept: &Kept, which: &str) {
        self.verifier.verify(&kept.access).unwrap_or_else(|no| panic!("{which}: {no}"));
        assert!(self.operator.is_active(&kept.access).await, "{which}");
        assert!(self.is_known(&kept.access).await, "{which}");
        app.refresh(kept.refresh.last().expect("it has some")).await.ok();
    }

    async fn is_dead(&self, app: &WebApp, kept: &Kept, which: &str) {
        let answer = self.verifier.verify(&kept.access);
        assert!(matches!(answer, Err(Rejection::Revoked)), "{which}: {answer:?}");
        assert!(!self.operator.is_active(&kept.access).await, "{which}");
        assert!(!self.is_known(&kept.access).await, "{which}");
        for token in &kept.refresh {
            assert!(!self.operator.is_active(token).await, "{which}");
            let answer = app.refresh(token).await;
            assert!(answer.is_refusal(), "{which}: {} {}", answer.status, answer.text);
        }
        let answer = app.redeem(&kept.code).await;
        assert!(answer.is_refusal(), "{which}: {} {}", answer.status, answer.text);
        assert!(!self.is_known(&kept.id_token).await, "{which}: an ID token opens nothing");
        assert!(!self.operator.is_active(&kept.id_token).await, "{which}");
        assert!(self.verifier.verify(&kept.id_token).is_err(), "{which}");
    }

    async fn is_known(&self, access: &str) -> bool {
        let authorization = format!("Bearer {access}");
        let headers = [("authorization", authorization.as_str())];
        self.server.site().get("/userinfo", &headers).await.expect("it answers").status == 200
    }

    /// Exactly these apps are told, and confirm it.
    async fn check_told(&self, cast: &Cast, way: Way, told: &[&str]) {
        let path = format!("/admin/sessions/{}/deliveries", cast.session());
        let mut clients = Vec::new();
        until("everybody is told", SOON, async || {
            let answer = self.operator.send(Method::GET, &path, &Value::Null).await.ok();
            let deliveries = answer.body["deliveries"].as_array().expect("a list").clone();
            let text = |delivery: &Value, name| delivery[name].as_str().unwrap_or("").to_owned();
            clients = deliveries.iter().map(|delivery| text(delivery, "client_id")).collect();
            deliveries.iter().all(|delivery| text(delivery, "state") == "delivered")
        })
        .await;
        clients.sort();
        assert_eq!(clients, told, "{way:?}");
        let session = cast.session();
        let heard = self.receiver.told().into_iter().filter(|told| told.session() == session);
        let mut heard: Vec<String> =
            heard.map(|told| told.claims["aud"].as_str().unwrap_or("").to_owned()).collect();
        heard.sort();
        assert_eq!(heard, told, "{way:?}");
    }
}
