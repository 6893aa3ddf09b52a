//! A gateway that reads revocations from the mirror in Redis, without the feed; and one that admits
//! only sessions that are known to live.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use menshen_gateway::{Decision, Facts, Running, Scheme, Start, SystemEntropy};
use menshen_token::SystemClock;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde_json::json;
use tempfile::TempDir;

use crate::harness::{
    App, Database, Gateway, Operator, Proxy, Redis, Server, Setup, Tokens, Upstream, app_policy,
    until,
};

const SOON: Duration = Duration::from_secs(20);

/// One rule for each way to judge, on a path of its name.
const RULES: [(&str, &str); 5] = [
    ("refuse", "when_stale = \"refuse\""),
    ("introspect", "when_stale = \"introspect\""),
    ("allow", "when_stale = { allow_for = \"1h\" }"),
    ("known", "when_stale = \"refuse\"\nlists = \"allowlist\""),
    ("asked", "when_stale = \"introspect\"\nlists = \"allowlist\""),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_on_the_mirror_alone_refuses_after_a_logout() {
    let story = Story::begin().await;
    let gateway = Edge::start(&story, Some(&story.redis)).await;
    for (rule, _) in RULES {
        let tokens = story.sign_in().await;
        assert_eq!(gateway.status(rule, &tokens).await, 200, "{rule}");
        let receipt = story.app.log_out(&tokens.refresh, "device").await.ok();
        assert_eq!(receipt.number("/verifiers/connected"), 0, "it follows no feed");
        until("it is refused", SOON, async || gateway.status(rule, &tokens).await == 401).await;
    }
    let tokens = story.sign_in().await;
    story.operator.change_roles(&story.user, &["cook"]).await.ok();
    until("it is refused", SOON, async || gateway.status("refuse", &tokens).await == 401).await;
    let renewed = Tokens::of(&story.app.refresh(&tokens.refresh, None).await);
    assert_eq!(gateway.status("refuse", &renewed).await, 200, "issued after the cut-off");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_lost_and_back_empty_lets_nobody_in_and_puts_nobody_out() {
    let mut story = Story::begin().await;
    let gateway = Edge::start(&story, Some(&story.redis)).await;
    let (stays, goes, late) = (story.sign_in().await, story.sign_in().await, story.sign_in().await);
    story.app.log_out(&goes.refresh, "device").await.ok();
    until("the logout is there", SOON, async || gateway.status("refuse", &goes).await == 401).await;
    assert_eq!(gateway.status("refuse", &stays).await, 200);

    story.redis.kill();
    story.app.log_out(&late.refresh, "device").await.ok();
    // With nothing in hand, allowing for an hour would be letting everybody in.
    for rule in ["refuse", "allow", "known"] {
        for tokens in [&stays, &goes, &late] {
            assert_eq!(gateway.status(rule, tokens).await, 503, "{rule}");
        }
    }
    for rule in ["introspect", "asked"] {
        assert_eq!(gateway.status(rule, &stays).await, 200, "{rule}");
        assert_eq!(gateway.status(rule, &goes).await, 401, "{rule}");
        assert_eq!(gateway.status(rule, &late).await, 401, "{rule}");
    }
    until("it says so", SOON, async || !gateway.running.gateway().readiness().is_ready()).await;

    story.redis.come_back_empty().await;
    until("everything is known again", SOON, async || {
        let mut known = true;
        for (rule, _) in RULES {
            let stays = gateway.status(rule, &stays).await;
            assert!(matches!(stays, 200 | 503), "put out by {rule}: {stays}");
            known &= stays == 200;
            for tokens in [&goes, &late] {
                let gone = gateway.status(rule, tokens).await;
                assert!(matches!(gone, 401 | 503), "let in by {rule}: {gone}");
                known &= gone == 401;
            }
        }
        known && gateway.running.gateway().readiness().is_ready()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_allowlist_asks_the_provider_once_for_each_session_and_hears_its_end_by_the_feed() {
    let story = Story::begin().await;
    let gateway = Edge::start(&story, None).await;
    let tokens = story.sign_in().await;
    let asked = || {
        let requests = story.proxy.requests();
        requests.iter().filter(|line| line.contains("/introspect")).count()
    };
    for _ in 0..50 {
        assert_eq!(gateway.status("known", &tokens).await, 200);
    }
    assert_eq!(asked(), 1);
    let renewed = Tokens::of(&story.app.refresh(&tokens.refresh, None).await);
    assert_eq!(gateway.status("known", &renewed).await, 200);
    assert_eq!(asked(), 1, "another token of a session that is known");
    story.app.log_out(&renewed.refresh, "device").await.ok();
    until("it is refused", SOON, async || gateway.status("known", &renewed).await == 401).await;
    assert_eq!(gateway.status("known", &tokens).await, 401);
    assert_eq!(asked(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_with_its_session_on_the_mirror_too() {
    let story = Story::begin().await;
    let upstream = Upstream::start().await;
    let issuer = &story.server.issuer;
    let provider = format!(
        "[provider]\nissuer = \"{issuer}\"\nclient_id = \"admin\"\nrevocations = \"mirror\"\n\
         [redis]\nurl = \"{}\"\n",
        story.redis.url()
    );
    let rules = format!(
        "{}[[rule]]\nname = \"all\"\nhosts = [\"*\"]\npaths = [\"/**\"]\n\
         authenticate = [\"bearer\"]\naudiences = [\"{issuer}\"]\nupstream = \"api\"\n",
        upstream.table("api")
    );
    let gateway = Gateway::launch(provider, story.server.admin_secret(), &rules).await;
    gateway.ready().await;
    let (goes, stays) = (story.sign_in().await, story.sign_in().await);
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let open = async |tokens: &Tokens| {
        let request = client.get(format!("http://{}/stream/a", gateway.proxy));
        let stream = request.bearer_auth(&tokens.access).send().await.expect("it is on");
        assert_eq!(stream.status(), 200);
        stream
    };
    let (mut over, mut kept) = (open(&goes).await, open(&stays).await);
    for stream in [&mut over, &mut kept] {
        assert_eq!(stream.chunk().await.expect("a line").as_deref(), Some(&b"begun\n"[..]));
    }
    story.app.log_out(&goes.refresh, "device").await.ok();
    let ended = tokio::time::timeout(SOON, over.chunk()).await.expect("it is closed");
    assert!(ended.is_err(), "broken off, not ended");
    until("the service behind is rid of it", SOON, async || upstream.streams() == 1).await;
    upstream.say("still");
    assert_eq!(kept.chunk().await.expect("a line").as_deref(), Some(&b"still\n"[..]));
}

struct Story {
    redis: Redis,
    server: Server,
    proxy: Proxy,
    app: App,
    operator: Operator,
    user: String,
}

impl Story {
    async fn begin() -> Self {
        let redis = Redis::start().await;
        let proxy = Proxy::start(([127, 0, 0, 1], 9).into()).await;
        let setup = Setup::on(Database::Sqlite).issued_by(proxy.url());
        let setup = setup.with("REDIS_URL", &redis.url()).with("REDIS_SESSIONS", "true");
        let server = setup.start().await;
        proxy.lead_to(server.address);
        let operator = server.operator().await;
        let user = operator.add_user("ada", "a password").await;
        operator.add_app("app", &app_policy(&json!({}))).await;
        let app = App::public(server.site(), "app");
        Self { redis, server, proxy, app, operator, user }
    }

    async fn sign_in(&self) -> Tokens {
        self.app.sign_in("ada", "a password").await
    }
}

/// A gateway in this process.
struct Edge {
    running: Running,
    _folder: TempDir,
}

impl Edge {
    /// Starts one that reads the mirror, or follows the feed.
    async fn start(story: &Story, mirror: Option<&Redis>) -> Self {
        let issuer = &story.server.issuer;
        let rule = |(name, judged): &(&str, &str)| {
            format!(
                "[[rule]]\nname = \"{name}\"\nhosts = [\"api.example\"]\npaths = [\"/{name}\"]\n\
                 authenticate = [\"bearer\"]\naudiences = [\"{issuer}\"]\n{judged}\n"
            )
        };
        let redis = mirror.map(|redis| format!("[redis]\nurl = \"{}\"\n", redis.url()));
        let source = if mirror.is_some() { "mirror" } else { "feed" };
        let file = [
            "decisions = \"127.0.0.1:0\"\n".to_owned(),
            redis.unwrap_or_default(),
            format!("[provider]\nissuer = \"{issuer}\"\nclient_id = \"admin\"\n"),
            format!("revocations = \"{source}\"\n"),
            RULES.iter().map(rule).collect(),
        ]
        .concat();
        let folder = TempDir::with_prefix("menshen-edge-").expect("a temporary folder");
        let rules = folder.path().join("gateway.toml");
        std::fs::write(&rules, file).expect("the folder is ours");
        let start = Start {
            beside: None,
            rules,
            client_secret: Some(story.server.admin_secret().to_owned()),
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
            vault: None,
        };
        let running = menshen_gateway::run(start).await.expect("it starts");
        until("the gateway is ready", SOON, async || running.gateway().readiness().is_ready())
            .await;
        Self { running, _folder: folder }
    }

    /// What a request with a token comes to, by the rule of this name.
    async fn status(&self, rule: &str, tokens: &Tokens) -> u16 {
        let bearer = format!("Bearer {}", tokens.access);
        let headers = [(AUTHORIZATION, bearer.parse().expect("a token is ASCII"))];
        let facts = Facts {
            method: Method::GET,
            scheme: Scheme::Https,
            host: "api.example".to_owned(),
            target: format!("/{rule}"),
            headers: HeaderMap::from_iter(headers),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        match self.running.gateway().decide(&facts).await {
            Decision::Allow(_) => 200,
            Decision::Refuse(refused) => refused.status().as_u16(),
            other => panic!("neither: {other:?}"),
        }
    }
}
