//! A refresh on its way while the session is ended: once the end has been answered, nothing that
//! the refresh returned works, and no later refresh does.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use menshen_verifier::{Policy, Rejection, Verifier};
use reqwest::Method;
use rstest::rstest;
use serde_json::json;

use crate::harness::{
    Answer, App, Database, Dice, Operator, Server, Setup, Tokens, app_policy, until,
};

/// Users at the same time; each one's races follow each other.
const LANES: u32 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Logout,
    Revoke,
    PasswordChange,
}

#[rstest]
#[case::on_sqlite(|| Database::Sqlite, 1_000)]
#[case::on_postgres(Database::postgres, 200)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_refresh_returns_beside_an_end_is_dead_once_the_end_was_answered(
    #[case] database: fn() -> Database,
    #[case] races: u32,
) {
    let server = Setup::on(database()).start().await;
    let operator = server.operator().await;
    operator.add_app("app", &app_policy(&json!({}))).await;
    let verifier = server.verifier(Policy::Refuse).start().expect("it can start");
    verifier.ready().await;
    for end in [End::Logout, End::Revoke, End::PasswordChange] {
        let refreshed_first = AtomicU32::new(0);
        let lanes = (0..LANES).map(async |lane| {
            let username = format!("user-{end:?}-{lane}");
            operator.add_user(&username, "password 0").await;
            let mut lane = Lane {
                app: App::public(server.site(), "app"),
                operator: operator.clone(),
                verifier: verifier.clone(),
                dice: Dice::seeded(u64::from(lane)),
                username,
                passwords: 0,
            };
            for race in 0..races / LANES {
                let won = lane.race(end, race % 2 == 0).await;
                refreshed_first.fetch_add(u32::from(won), Ordering::Relaxed);
            }
        });
        join_all(lanes).await;
        let refreshed_first = refreshed_first.into_inner();
        assert!(refreshed_first > 0, "{end:?}: no refresh came first, so this was no race");
        assert!(refreshed_first < races, "{end:?}: every refresh came first: no race");
    }
    assert_eq!(kills(&server).await, 0, "nobody was taken for a thief");
}

struct Lane {
    app: App,
    operator: Operator,
    verifier: Verifier,
    dice: Dice,
    username: String,
    passwords: u32,
}

impl Lane {
    /// One race; whether the refresh committed first.
    async fn race(&mut self, end: End, keyed: bool) -> bool {
        let password = format!("password {}", self.passwords);
        let first = self.app.sign_in(&self.username, &password).await;
        self.verifier.verify(&first.access).expect("good before the end");
        let key = keyed.then_some("the-attempt");
        // To change a password takes longer than to refresh: the refresh then starts later.
        let handicap = if end == End::PasswordChange { 20 } else { 3 };
        let (ahead, behind) = (self.dice.below(3), self.dice.below(handicap));
        let (ended, refreshed) = tokio::join!(
            async {
                self.dawdle(ahead).await;
                self.end(end, &first, &password).await
            },
            async {
                self.dawdle(behind).await;
                self.app.refresh(&first.refresh, key).await
            },
        );
        let ended = ended.ok();
        self.passwords += u32::from(end == End::PasswordChange);

        let won = refreshed.status == 200;
        let mut chain = vec![first.refresh.clone()];
        let mut accesses = vec![first.access.clone()];
        if won {
            let second = Tokens::of(&refreshed);
            chain.push(second.refresh);
            accesses.push(second.access);
        } else {
            assert!(refreshed.is_refusal(), "{end:?}: {} {}", refreshed.status, refreshed.text);
        }
        for access in &accesses {
            assert!(!self.operator.is_active(access).await, "{end:?}: alive at the server");
        }
        for refresh in chain.iter().rev() {
            let answer = self.app.refresh(refresh, key).await;
            assert!(answer.is_refusal(), "{end:?}: {} {}", answer.status, answer.text);
        }
        self.reach(&ended).await;
        for access in &accesses {
            let answer = self.verifier.verify(access);
            let revoked = matches!(answer, Err(Rejection::Revoked));
            assert!(revoked, "{end:?}: at the verifier: {answer:?}");
        }
        won
    }

    async fn end(&self, end: End, tokens: &Tokens, password: &str) -> Answer {
        match end {
            End::Logout => self.app.log_out(&tokens.refresh, "device").await,
            End::Revoke => self.app.revoke(&tokens.refresh).await,
            End::PasswordChange => {
                let new = format!("password {}", self.passwords + 1);
                let body = json!({ "current_password": password, "new_password": new });
                let path = "/account/password";
                self.app.account(Method::POST, path, &tokens.access, &body).await
            }
        }
    }

    /// Asks for something else first, so that either side may win.
    async fn dawdle(&self, requests: usize) {
        for _ in 0..requests {
            self.app.site.get("/healthz", &[]).await.expect("it answers").ok();
        }
    }

    /// Waits until the verifier has applied what the end appended. RFC 7009 answers nothing, so
    /// there the end of the log stands for it.
    async fn reach(&self, ended: &Answer) {
        let position = match ended.body["position"].as_u64() {
            Some(position) => position,
            None => self.operator.position().await,
        };
        until("the verifier has applied it", Duration::from_secs(10), async || {
            self.verifier.status().applied.is_some_and(|applied| applied.0 >= position)
        })
        .await;
    }
}

async fn kills(server: &Server) -> u64 {
    server.metric("menshen_refreshes_total", "verdict=\"kill\"").await
}
