//! A gateway that is cut off from the provider does what each rule says, tells so, and lets nobody in
//! by what it never knew.

use std::time::Duration;

use serde_json::json;

use crate::harness::{
    App, Database, Gateway, Mode, Proxy, Server, Setup, Tokens, Upstream, Wire, app_policy, until,
};

const SOON: Duration = Duration::from_secs(20);

/// One rule for each policy, on a path of its name.
const POLICIES: [(&str, &str); 4] = [
    ("refuse", "\"refuse\""),
    ("introspect", "\"introspect\""),
    ("long", "{ allow_for = \"1h\" }"),
    ("short", "{ allow_for = \"1s\" }"),
];

struct Scene {
    network: Proxy,
    gateway: Gateway,
    app: App,
    _server: Server,
    _upstream: Upstream,
}

impl Scene {
    async fn set() -> Self {
        let network = Proxy::start(([127, 0, 0, 1], 9).into()).await;
        let server = Setup::on(Database::Sqlite)
            .issued_by(network.url())
            .with("FEED_HEARTBEAT", "100ms")
            .start()
            .await;
        network.lead_to(server.address);
        let operator = server.operator().await;
        operator.add_user("ada", "a password").await;
        operator.add_app("phone", &app_policy(&json!({}))).await;
        let policy = json!({ "scope": "gateway revocations:read" });
        let secret = operator.add_confidential("edge", &policy).await;
        let upstream = Upstream::start().await;
        let provider = format!(
            "[provider]\nissuer = \"{}\"\nclient_id = \"edge\"\nmax_staleness = \"1s\"\n",
            server.issuer
        );
        let rule = |(name, when_stale): (&str, &str)| {
            format!(
                "[[rule]]\nname = \"{name}\"\nhosts = [\"*\"]\npaths = [\"/{name}\"]\n\
                 authenticate = [\"bearer\"]\naudiences = [\"{}\"]\nwhen_stale = {when_stale}\n\
                 upstream = \"api\"\n",
                server.issuer
            )
        };
        let rules = upstream.table("api") + &POLICIES.map(rule).concat();
        let gateway = Gateway::launch(provider, &secret, &rules).await;
        gateway.ready().await;
        let app = App::public(server.site(), "phone");
        Self { network, gateway, app, _server: server, _upstream: upstream }
    }

    async fn sign_in(&self) -> Tokens {
        self.app.sign_in("ada", "a password").await
    }

    async fn status(&self, rule: &str, tokens: &Tokens) -> u16 {
        let bearer = format!("Bearer {}", tokens.access);
        let site = self.gateway.proxied(Wire::Connections);
        let answer = site.get(&format!("/{rule}"), &[("authorization", &bearer)]).await;
        answer.expect("it answers").status
    }

    async fn readiness(&self) -> (u16, String) {
        let answer = self.gateway.site().get("/readyz", &[]).await.expect("it answers");
        (answer.status, answer.text)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_cut_off_does_what_each_rule_says() {
    for mode in [Mode::FeedCut, Mode::Cut] {
        let scene = Scene::set().await;
        let (stays, goes) = (scene.sign_in().await, scene.sign_in().await);
        for (rule, _) in POLICIES {
            assert_eq!(scene.status(rule, &goes).await, 200, "{rule}");
        }
        scene.network.set(mode);
        scene.app.log_out(&goes.refresh, "device").await.ok();
        until("the rules are old", SOON, async || scene.status("refuse", &stays).await == 503)
            .await;
        let (status, reason) = scene.readiness().await;
        assert_eq!(status, 503);
        assert!(reason.contains("seconds old"), "{reason}");
        let metrics = scene.gateway.site().get("/metrics", &[]).await.expect("it answers").text;
        assert!(metrics.contains("menshen_gateway_staleness_seconds"), "{metrics}");
        assert_eq!(scene.status("long", &stays).await, 200, "allowed for an hour");
        until("the second is over", SOON, async || scene.status("short", &stays).await == 503)
            .await;
        let asked = if mode == Mode::FeedCut { [200, 401] } else { [503, 503] };
        let found =
            [scene.status("introspect", &stays).await, scene.status("introspect", &goes).await];
        assert_eq!(found, asked, "{mode:?}");

        scene.network.set(Mode::Open);
        scene.gateway.ready().await;
        for (rule, _) in POLICIES {
            assert_eq!(scene.status(rule, &stays).await, 200, "{rule}");
            assert_eq!(scene.status(rule, &goes).await, 401, "{rule}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_starts_while_cut_off_lets_nobody_in() {
    let mut scene = Scene::set().await;
    let tokens = scene.sign_in().await;
    for mode in [Mode::Cut, Mode::FeedCut] {
        scene.network.set(mode);
        scene.gateway.start_over().await;
        for (rule, _) in POLICIES.into_iter().filter(|(rule, _)| *rule != "introspect") {
            assert_eq!(scene.status(rule, &tokens).await, 503, "{rule}: never 401, never 200");
        }
        assert_eq!(scene.readiness().await.0, 503);
        scene.network.set(Mode::Open);
        scene.gateway.ready().await;
        for (rule, _) in POLICIES {
            assert_eq!(scene.status(rule, &tokens).await, 200, "{rule}");
        }
    }
}
