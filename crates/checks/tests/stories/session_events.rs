//! An app that is open hears that its session was ended elsewhere, and why; and it hears nothing
//! that is not so.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{
    App, Database, Ear, Listens, Mode, Operator, Proxy, Server, Setup, Tokens, app_policy,
    session_of, until,
};

const SOON: Duration = Duration::from_secs(20);

/// How a session ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Logout,
    Everywhere,
    FromOtherDevice,
    RevokeRefreshToken,
    ChangePassword,
    DisableUser,
    DisableClient,
    Admin,
    Replay,
    ReplayCode,
    SignInAgain,
    ChangeRoles,
}

const ENDS: [(End, &str); 12] = [
    (End::Logout, "session_ended logout"),
    (End::Everywhere, "session_ended logout_everywhere"),
    (End::FromOtherDevice, "session_ended remote_logout"),
    (End::RevokeRefreshToken, "session_ended token_revoked"),
    (End::ChangePassword, "session_ended password_changed"),
    (End::DisableUser, "session_ended user_disabled"),
    (End::DisableClient, "session_ended client_disabled"),
    (End::Admin, "session_ended admin"),
    (End::Replay, "session_ended refresh_token_reuse"),
    (End::ReplayCode, "session_ended authorization_code_reuse"),
    (End::SignInAgain, "session_ended session_limit"),
    (End::ChangeRoles, "access_token_revoked"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_end_is_told_with_its_reason() {
    let server = Setup::on(Database::Sqlite).start().await;
    let operator = server.operator().await;
    for (number, (end, told)) in ENDS.into_iter().enumerate() {
        let cast = Cast::begin(&server, &operator, number).await;
        let base = server.site().base().to_owned();
        let mut ears = Vec::new();
        for way in Listens::ALL {
            ears.push(Ear::listening(way, &base, &cast.here.access).await);
        }
        let mut neighbor = Ear::listening(Listens::WebSocket, &base, &cast.neighbor.access).await;
        cast.end(&operator, end).await;
        for ear in &mut ears {
            assert_eq!(ear.last_words().await.as_deref(), Some(told), "{end:?}");
        }
        if !matches!(end, End::DisableClient) {
            cast.app.log_out(&cast.neighbor.handle, "device").await.ok();
            let first = neighbor.last_words().await;
            assert_eq!(first.as_deref(), Some("session_ended logout"), "{end:?} was not its own");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_by_time_is_told_too() {
    let server = Setup::on(Database::Sqlite).with("CLEAN_UP_EVERY", "1s").start().await;
    let operator = server.operator().await;
    operator.add_user("ada", "a password").await;
    for (lifetime, told) in [
        ("idle_lifetime_ms", "session_ended idle_timeout"),
        ("absolute_lifetime_ms", "session_ended absolute_timeout"),
    ] {
        let policy = json!({ lifetime: 3_000, "access_token_lifetime_ms": 2_000 });
        operator.add_app(lifetime, &app_policy(&policy)).await;
        let tokens = App::public(server.site(), lifetime).sign_in("ada", "a password").await;
        let base = server.site().base().to_owned();
        let mut ear = Ear::listening(Listens::ServerSent, &base, &tokens.access).await;
        assert_eq!(ear.last_words().await.as_deref(), Some(told));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_at_one_node_is_heard_at_another() {
    let setup = Setup::on(Database::postgres()).issued_by("https://login.example".to_owned());
    let a = setup.clone().start().await;
    let b = setup.start_beside(&a).await;
    let operator = a.operator().await;
    operator.add_user("ada", "a password").await;
    operator.add_app("app", &app_policy(&json!({}))).await;
    let app = App::public(a.site(), "app");
    let at_b = b.site().base().to_owned();
    let other = app.sign_in("ada", "a password").await;
    let mut others = Ear::listening(Listens::WebSocket, &at_b, &other.access).await;
    for _ in 0..10 {
        let tokens = app.sign_in("ada", "a password").await;
        let mut first = Ear::listening(Listens::ServerSent, &at_b, &tokens.access).await;
        let mut second = Ear::listening(Listens::WebSocket, &at_b, &tokens.access).await;
        let path = format!("/account/sessions/{}", session_of(&tokens.access));
        app.account(Method::DELETE, &path, &other.access, &Value::Null).await.ok();
        for ear in [&mut first, &mut second] {
            assert_eq!(ear.last_words().await.as_deref(), Some("session_ended remote_logout"));
        }
        assert_eq!(Ear::open(Listens::WebSocket, &at_b, &tokens.access).await.err(), Some(401));
    }
    // It would have heard of the others first.
    operator.end_session(&session_of(&other.access)).await.ok();
    assert_eq!(others.last_words().await.as_deref(), Some("session_ended admin"));
}

/// However the two meet, the app learns of the end: by a refusal, by its first event, or by its
/// second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_while_a_stream_is_opened_is_not_missed() {
    let postgres = Setup::on(Database::postgres()).issued_by("https://login.example".to_owned());
    let first = postgres.clone().start().await;
    let second = postgres.start_beside(&first).await;
    race(&first, &second, 25).await;
    let alone = Setup::on(Database::Sqlite).start().await;
    race(&alone, &alone, 35).await;
}

async fn race(ends: &Server, listens: &Server, rounds: usize) {
    let operator = ends.operator().await;
    operator.add_user("ada", "a password").await;
    operator.add_app("app", &app_policy(&json!({}))).await;
    let app = App::public(ends.site(), "app");
    let base = listens.site().base().to_owned();
    let mut seen = [0; 3];
    for round in 0..rounds {
        let signing_in = (0..4).map(|_| app.sign_in("ada", "a password"));
        let sessions = join_all(signing_in).await;
        let meetings = sessions.iter().enumerate().map(async |(index, tokens)| {
            let way = Listens::ALL[index % 2];
            // One or the other begins a few requests later, so that they meet everywhere.
            let (later_to_open, later_to_end) = (round % 4, round / 4 % 4);
            let opening = async {
                busy(&app, later_to_open).await;
                Ear::open(way, &base, &tokens.access).await
            };
            let (ear, ()) = tokio::join!(opening, async {
                busy(&app, later_to_end).await;
                app.log_out(&tokens.handle, "device").await.ok();
            });
            let mut ear = match ear {
                Err(status) => {
                    assert_eq!(status, 401);
                    return 0;
                }
                Ok(ear) => ear,
            };
            let mut heard = ear.hear().await;
            let was_ready = heard.as_deref() == Some("ready");
            if was_ready {
                heard = ear.hear().await;
            }
            assert_eq!(heard.as_deref(), Some("session_ended logout"), "round {round}");
            1 + usize::from(was_ready)
        });
        for outcome in join_all(meetings).await {
            seen[outcome] += 1;
        }
    }
    assert!(seen[0] > 0 && seen[2] > 0, "they met on both sides: {seen:?}");
}

async fn busy(app: &App, requests: usize) {
    for _ in 0..requests {
        app.site.get("/healthz", &[]).await.expect("it answers").ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_ends_no_session() {
    let database = Database::postgres();
    let proxy = Proxy::start(database.address()).await;
    let server = Setup::on(database.through(proxy.address)).start().await;
    let operator = server.operator().await;
    operator.add_user("ada", "a password").await;
    operator.add_app("app", &app_policy(&json!({}))).await;
    let app = App::public(server.site(), "app");
    let base = server.site().base().to_owned();
    let tokens = app.sign_in("ada", "a password").await;
    let mut ears = Vec::new();
    for way in Listens::ALL {
        ears.push(Ear::listening(way, &base, &tokens.access).await);
    }
    proxy.set(Mode::Cut);
    assert_eq!(Ear::open(Listens::ServerSent, &base, &tokens.access).await.err(), Some(503));
    proxy.set(Mode::Open);
    let ready =
        async || server.site().get("/readyz", &[]).await.is_ok_and(|answer| answer.status == 200);
    until("the server is ready again", SOON, ready).await;

    // It hears that something was, and cannot find out what.
    database.run(
        "ALTER TABLE sessions RENAME TO sessions_elsewhere; \
         UPDATE revocation_head SET seq = seq + 1; \
         INSERT INTO revocations \
         (seq, kind, before_ms, reason, appended_at_ms, expires_at_ms) \
         SELECT seq, 'all_before', now_ms, 'all_revoked', now_ms, now_ms + 600000 \
         FROM revocation_head, \
         (SELECT (extract(epoch FROM now()) * 1000)::bigint AS now_ms) AS clock",
    );
    for ear in &mut ears {
        assert_eq!(ear.hear().await, None, "not a word");
    }
    database.run("ALTER TABLE sessions_elsewhere RENAME TO sessions");
    let renewed = Tokens::of(&app.refresh(&tokens.refresh, None).await);
    let mut ear = Ear::listening(Listens::WebSocket, &base, &renewed.access).await;
    app.log_out(&tokens.handle, "device").await.ok();
    assert_eq!(ear.last_words().await.as_deref(), Some("session_ended logout"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_drowns_nobody_else() {
    let server = Setup::on(Database::Sqlite).start().await;
    let operator = server.operator().await;
    operator.add_app("app", &app_policy(&json!({}))).await;
    operator.add_user("ada", "a password").await;
    operator.add_user("mallory", "a password").await;
    let app = App::public(server.site(), "app");
    let base = server.site().base().to_owned();
    let ada = app.sign_in("ada", "a password").await;
    let mallory = app.sign_in("mallory", "a password").await;
    let mut ear = Ear::listening(Listens::WebSocket, &base, &ada.access).await;

    let opening = (0..40).map(|number| Ear::open(Listens::ALL[number % 2], &base, &mallory.access));
    let opened = join_all(opening).await;
    assert!(opened.iter().filter_map(|ear| ear.as_ref().err()).all(|status| *status == 429));
    assert_eq!(opened.iter().filter(|ear| ear.is_ok()).count(), 8);
    drop(opened);
    let streams = async || server.metric("menshen_session_event_streams", "").await;
    until("their places are free", SOON, async || streams().await == 1).await;

    let floods = [
        vec![Message::text("x".repeat(600))],
        vec![Message::text("x".repeat(16 * 1024 * 1024))],
        vec![Message::text("x"); 100],
        vec![Message::Ping(Vec::new().into()); 100],
    ];
    for flood in floods {
        let mut noisy = Ear::listening(Listens::WebSocket, &base, &mallory.access).await;
        for message in flood {
            if !noisy.say(message).await {
                break;
            }
        }
        assert_eq!(noisy.hear().await, None, "it is not listened to for long");
    }
    until("their places are free", SOON, async || streams().await == 1).await;
    assert!(app.is_known(&mallory.access).await, "and has ended nothing");

    app.log_out(&ada.handle, "device").await.ok();
    assert_eq!(ear.last_words().await.as_deref(), Some("session_ended logout"));
}

/// The people and sessions of one end.
struct Cast {
    app: App,
    client: String,
    user: String,
    username: String,
    code: String,
    here: Tokens,
    there: Tokens,
    neighbor: Tokens,
}

impl Cast {
    async fn begin(server: &Server, operator: &Operator, number: usize) -> Self {
        let (client, username) = (format!("app-{number}"), format!("ada-{number}"));
        operator.add_app(&client, &app_policy(&json!({ "sessions": { "limit": 2 } }))).await;
        let user = operator.add_user(&username, "a password").await;
        let neighbor = format!("bob-{number}");
        operator.add_user(&neighbor, "a password").await;
        let app = App::public(server.site(), &client);
        let code = app.challenge(&username, "a password", &[]).await.expect("it answers").ok();
        let code = code.text("authorization_code").to_owned();
        let here = Tokens::of(&app.redeem(&code).await.expect("it answers"));
        let there = app.sign_in(&username, "a password").await;
        let neighbor = app.sign_in(&neighbor, "a password").await;
        Self { app, client, user, username, code, here, there, neighbor }
    }

    async fn end(&self, operator: &Operator, end: End) {
        let Self { app, here, there, .. } = self;
        match end {
            End::Logout => app.log_out(&here.handle, "device").await,
            End::Everywhere => app.log_out(&there.refresh, "everywhere").await,
            End::FromOtherDevice => {
                let path = format!("/account/sessions/{}", session_of(&here.access));
                app.account(Method::DELETE, &path, &there.access, &Value::Null).await
            }
            End::RevokeRefreshToken => app.revoke(&here.refresh).await,
            End::ChangePassword => {
                let body = json!({ "current_password": "a password", "new_password": "a new one" });
                app.account(Method::POST, "/account/password", &there.access, &body).await
            }
            End::DisableUser => operator.disable_user(&self.user).await,
            End::DisableClient => operator.disable_client(&self.client).await,
            End::Admin => operator.end_session(&session_of(&here.access)).await,
            End::ChangeRoles => operator.change_roles(&self.user, &["cook"]).await,
            End::SignInAgain => {
                app.sign_in(&self.username, "a password").await;
                return;
            }
            End::Replay => {
                Tokens::of(&app.refresh(&here.refresh, Some("the-victim")).await);
                assert!(app.refresh(&here.refresh, Some("a-thief")).await.is_refusal());
                return;
            }
            End::ReplayCode => {
                assert!(app.redeem(&self.code).await.expect("it answers").is_refusal());
                return;
            }
        }
        .ok();
    }
}
