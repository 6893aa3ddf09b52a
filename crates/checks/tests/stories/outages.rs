//! The database goes away and comes back: nobody is told that their session is gone.

use std::time::Duration;

use menshen_verifier::{Policy, Rejection};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    Answer, App, Database, Mode, Proxy, Server, Setup, Tokens, app_policy, until,
};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_the_answer_is_try_again() {
    let database = Database::postgres();
    let proxy = Proxy::start(database.address()).await;
    let server = Setup::on(database.through(proxy.address)).start().await;
    let operator = server.operator().await;
    operator.add_user("ada", "a password").await;
    operator.add_app("app", &app_policy(&json!({}))).await;
    let app = App::public(server.site(), "app");
    let verifier = server.verifier(Policy::Refuse).start().expect("it can start");
    verifier.ready().await;
    let tokens = app.sign_in("ada", "a password").await;
    let code = app.challenge("ada", "a password", &[]).await.expect("it answers").ok();
    verifier.verify(&tokens.access).expect("good");

    for mode in [Mode::Cut, Mode::Cut] {
        proxy.set(mode);
        away(&server, &app, &tokens, code.text("authorization_code")).await;
        proxy.set(Mode::Open);
        until("the server is ready again", SOON, async || ready(&server).await.status == 200).await;
    }

    let redeemed = app.redeem(code.text("authorization_code")).await.expect("it answers");
    if redeemed.status != 200 {
        assert!(redeemed.is_refusal(), "a code lives a minute: {}", redeemed.text);
    }
    let renewed = Tokens::of(&app.refresh(&tokens.refresh, Some("attempt")).await);
    assert!(app.is_known(&renewed.access).await, "the session goes on");
    until("the verifier is current again", SOON, async || verifier.verify(&renewed.access).is_ok())
        .await;
    app.log_out(&renewed.refresh, "device").await.ok();
    until("a logout reaches it", SOON, async || {
        matches!(verifier.verify(&renewed.access), Err(Rejection::Revoked))
    })
    .await;
}

async fn ready(server: &Server) -> Answer {
    server.site().get("/readyz", &[]).await.expect("it answers")
}

/// Asks everything that needs the database.
async fn away(server: &Server, app: &App, tokens: &Tokens, code: &str) {
    let answer = ready(server).await;
    assert_eq!(answer.status, 503, "{}", answer.text);
    for path in ["/healthz", "/jwks", "/.well-known/oauth-authorization-server", "/metrics"] {
        server.site().get(path, &[]).await.expect("it answers").ok();
    }
    let account =
        async |method, path, body: &Value| app.account(method, path, &tokens.access, body).await;
    let secret = server.admin_secret();
    let credentials = [("client_id", "admin"), ("client_secret", secret)];
    let introspection = [&credentials[..], &[("token", tokens.access.as_str())]].concat();
    let client = [&credentials[..], &[("grant_type", "client_credentials")]].concat();
    let password = json!({ "current_password": "a password", "new_password": "another one" });
    let answers = [
        ("sign in", app.try_sign_in("ada", "a password").await.expect("it answers")),
        ("redeem", app.redeem(code).await.expect("it answers")),
        ("refresh", app.refresh(&tokens.refresh, Some("attempt")).await),
        ("client", server.site().form("/token", &client, &[]).await.expect("it answers")),
        ("revoke", app.revoke(&tokens.refresh).await),
        ("logout", app.log_out(&tokens.refresh, "device").await),
        ("handle", app.log_out(&tokens.handle, "device").await),
        ("introspect", app.site.form("/introspect", &introspection, &[]).await.expect("answers")),
        ("userinfo", account(Method::GET, "/userinfo", &Value::Null).await),
        ("sessions", account(Method::GET, "/account/sessions", &Value::Null).await),
        ("password", account(Method::POST, "/account/password", &password).await),
        ("feed", account(Method::GET, "/feed", &Value::Null).await),
        ("admin", account(Method::GET, "/admin/users", &Value::Null).await),
    ];
    for (what, answer) in answers {
        if what == "client" && answer.status == 200 {
            // A client read a moment ago needs no database.
            continue;
        }
        assert!(
            answer.is_outage(),
            "{what}: {} {} {:?}",
            answer.status,
            answer.text,
            answer.headers
        );
    }
}
