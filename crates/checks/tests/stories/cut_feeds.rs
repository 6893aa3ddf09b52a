//! A verifier makes no call to check a token, does what its policy says while its feed is cut,
//! and obeys a logout from another process.

use std::process::Stdio;
use std::time::Duration;

use menshen_verifier::{Policy, Presented, Readiness, Rejection, Verifier};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use crate::harness::{
    Answer, App, Database, Mode, Proxy, Server, Setup, Site, Tokens, Wire, app_policy, program,
    until,
};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checking_a_token_makes_no_request() {
    let story = Story::begin().await;
    let verifier = story.verifier(Policy::Introspect).await;
    let tokens = story.app.sign_in("ada", "a password").await;
    let before = story.proxy.requests();
    for _ in 0..1_000 {
        verifier.verify(&tokens.access).expect("good");
        verifier.admit(Presented::bearer(&tokens.access), Policy::Introspect).await.expect("good");
        let forged = format!("{}x", tokens.access);
        verifier.verify(&forged).expect_err("forged");
    }
    assert_eq!(story.proxy.requests(), before, "not one request in 3,000 checks");

    story.app.log_out(&tokens.refresh, "device").await.ok();
    until("the logout has arrived", SOON, async || {
        matches!(verifier.verify(&tokens.access), Err(Rejection::Revoked))
    })
    .await;
    let asked = story.proxy.requests().split_off(before.len());
    assert!(asked.iter().all(|line| line.contains("/feed/ack")), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_feed_obeys_each_policy_and_heals() {
    for mode in [Mode::FeedCut, Mode::Cut, Mode::Stalled] {
        let story = Story::begin().await;
        let refuse = story.verifier(Policy::Refuse).await;
        let introspect = story.verifier(Policy::Introspect).await;
        let long = story.verifier(Policy::AllowFor(Duration::from_hours(1))).await;
        let short = story.verifier(Policy::AllowFor(Duration::from_secs(2))).await;
        let (stays, goes) = (story.sign_in().await, story.sign_in().await);

        story.proxy.set(mode);
        story.app.log_out(&goes.refresh, "device").await.ok();

        stale(&refuse, &stays).await;
        let readiness = refuse.readiness();
        assert!(matches!(readiness, Readiness::Stale { .. }), "{readiness:?}");
        assert!(readiness.to_string().contains("seconds old"), "{readiness}");
        let rejection = refuse.verify(&stays.access).expect_err("it may be revoked");
        assert_eq!(rejection.status().as_u16(), 503, "never 401: it may be good");

        long.verify(&stays.access).expect("allowed for an hour");
        long.verify(&goes.access).expect("nothing has told it");
        stale(&short, &stays).await;

        let ask = async |tokens: &Tokens| {
            introspect.admit(Presented::bearer(&tokens.access), introspect.policy()).await
        };
        if mode == Mode::FeedCut {
            ask(&stays).await.expect("the issuer says so");
            let answer = ask(&goes).await;
            assert!(matches!(answer, Err(Rejection::Revoked)), "{answer:?}");
        } else if mode == Mode::Cut {
            assert!(matches!(ask(&stays).await, Err(Rejection::Stale)));
        }

        story.proxy.set(Mode::Open);
        for verifier in [&refuse, &introspect, &long, &short] {
            until("the verifier has caught up", SOON, async || {
                matches!(verifier.verify(&goes.access), Err(Rejection::Revoked))
                    && verifier.verify(&stays.access).is_ok()
                    && verifier.readiness().is_ready()
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_verifier_that_has_heard_nothing_yet_refuses_and_says_why() {
    let story = Story::begin().await;
    let tokens = story.sign_in().await;
    story.proxy.set(Mode::FeedCut);
    let policy = Policy::AllowFor(Duration::from_hours(1));
    let verifier = story.server.verifier(policy).start().expect("it can start");
    until("its keys have arrived", SOON, async || {
        matches!(verifier.verify(&tokens.access), Err(Rejection::Stale))
    })
    .await;
    assert_eq!(verifier.readiness(), Readiness::NoSnapshot);
    story.proxy.set(Mode::Open);
    verifier.ready().await;
    verifier.verify(&tokens.access).expect("good");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_in_another_process_obeys_a_logout_and_says_why_it_cannot() {
    let story = Story::begin().await;
    let operator = story.server.operator().await;
    let policy = json!({ "scope": "revocations:read" });
    let secret = operator.add_confidential("orders", &policy).await;
    let policy = json!({ "audience": ["orders"], "scope": "account orders:read" });
    operator.add_app("shop", &app_policy(&policy)).await;
    let app = App::public(story.server.site(), "shop");
    let api = Api::start(&story.server.issuer, &secret).await;

    let tokens = app.sign_in("ada", "a password").await;
    let before = story.proxy.requests();
    for _ in 0..200 {
        assert_eq!(api.orders(&tokens.access).await.status, 200);
    }
    assert_eq!(story.proxy.requests(), before, "it asked nobody");

    for _ in 0..20 {
        let tokens = app.sign_in("ada", "a password").await;
        assert_eq!(api.orders(&tokens.access).await.status, 200);
        let form = [("token", tokens.refresh.as_str())];
        let wait = [("prefer", "wait=10")];
        let receipt = app.site.form("/account/logout", &form, &wait).await.expect("it answers");
        assert_eq!(receipt.ok().number("/verifiers/acknowledged"), 1);
        let refused = api.orders(&tokens.access).await;
        assert_eq!(refused.status, 401, "the receipt said that it knows: {}", refused.text);
        assert!(refused.header("www-authenticate").contains("invalid_token"));
    }

    story.proxy.set(Mode::Cut);
    until("it says that it is not ready", SOON, async || {
        let answer = api.site.get("/readyz", &[]).await.expect("it answers");
        answer.status == 503 && answer.text.contains("seconds old")
    })
    .await;
    let refused = api.orders(&tokens.access).await;
    assert_eq!(refused.status, 503, "never 401, for the token may be good");
    assert!(!refused.header("retry-after").is_empty());
    story.proxy.set(Mode::Open);
    until("it is itself again", SOON, async || api.orders(&tokens.access).await.status == 200)
        .await;
}

/// The API of `menshen demo`, as a process.
struct Api {
    site: Site,
    _process: tokio::process::Child,
}

impl Api {
    async fn start(issuer: &str, secret: &str) -> Self {
        let mut process = tokio::process::Command::new(program())
            .arg("demo-api")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let setup = json!({ "issuer": issuer, "client_secret": secret });
        let mut stdin = process.stdin.take().expect("piped");
        stdin.write_all(format!("{setup}\n").as_bytes()).await.expect("it reads");
        // It stops when its input is closed.
        process.stdin = Some(stdin);
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let line = lines.next_line().await.expect("it answers").expect("where it listens");
        let address: Value = serde_json::from_str(&line).expect("JSON");
        let site = Site::new(address["url"].as_str().expect("a URL"), Wire::Connections);
        until("it is ready", SOON, async || {
            site.get("/readyz", &[]).await.is_ok_and(|answer| answer.status == 200)
        })
        .await;
        Self { site, _process: process }
    }

    async fn orders(&self, access: &str) -> Answer {
        let authorization = format!("Bearer {access}");
        let headers = [("authorization", authorization.as_str())];
        self.site.get("/orders", &headers).await.expect("it answers")
    }
}

async fn stale(verifier: &Verifier, tokens: &Tokens) {
    until("the verifier finds its rules too old", SOON, async || {
        matches!(verifier.verify(&tokens.access), Err(Rejection::Stale))
    })
    .await;
}

struct Story {
    server: Server,
    /// Between the verifiers and the server, which goes by its name.
    proxy: Proxy,
    /// Reaches the server directly.
    app: App,
}

impl Story {
    async fn begin() -> Self {
        let proxy = Proxy::start(([127, 0, 0, 1], 9).into()).await;
        let server = Setup::on(Database::Sqlite)
            .issued_by(proxy.url())
            .with("FEED_HEARTBEAT", "100ms")
            .start()
            .await;
        proxy.lead_to(server.address);
        let operator = server.operator().await;
        operator.add_user("ada", "a password").await;
        operator.add_app("app", &app_policy(&json!({}))).await;
        let app = App::public(server.site(), "app");
        Self { server, proxy, app }
    }

    async fn sign_in(&self) -> Tokens {
        self.app.sign_in("ada", "a password").await
    }

    async fn verifier(&self, policy: Policy) -> Verifier {
        let builder = self.server.verifier(policy).max_staleness(Duration::from_secs(1));
        let verifier = builder.start().expect("it can start");
        verifier.ready().await;
        verifier
    }
}
