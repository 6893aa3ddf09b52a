//! Revocations and live sessions as plain keys in Redis, for filters that others wrote. A Redis that
//! is killed, emptied or set back lets nobody in and puts nobody out.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_token::{Clock as _, SystemClock};
use menshen_verifier::{Policy, Rejection};
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};

use crate::harness::{
    App, Database, Operator, Redis, Server, Setup, Tokens, app_policy, session_of, until,
};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_sees_each_kind_of_end_and_the_keys_expire_when_the_rules_do() {
    let story = Story::begin(Database::Sqlite).await;
    let tokens = story.sign_in().await;
    until("the session is there", SOON, async || story.exists(&session(&tokens)) == "1").await;
    story.app.log_out(&tokens.refresh, "device").await.ok();
    let dead = format!("menshen:revoked:sid:{}", session_of(&tokens.access));
    until("the rule is there", SOON, async || story.exists(&dead) == "1").await;
    assert_eq!(story.redis.cli(&["GET", &dead]), "logout");
    until("the session is not", SOON, async || story.exists(&session(&tokens)) == "0").await;

    let (one, offline) = (story.sign_in().await, story.sign_in().await);
    story.app.revoke(&offline.refresh).await.ok();
    let jti = json!({ "kind": "jti", "value": claims(&one)["jti"] });
    story.operator.post("/admin/revocations", &jti).await.ok();
    story.operator.end_sessions_of(&story.user).await.ok();
    story.operator.end_sessions_of(&story.user).await.ok();
    story.sign_in().await;
    story.operator.end_sessions_of(&story.user).await.ok();
    story.operator.add_app("other", &app_policy(&json!({}))).await;
    story.operator.disable_client("other").await.ok();
    story.operator.revoke_active_key().await.ok();
    // The operator's own token was signed by that key.
    story.server.operator().await.revoke_all().await.ok();

    let operator = story.server.operator().await;
    let (entries, head) = operator.log_after(0).await;
    until("all are there", SOON, async || story.head() >= head).await;
    let kinds = ["jti", "sid", "grant", "sub_before", "client_before", "kid", "all_before"];
    for kind in kinds {
        assert!(entries.iter().any(|entry| entry["kind"] == kind), "no rule of kind {kind}");
    }
    for entry in &entries {
        let key = key_of(entry);
        let same: Vec<&Value> = entries.iter().filter(|other| key_of(other) == key).collect();
        let latest = |member: &str| same.iter().filter_map(|entry| entry[member].as_i64()).max();
        let expiry = story.redis.cli(&["PEXPIRETIME", &key]);
        assert_eq!(expiry, latest("expires_at_ms").expect("a rule expires").to_string(), "{key}");
        if let Some(before) = latest("before_ms") {
            assert_eq!(story.redis.cli(&["GET", &key]), before.to_string(), "{key}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_comes_back_empty_is_complete_before_it_says_so() {
    let mut story = Story::begin(Database::Sqlite).await;
    let (stays, goes) = story.some_of_each().await;
    story.agrees(&stays, &goes).await;

    for away in [false, true] {
        let mut filter = story.filter().await;
        story.redis.kill();
        let verdict = filter.judge(&goes[0]).await;
        assert!(matches!(verdict, Verdict::Unknown), "{verdict:?}");
        let late = story.sign_in().await;
        if away {
            until("the server has noticed", SOON, async || story.complete().await == 0).await;
        }
        story.app.log_out(&late.refresh, "device").await.ok();
        story.redis.come_back_empty().await;
        let goes = [&goes[..], &[late]].concat();
        story.never_errs(&stays, &goes).await;
    }
    assert!(story.server.metric("menshen_mirror_rebuilds_total", "of=\"rules\"").await >= 3);

    let mut filter = story.filter().await;
    redis::cmd("FLUSHALL").exec_async(&mut filter.redis).await.expect("it is ours");
    story.never_errs(&stays, &goes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_set_back_to_what_it_saved_catches_up_before_it_says_so() {
    let mut story = Story::begin(Database::Sqlite).await;
    let (mut stays, mut goes) = story.some_of_each().await;
    story.agrees(&stays, &goes).await;
    story.redis.save();
    let (later_stays, later_goes) = story.some_of_each().await;
    story.agrees(&later_stays, &later_goes).await;
    stays.extend(later_stays);
    goes.extend(later_goes);
    story.redis.kill();
    let in_between = story.sign_in().await;
    story.redis.launch().await;
    stays.push(in_between);
    story.never_errs(&stays, &goes).await;
    let rebuilds = story.server.metric("menshen_mirror_rebuilds_total", "").await;
    assert_eq!(rebuilds, 2, "once for rules and sessions, at the start; then it went on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losing_redis_changes_nothing_for_the_server_and_those_who_follow_its_feed() {
    let mut story = Story::begin(Database::Sqlite).await;
    let verifier = story.server.verifier(Policy::Refuse).start().expect("it can start");
    verifier.ready().await;
    until("it is counted", SOON, async || story.complete().await == 1).await;
    story.redis.kill();
    until("it is counted", SOON, async || story.complete().await == 0).await;
    let tokens = story.sign_in().await;
    verifier.verify(&tokens.access).expect("good");
    let renewed = Tokens::of(&story.app.refresh(&tokens.refresh, Some("key")).await);
    story.server.site().get("/readyz", &[]).await.expect("it answers").ok();
    story.app.log_out(&renewed.refresh, "device").await.ok();
    assert!(!story.operator.is_active(&renewed.access).await);
    until("the logout has arrived", SOON, async || {
        matches!(verifier.verify(&renewed.access), Err(Rejection::Revoked))
    })
    .await;
    let log = std::fs::read_to_string(story.server.log()).expect("there is a log");
    assert_eq!(log.matches("the mirror in Redis is not written").count(), 1, "said once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_may_forget_rules_is_never_called_complete() {
    let options = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];
    let redis = Redis::start_with(&options).await;
    let server = Story::setup(Database::Sqlite, &redis).start().await;
    until("it is refused", SOON, async || {
        server.metric("menshen_mirror_failures_total", "").await >= 2
    })
    .await;
    let log = std::fs::read_to_string(server.log()).expect("there is a log");
    assert!(log.contains("Redis may evict keys (maxmemory-policy is allkeys-lru)"), "{log}");
    assert_eq!(redis.cli(&["DBSIZE"]), "0");
    redis.cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    until("it is taken", SOON, async || {
        redis.cli(&["EXISTS", "menshen:mirror:alive", "menshen:mirror:sessions"]) == "2"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_write_one_mirror_and_one_of_them_is_enough() {
    let mut story = Story::begin(Database::postgres()).await;
    let setup = Story::setup(story.database.clone(), &story.redis);
    let second = setup.issued_by(story.server.issuer.clone()).start_beside(&story.server).await;
    let at_second = App::public(second.site(), "app");
    for _ in 0..10 {
        let tokens = story.sign_in().await;
        until("its session arrives", SOON, async || story.exists(&session(&tokens)) == "1").await;
        at_second.log_out(&tokens.refresh, "device").await.ok();
        until("its end arrives", SOON, async || story.exists(&session(&tokens)) == "0").await;
        let verdict = story.filter().await.judge(&tokens).await;
        assert!(matches!(verdict, Verdict::Dead), "{verdict:?}");
    }
    let (stays, goes) = story.some_of_each().await;
    story.agrees(&stays, &goes).await;
    story.redis.lose_everything().await;
    story.never_errs(&stays, &goes).await;

    story.server.kill();
    let tokens = at_second.sign_in("ada", "a password").await;
    at_second.log_out(&tokens.refresh, "device").await.ok();
    let goes = [&goes[..], &[tokens]].concat();
    story.agrees(&stays, &goes).await;
    // Longer than a marker lives that nobody renews.
    let mut renewed = Vec::new();
    until("the second node renews the markers", SOON, async || {
        let marker = story.redis.cli(&["GET", "menshen:mirror:alive"]);
        assert!(!marker.is_empty(), "it has expired");
        if renewed.last() != Some(&marker) {
            renewed.push(marker);
        }
        renewed.len() > 7
    })
    .await;
}

struct Story {
    redis: Redis,
    server: Server,
    app: App,
    operator: Operator,
    user: String,
    database: Database,
}

impl Story {
    fn setup(database: Database, redis: &Redis) -> Setup {
        Setup::on(database).with("REDIS_URL", &redis.url()).with("REDIS_SESSIONS", "true")
    }

    async fn begin(database: Database) -> Self {
        let redis = Redis::start().await;
        let server = Self::setup(database.clone(), &redis).start().await;
        let operator = server.operator().await;
        let user = operator.add_user("ada", "a password").await;
        operator.add_app("app", &app_policy(&json!({}))).await;
        let app = App::public(server.site(), "app");
        Self { redis, server, app, operator, user, database }
    }

    async fn sign_in(&self) -> Tokens {
        self.app.sign_in("ada", "a password").await
    }

    /// Sessions that stay, and sessions that have ended.
    async fn some_of_each(&self) -> (Vec<Tokens>, Vec<Tokens>) {
        let (mut stays, mut goes) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            stays.push(self.sign_in().await);
            let tokens = self.sign_in().await;
            self.app.log_out(&tokens.refresh, "device").await.ok();
            goes.push(tokens);
        }
        (stays, goes)
    }

    fn exists(&self, key: &str) -> String {
        self.redis.cli(&["EXISTS", key])
    }

    fn head(&self) -> u64 {
        self.redis.cli(&["GET", "menshen:mirror:head"]).parse().unwrap_or_default()
    }

    async fn complete(&self) -> u64 {
        self.server.metric("menshen_mirror_complete", "").await
    }

    async fn filter(&self) -> Filter {
        Filter { redis: self.redis.connection().await }
    }

    /// Waits until a filter knows of each session what has become of it.
    async fn agrees(&self, stays: &[Tokens], goes: &[Tokens]) {
        self.looks(stays, goes, false).await;
    }

    /// The same, and what it knows before is never wrong.
    async fn never_errs(&self, stays: &[Tokens], goes: &[Tokens]) {
        self.looks(stays, goes, true).await;
    }

    async fn looks(&self, stays: &[Tokens], goes: &[Tokens], strictly: bool) {
        let mut filter = self.filter().await;
        until("the filter knows everything", SOON, async || {
            let mut known = true;
            for tokens in goes {
                match filter.judge(tokens).await {
                    Verdict::Alive => {
                        assert!(!strictly, "let in after its logout");
                        known = false;
                    }
                    Verdict::Dead => {}
                    Verdict::Unknown => known = false,
                }
            }
            for tokens in stays {
                match filter.judge(tokens).await {
                    Verdict::Alive => {}
                    Verdict::Dead => panic!("put out though nobody has signed it out"),
                    Verdict::Unknown => known = false,
                }
            }
            known
        })
        .await;
    }
}

/// What a filter makes of a token, by section 2 of `docs/mirror.md`.
#[derive(Debug)]
enum Verdict {
    Alive,
    Dead,
    Unknown,
}

/// A filter as somebody else would write it: denylist and allowlist.
struct Filter {
    redis: MultiplexedConnection,
}

/// What stands in Redis: names, cut-offs, then marker, session and marker of sessions.
type Found = (bool, bool, bool, bool, Option<i64>, Option<i64>, Option<i64>, bool, bool, bool);

impl Filter {
    async fn judge(&mut self, tokens: &Tokens) -> Verdict {
        let claims = claims(tokens);
        let rule = |kind: &str, claim: &str| {
            let value = claims[claim].as_str().expect("a user stands behind it");
            format!("menshen:revoked:{kind}:{value}")
        };
        let mut ask = redis::pipe();
        ask.atomic();
        for kind in ["jti", "sid", "grant", "kid"] {
            ask.exists(rule(kind, kind));
        }
        ask.get(rule("sub_before", "sub")).get(rule("client_before", "client_id"));
        ask.get("menshen:revoked:all_before").exists("menshen:mirror:alive");
        ask.exists(session(tokens)).exists("menshen:mirror:sessions");
        let Ok(found) = ask.query_async::<Found>(&mut self.redis).await else {
            return Verdict::Unknown;
        };
        let (jti, sid, grant, kid, sub, client, all, fresh, lives, knows_sessions) = found;
        let issued_at = claims["iat_ms"].as_i64().expect("ours have one");
        let cut_off = [sub, client, all].into_iter().flatten().any(|before| issued_at < before);
        if jti || sid || grant || kid || cut_off {
            return Verdict::Dead;
        }
        let young = now_ms() - issued_at <= 10_000;
        match (fresh, lives, knows_sessions) {
            (true, true, _) => Verdict::Alive,
            (true, false, true) if !young => Verdict::Dead,
            _ => Verdict::Unknown,
        }
    }
}

fn now_ms() -> i64 {
    SystemClock::new().now().as_millis()
}

/// The claims of a token, and the name of its key.
fn claims(tokens: &Tokens) -> Value {
    let part = |index| {
        let part = tokens.access.split('.').nth(index).expect("a token has three parts");
        let part = URL_SAFE_NO_PAD.decode(part).expect("base64url");
        serde_json::from_slice::<Value>(&part).expect("JSON")
    };
    let mut claims = part(1);
    claims["kid"] = part(0)["kid"].clone();
    claims
}

fn session(tokens: &Tokens) -> String {
    format!("menshen:session:{}", session_of(&tokens.access))
}

/// The key of an entry of the log.
fn key_of(entry: &Value) -> String {
    let kind = entry["kind"].as_str().expect("a kind");
    match entry["value"].as_str() {
        Some(value) => format!("menshen:revoked:{kind}:{value}"),
        None => format!("menshen:revoked:{kind}"),
    }
}
