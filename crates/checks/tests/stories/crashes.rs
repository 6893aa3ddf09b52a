//! `kill -9` at random moments under load, on SQLite: after each restart, everything that was
//! answered still holds. 10 kills; `make crash` asks for more through `MENSHEN_KILLS`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::harness::{App, Database, Dice, Operator, Server, Setup, Tokens, app_policy, until};

const LANES: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_answered_is_forgotten_by_a_crash() {
    let mut server = Setup::on(Database::Sqlite).start().await;
    let operator = server.operator().await;
    operator.add_app("app", &app_policy(&json!({ "retry_window_ms": 0 }))).await;
    let mut lanes = Vec::new();
    for lane in 0..LANES {
        let username = format!("user-{lane}");
        operator.add_user(&username, "a password").await;
        lanes.push(Lane { username, dice: Dice::seeded(lane), sessions: Vec::new(), made: 0 });
    }
    let mut dice = Dice::seeded(4);
    let mut tally = Tally::default();
    for kill in 0..kills() {
        let app = App::public(server.site(), "app");
        let stop = Arc::new(AtomicBool::new(false));
        let working =
            lanes.drain(..).map(|lane| tokio::spawn(lane.work(app.clone(), stop.clone())));
        let working: Vec<_> = working.collect();
        let moment = Duration::from_millis(100) + dice.pause(Duration::from_millis(400));
        let cut = tokio::time::timeout(moment, std::future::pending::<()>()).await;
        assert!(cut.is_err(), "pending never ends");
        server.kill();
        stop.store(true, Ordering::SeqCst);
        for lane in join_all(working).await {
            lanes.push(lane.expect("no lane panics"));
        }
        server.launch().await;
        check(&server, &mut lanes, &mut tally, kill).await;
    }
    assert!(tally.ended > 0 && tally.live > 0, "too little happened: {tally:?}");
    eprintln!("{tally:?}");
}

#[expect(clippy::disallowed_methods, reason = "how `make crash` asks for more")]
fn kills() -> u32 {
    std::env::var("MENSHEN_KILLS").map_or(10, |kills| kills.parse().expect("a number of kills"))
}

#[derive(Debug, Default)]
struct Tally {
    live: u32,
    ended: u32,
    retried: u32,
    unanswered_logouts: u32,
}

/// What an app knows about one of its sessions.
#[derive(Debug)]
struct Session {
    tokens: Tokens,
    /// The key of a refresh that was sent and not answered.
    attempt: Option<String>,
    state: State,
    checked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Live,
    /// A logout was sent, and not answered.
    Leaving,
    /// A logout was answered.
    Ended,
}

/// One user, whose requests follow each other.
struct Lane {
    username: String,
    dice: Dice,
    sessions: Vec<Session>,
    made: u64,
}

impl Lane {
    async fn work(mut self, app: App, stop: Arc<AtomicBool>) -> Self {
        while !stop.load(Ordering::SeqCst) && self.step(&app).await.is_some() {}
        self
    }

    /// Does one thing; `None` once the server is gone.
    async fn step(&mut self, app: &App) -> Option<()> {
        let live: Vec<usize> = (0..self.sessions.len())
            .filter(|index| self.sessions[*index].state == State::Live)
            .collect();
        let chance = self.dice.below(10);
        if live.is_empty() || (chance < 2 && live.len() < 6) {
            let answer = app.try_sign_in(&self.username, "a password").await.ok()?;
            // A sign-in that a crash interrupted stays counted as an attempt; dozens in a
            // minute from one address have to wait, which loses nothing.
            if answer.status == 429 {
                return Some(());
            }
            let tokens = Tokens::of(&answer);
            let state = State::Live;
            self.sessions.push(Session { tokens, attempt: None, state, checked: false });
            return Some(());
        }
        let session = live[self.dice.below(live.len())];
        if chance < 4 {
            self.sessions[session].state = State::Leaving;
            let token = self.sessions[session].tokens.refresh.clone();
            app.try_log_out(&token, "device").await.ok()?.ok();
            self.sessions[session].state = State::Ended;
            return Some(());
        }
        self.made += 1;
        let attempt = format!("{}-{}", self.username, self.made);
        self.sessions[session].refresh(app, attempt).await
    }
}

impl Session {
    async fn refresh(&mut self, app: &App, attempt: String) -> Option<()> {
        let attempt = self.attempt.insert(attempt).clone();
        let answer = app.try_refresh(&self.tokens.refresh, Some(&attempt)).await.ok()?;
        let handle = std::mem::take(&mut self.tokens.handle);
        self.tokens = Tokens { handle, ..Tokens::of(&answer) };
        self.attempt = None;
        Some(())
    }
}

async fn check(server: &Server, lanes: &mut [Lane], tally: &mut Tally, kill: u32) {
    let app = App::public(server.site(), "app");
    let operator = server.operator().await;
    for session in lanes.iter_mut().flat_map(|lane| &mut lane.sessions) {
        match session.state {
            State::Ended if session.checked => {}
            State::Ended => {
                is_over(&app, &operator, session, kill).await;
                tally.ended += 1;
                session.checked = true;
            }
            State::Leaving => {
                // Nobody knows whether it ended; asking again must settle it.
                app.log_out(&session.tokens.refresh, "device").await.ok();
                is_over(&app, &operator, session, kill).await;
                session.state = State::Ended;
                session.checked = true;
                tally.unanswered_logouts += 1;
            }
            State::Live => {
                let retried = session.attempt.clone();
                tally.retried += u32::from(retried.is_some());
                tally.live += 1;
                let attempt = retried.unwrap_or_else(|| format!("after-kill-{kill}"));
                session.refresh(&app, attempt).await.expect("it answers");
                let active = operator.is_active(&session.tokens.access).await;
                assert!(active, "kill {kill}: a live session is lost");
            }
        }
    }
    // Every ended session ever, once in a while: a later crash must not bring one back.
    if kill % 5 == 4 {
        let sessions = lanes.iter().flat_map(|lane| &lane.sessions);
        for session in sessions.filter(|session| session.state == State::Ended) {
            is_over(&app, &operator, session, kill).await;
        }
    }
    until("the server is itself again", Duration::from_secs(10), async || {
        app.site.get("/readyz", &[]).await.is_ok_and(|answer| answer.status == 200)
    })
    .await;
}

async fn is_over(app: &App, operator: &Operator, session: &Session, kill: u32) {
    let key = session.attempt.as_deref();
    let answer = app.refresh(&session.tokens.refresh, key).await;
    assert!(answer.is_refusal(), "kill {kill}: an answered logout is forgotten: {}", answer.text);
    let active = operator.is_active(&session.tokens.access).await;
    assert!(!active, "kill {kill}: a token lives on after an answered logout");
}
