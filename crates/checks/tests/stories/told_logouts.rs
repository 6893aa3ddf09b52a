//! Back-channel logout: a client that wants to know of a logout hears of it until it has confirmed
//! it, and never again.

use std::collections::HashSet;
use std::time::Duration;

use menshen_token::jws::Compact;
use menshen_token::{Algorithm, Claims, ForeignKeys};
use serde_json::{Value, json};

use crate::harness::{
    App, Database, Manner, Operator, Receiver, Server, Setup, Told, app_policy, free_address,
    session_of, until,
};

/// Longer than the lease of a delivery whose server was killed.
const SOON: Duration = Duration::from_mins(2);

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_was_down_across_restarts_confirms_each_logout_once() {
    let mut scene = Scene::begin().await;
    let shop = Receiver::down(free_address());
    scene.register("shop", &shop.uri()).await;
    let mut sessions = scene.log_out("shop", 2).await;
    for _ in 0..2 {
        scene.until_tried(&sessions).await;
        scene.server.kill();
        scene.server.launch().await;
        sessions.extend(scene.log_out("shop", 2).await);
    }
    scene.until_tried(&sessions).await;
    shop.behave(Manner::Status(503));
    shop.start().await;
    until("it refused each of them", SOON, async || {
        let refused: HashSet<String> =
            shop.told().iter().map(|told| told.session().to_owned()).collect();
        sessions.iter().all(|session| refused.contains(session))
    })
    .await;
    shop.behave(Manner::Status(204));
    scene.until_delivered(&sessions).await;
    // What comes later is delivered; what was confirmed does not come again.
    let later = scene.log_out("shop", 1).await;
    scene.until_delivered(&later).await;
    for session in sessions.iter().chain(&later) {
        assert_eq!(shop.confirmations(session), 1, "{session}");
    }
    let keys = scene.keys().await;
    let told = shop.told();
    let ids: HashSet<&str> = told.iter().map(|told| scene.check(told, &keys)).collect();
    assert_eq!(ids.len(), told.len(), "a new token for each attempt");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_never_answers_holds_up_nobody_else() {
    let scene = Scene::begin().await;
    let silent = Receiver::up(free_address(), Manner::Silence).await;
    let shop = Receiver::up(free_address(), Manner::Status(200)).await;
    scene.register("silent", &silent.uri()).await;
    scene.register("shop", &shop.uri()).await;
    let unheard = scene.log_out("silent", 6).await;
    until("it is being told", SOON, async || !silent.told().is_empty()).await;
    let heard = scene.log_out("shop", 3).await;
    scene.until_delivered(&heard).await;
    for session in &unheard {
        assert_ne!(scene.delivery(session).await["state"], "delivered");
    }
    until("the silence counts as a failure", SOON, async || {
        let problem = scene.delivery(&unheard[0]).await["last_problem"].clone();
        problem.as_str().is_some_and(|problem| problem.contains("no usable answer"))
    })
    .await;
    silent.behave(Manner::Status(200));
    scene.until_delivered(&unheard).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_success_counts_and_a_redirect_is_not_followed() {
    let scene = Scene::begin().await;
    let elsewhere = Receiver::up(free_address(), Manner::Status(200)).await;
    let manners = [
        ("refuses", Manner::Status(400), "it answered with status 400"),
        ("fails", Manner::Status(500), "it answered with status 500"),
        ("redirects", Manner::Redirect(elsewhere.uri()), "it answered with status 302"),
    ];
    for (client, manner, problem) in manners {
        let receiver = Receiver::up(free_address(), manner).await;
        scene.register(client, &receiver.uri()).await;
        let sessions = scene.log_out(client, 1).await;
        until("it was tried again", SOON, async || receiver.told().len() > 2).await;
        let delivery = scene.delivery(&sessions[0]).await;
        assert_eq!(
            (delivery["state"].as_str(), delivery["last_problem"].as_str()),
            (Some("queued"), Some(problem))
        );
        receiver.behave(Manner::Status(200));
        scene.until_delivered(&sessions).await;
        assert_eq!(receiver.confirmations(&sessions[0]), 1);
    }
    assert!(elsewhere.told().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_private_is_told_unless_the_operator_allows_it() {
    let scene =
        Scene::on(Setup::on(Database::Sqlite).with("BACKCHANNEL_RETRY_AFTER", "20ms")).await;
    let here = Receiver::up(free_address(), Manner::Status(200)).await;
    let port = here.uri();
    let port = port.trim_start_matches("http://127.0.0.1");
    for (number, host) in ["http://127.0.0.1", "http://localhost"].into_iter().enumerate() {
        let client = format!("client-{number}");
        scene.register(&client, &format!("{host}{port}")).await;
        let sessions = scene.log_out(&client, 1).await;
        scene.until_tried(&sessions).await;
        let problem = scene.delivery(&sessions[0]).await["last_problem"].clone();
        let problem = problem.as_str().unwrap_or_default();
        assert!(
            ["the address is not public", "the host has no public address"].contains(&problem),
            "{host}: {problem}"
        );
    }
    for private in ["https://10.0.0.1/", "https://169.254.169.254/latest/", "https://[::1]/"] {
        let client = format!("client-at-{}", private.len());
        scene.register(&client, private).await;
        let sessions = scene.log_out(&client, 1).await;
        scene.until_tried(&sessions).await;
        let problem = scene.delivery(&sessions[0]).await["last_problem"].clone();
        assert_eq!(problem, "the address is not public", "{private}");
    }
    assert!(here.told().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_gone_is_not_told_any_more() {
    let scene = Scene::begin().await;
    let shop = Receiver::up(free_address(), Manner::Status(500)).await;
    scene.register("shop", &shop.uri()).await;
    let sessions = scene.log_out("shop", 1).await;
    scene.until_tried(&sessions).await;
    scene.operator.disable_client("shop").await.ok();
    until("it is given up", SOON, async || {
        scene.delivery(&sessions[0]).await["state"] == "abandoned"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_tell_of_a_logout_once() {
    let database = Database::postgres();
    let setup = Setup::on(database).with("OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8");
    let scene = Scene::on(setup.clone()).await;
    let issuer = scene.server.issuer.clone();
    let _other = setup.issued_by(issuer).start_beside(&scene.server).await;
    let shop = Receiver::up(free_address(), Manner::Status(200)).await;
    scene.register("shop", &shop.uri()).await;
    let sessions = scene.log_out("shop", 20).await;
    scene.until_delivered(&sessions).await;
    for session in &sessions {
        assert_eq!(shop.confirmations(session), 1, "{session}");
    }
    assert_eq!(shop.told().len(), sessions.len());
}

struct Scene {
    server: Server,
    operator: Operator,
    user: String,
}

impl Scene {
    async fn begin() -> Self {
        let setup = Setup::on(Database::Sqlite)
            .with("BACKCHANNEL_RETRY_AFTER", "20ms")
            .with("OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8");
        Self::on(setup).await
    }

    async fn on(setup: Setup) -> Self {
        let server = setup.start().await;
        let operator = server.operator().await;
        let user = operator.add_user("ada", "a password").await;
        Self { server, operator, user }
    }

    async fn register(&self, client: &str, uri: &str) {
        let body = json!({
            "id": client,
            "name": client,
            "metadata": { "backchannel_logout_uri": uri },
            "policy": app_policy(&Value::Null),
        });
        self.operator.post("/admin/clients", &body).await.ok();
    }

    /// Signs in and out so often; the sessions.
    async fn log_out(&self, client: &str, times: usize) -> Vec<String> {
        let app = App::public(self.server.site(), client);
        let mut sessions = Vec::new();
        for _ in 0..times {
            let tokens = app.sign_in("ada", "a password").await;
            let answer = app.log_out(&tokens.refresh, "device").await.ok();
            let queued = json!([{ "client_id": client, "state": "queued" }]);
            assert_eq!(answer.body["backchannel"], queued, "{}", answer.text);
            sessions.push(session_of(&tokens.access));
        }
        sessions
    }

    /// The one delivery of a session.
    async fn delivery(&self, session: &str) -> Value {
        let path = format!("/admin/sessions/{session}/deliveries");
        let answer = self.operator.send(reqwest::Method::GET, &path, &Value::Null).await.ok();
        let deliveries = answer.body["deliveries"].as_array().expect("a list");
        assert_eq!(deliveries.len(), 1, "{}", answer.text);
        deliveries[0].clone()
    }

    async fn until_tried(&self, sessions: &[String]) {
        for session in sessions {
            until("it was tried in vain", SOON, async || {
                self.delivery(session).await["last_problem"].is_string()
            })
            .await;
        }
    }

    async fn until_delivered(&self, sessions: &[String]) {
        for session in sessions {
            until("it is delivered", SOON, async || {
                self.delivery(session).await["state"] == "delivered"
            })
            .await;
        }
    }

    async fn keys(&self) -> ForeignKeys {
        let document = self.server.site().get("/jwks", &[]).await.expect("it answers").ok();
        ForeignKeys::from_json(document.text.as_bytes()).expect("a key set")
    }

    /// What Back-Channel Logout 1.0 section 2.4 asks for; `jti`.
    fn check<'a>(&self, told: &'a Told, keys: &ForeignKeys) -> &'a str {
        assert_eq!(told.form.len(), 1, "{:?}", told.form);
        assert_eq!(told.form[0].0, "logout_token");
        let token = Compact::parse(told.token(), 4_096).expect("a token");
        assert!(token.header.is_type("logout+jwt"));
        keys.verify(&token, &[Algorithm::RS256]).expect("by a key that is published");
        let claims = Claims::parse(&token.payload).expect("claims");
        let text = |name| claims.text(name).expect("a text").unwrap_or_default();
        assert_eq!(text("iss"), self.server.issuer);
        assert_eq!(claims.audience(), Ok(vec!["shop"]));
        assert_eq!(text("sub"), self.user);
        assert_eq!(claims.find("events"), Some(&json!({ EVENT: {} })));
        assert_eq!(claims.find("nonce"), None);
        let instant = |name| claims.instant(name).expect("an instant").expect("is there");
        assert_eq!(instant("iat") + Duration::from_mins(2), instant("exp"));
        told.claims["jti"].as_str().expect("is there")
    }
}
