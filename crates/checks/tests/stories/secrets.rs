//! A whole story at the most talkative level, and then: no token, code or password in any log,
//! and none readable on disk.

use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{App, Database, DeviceKey, Setup, Tokens, app_policy};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_logged_or_stored_readable() {
    let setup = Setup::on(Database::Sqlite).with("LOG_LEVEL", "trace");
    let mut server = setup.start().await;
    let operator = server.operator().await;
    let mut secrets = Secrets::default();
    secrets.add("the admin's secret", server.admin_secret());
    let user = operator.add_user("ada", "correct-horse-battery").await;
    secrets.add("password", "correct-horse-battery");
    operator.add_app("app", &app_policy(&json!({}))).await;
    let secret = operator.add_confidential("web", &app_policy(&json!({}))).await;
    secrets.add("client secret", &secret);

    let public = App::public(server.site(), "app");
    let bound = public.clone().with_key(DeviceKey::seeded(1), &server.issuer);
    let confidential = App::confidential(server.site(), "web", secret);
    for (number, app) in [public.clone(), bound, confidential].into_iter().enumerate() {
        let answer = app.challenge("ada", "correct-horse-battery", &[]).await.expect("it answers");
        let code = answer.ok().text("authorization_code").to_owned();
        secrets.add("code", &code);
        let first = Tokens::of(&app.redeem(&code).await.expect("it answers"));
        secrets.add_all(&first);
        let key = format!("a-key-that-only-the-app-knows-{number}");
        secrets.add("idempotency key", &key);
        let second = Tokens::of(&app.refresh(&first.refresh, Some(&key)).await);
        secrets.add_all(&second);
        operator.introspect(&second.access).await.ok();
        app.is_known(&second.access).await;
        // A wrong turn each, because errors are where secrets slip out.
        app.account(Method::GET, "/account/sessions?x=y", &first.handle, &Value::Null).await;
        app.refresh(&format!("{}x", second.refresh), None).await;
        app.log_out(&format!("{}x", second.handle), "device").await;
        app.redeem(&code).await.expect("it answers");
        app.log_out(&second.refresh, "device").await.ok();
        assert!(app.refresh(&second.refresh, Some(&key)).await.is_refusal());
    }
    public.challenge("ada", "a-wrong-password-typed", &[]).await.expect("it answers");
    secrets.add("wrong password", "a-wrong-password-typed");
    let stolen = public.sign_in("ada", "correct-horse-battery").await;
    secrets.add_all(&stolen);
    secrets.add_all(&Tokens::of(&public.refresh(&stolen.refresh, Some("the-victim")).await));
    assert!(public.refresh(&stolen.refresh, Some("the-thief")).await.is_refusal());
    let tokens = public.sign_in("ada", "correct-horse-battery").await;
    secrets.add_all(&tokens);
    let body = json!({
        "current_password": "correct-horse-battery", "new_password": "the-password-after-that",
    });
    public.account(Method::POST, "/account/password", &tokens.access, &body).await.ok();
    secrets.add("new password", "the-password-after-that");
    operator.disable_user(&user).await.ok();

    server.kill();
    let log = std::fs::read(server.log()).expect("it logged");
    assert!(holds(&log, "/token"), "the log says which endpoints were called");
    secrets.are_absent_from(&log, "the log");
    let files = files_below(&server.data());
    let database = files.iter().any(|file| file.to_string_lossy().ends_with(".db"));
    assert!(database, "{files:?}");
    for file in files {
        let bytes = std::fs::read(&file).expect("it is ours");
        secrets.are_absent_from(&bytes, &file.display().to_string());
    }
}

#[derive(Default)]
struct Secrets(Vec<(String, String)>);

impl Secrets {
    fn add(&mut self, what: &str, secret: &str) {
        assert!(secret.len() >= 12, "{what} is too short to be searched for");
        self.0.push((what.to_owned(), secret.to_owned()));
    }

    fn add_all(&mut self, tokens: &Tokens) {
        self.add("access token", &tokens.access);
        // Its parts, too: a signature or a tag is what makes it one.
        let signature = tokens.access.rsplit('.').next().unwrap_or_default();
        self.add("access token's signature", signature);
        self.add("refresh token", &tokens.refresh);
        for part in tokens.refresh.rsplit('.').take(2) {
            self.add("refresh token's secret", part);
        }
        if !tokens.handle.is_empty() {
            self.add("logout handle", &tokens.handle);
            self.add("logout handle's tag", tokens.handle.rsplit('.').next().unwrap_or_default());
        }
    }

    fn are_absent_from(&self, bytes: &[u8], place: &str) {
        let found: Vec<&str> = self
            .0
            .iter()
            .filter(|(_, secret)| holds(bytes, secret))
            .map(|(what, _)| &**what)
            .collect();
        assert!(found.is_empty(), "{place} holds: {found:?}");
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is ours") {
        let path = entry.expect("it is ours").path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}
