//! Guessing passwords grows slow, for users that exist and users that do not, and the owner at a
//! familiar address signs in as if nothing had happened.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Answer, App, Database, Operator, Server, Setup, app_policy, until};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attacker_at_one_address_is_slowed_and_the_owner_is_not() {
    let story = Story::begin().await;
    assert_eq!(story.attempt("ada", "a password", "192.0.2.1").await.status, 200, "at home");
    let mut guess = 0;
    until("the attacker's address is slowed, for every account", SOON, async || {
        guess += 1;
        story.attempt(&format!("user-{guess}"), "a guess", "198.51.100.6").await.status == 429
            && story.attempt("bob", "a password", "198.51.100.6").await.status == 429
    })
    .await;
    assert!(guess > 20, "a few mistakes cost nothing");
    assert_eq!(story.attempt("ada", "a password", "192.0.2.1").await.status, 200, "at home");
    assert_eq!(story.attempt("bob", "a password", "192.0.2.2").await.status, 200, "anybody else");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attacker_at_many_addresses_is_slowed_and_the_owner_is_not() {
    let story = Story::begin().await;
    assert_eq!(story.attempt("ada", "a password", "192.0.2.1").await.status, 200, "at home");
    // Each address makes a few guesses, none so many that it would be slowed by itself.
    let slowed = story.attack("ada", 700, |guess| format!("10.0.{}.6", guess % 175)).await;
    assert!(slowed.is_some(), "700 guesses from 175 addresses went ahead");
    assert_eq!(story.attempt("ada", "a password", "192.0.2.1").await.status, 200, "at home");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_tells_a_user_that_exists_from_one_that_does_not() {
    let story = Story::begin().await;
    let operator = &story.operator;
    let disabled = operator.add_user("disabled", "a password").await;
    operator.disable_user(&disabled).await.ok();
    let known = story.attempt("ada", "wrong", "203.0.113.1").await;
    assert_eq!(known.status, 400);
    for (username, password) in [("nobody", "wrong"), ("disabled", "a password")] {
        let answer = story.attempt(username, password, "203.0.113.2").await;
        assert_eq!((answer.status, &answer.text), (known.status, &known.text), "{username}");
        let names =
            |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&answer), names(&known), "{username}");
    }
    let at_known = story.attack("bob", 30, |_| "203.0.113.3".to_owned()).await;
    let at_unknown = story.attack("no-such-bob", 30, |_| "203.0.113.4".to_owned()).await;
    assert!(at_known.is_some());
    assert_eq!(at_known, at_unknown, "slowed after as many guesses");
}

#[tokio::test]
async fn an_address_cannot_be_made_up() {
    let story = Story::begin_behind("192.0.2.0/24").await;
    let addresses = |guess: usize| format!("10.{}.{}.6", guess / 250, guess % 250);
    let mut slowed = false;
    for guess in 0..100 {
        let name = format!("user-{guess}");
        slowed |= story.attempt(&name, "wrong", &addresses(guess)).await.status == 429;
    }
    assert!(slowed, "we are no trusted proxy, so all of these were one address");
}

struct Story {
    app: App,
    operator: Operator,
    _server: Server,
}

impl Story {
    async fn begin() -> Self {
        Self::begin_behind("127.0.0.0/8").await
    }

    async fn begin_behind(proxies: &str) -> Self {
        let server = Setup::on(Database::Sqlite).with("TRUSTED_PROXIES", proxies).start().await;
        let operator = server.operator().await;
        operator.add_user("ada", "a password").await;
        operator.add_user("bob", "a password").await;
        operator.add_app("app", &app_policy(&json!({}))).await;
        Self { app: App::public(server.site(), "app"), operator, _server: server }
    }

    async fn attempt(&self, username: &str, password: &str, address: &str) -> Answer {
        let headers = [("x-forwarded-for", address)];
        self.app.challenge(username, password, &headers).await.expect("it answers")
    }

    /// Guesses; how many guesses went ahead before the first had to wait.
    async fn attack(
        &self,
        username: &str,
        guesses: usize,
        address: impl Fn(usize) -> String,
    ) -> Option<usize> {
        let mut first = None;
        for guess in 0..guesses {
            let answer = self.attempt(username, &format!("guess {guess}"), &address(guess)).await;
            match answer.status {
                400 => {}
                429 => {
                    let wait: u64 = answer.header("retry-after").parse().expect("seconds");
                    assert!(wait > 0, "a wait");
                    first = first.or(Some(guess));
                }
                other => panic!("{other}: {}", answer.text),
            }
        }
        first
    }
}
