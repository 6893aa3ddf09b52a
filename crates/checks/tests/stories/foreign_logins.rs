//! A provider that is not ours signs browsers in as well, and ends their sessions by its
//! back channel.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, Url};
use serde_json::{Value, json};

use crate::harness::{Answer, Database, Foreign, Gateway, HOST, Visitor, path_of, until};

const RULES: &str = r#"
[[rule]]
name = "shop"
hosts = ["127.0.0.1"]
paths = ["/**"]
authenticate = ["session", "ticket"]
unauthenticated = "login"
login = "elsewhere"
"#;

/// How soon one node knows what has ended on another.
const SOON: Duration = Duration::from_secs(30);

struct Scene {
    foreign: Foreign,
    gateway: Gateway,
}

impl Scene {
    async fn begin(access_token_lifetime: u64) -> Self {
        let foreign = Foreign::start(access_token_lifetime).await;
        let gateway = Gateway::alone(&format!("{RULES}\n{}", foreign.login())).await;
        Self { foreign, gateway }
    }

    async fn grace(&self) -> Visitor {
        let mut visitor = Visitor::of(self.gateway.decisions);
        let begun = visitor.get("/.menshen/login?return_to=/cart").await;
        let request: Url = begun.header("location").parse().expect("an address");
        assert!(request.as_str().starts_with(&self.foreign.issuer()), "{request}");
        let back = self.foreign.consent(&request);
        let answer = visitor.get(&path_of(&back)).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/cart"), "{}", answer.text);
        visitor
    }

    async fn tell(&self, token: &str) -> Answer {
        let form = [("logout_token", token)];
        let headers = [("host", HOST)];
        let site = self.gateway.site();
        site.form("/.menshen/backchannel-logout", &form, &headers).await.expect("it answers")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_not_ours_ends_sessions_by_its_back_channel() {
    let scene = Scene::begin(600).await;
    let (mut grace, mut phone) = (scene.grace().await, scene.grace().await);
    let session = grace.session().await.ok();
    assert_eq!((session.text("sub"), session.text("sid")), ("grace", "s-grace"));
    let event = "http://schemas.openid.net/event/backchannel-logout";
    for change in [
        json!({ "iss": "http://127.0.0.1:1" }),
        json!({ "aud": "somebody-else" }),
        json!({ "nonce": "n" }),
        json!({ "events": { "http://schemas.openid.net/event/other": {} } }),
        json!({ "events": null }),
        json!({ "iat": 1_000_000 }),
        json!({ "exp": 1_000_000 }),
        json!({ "sub": null, "sid": null }),
        json!({ "jti": null }),
    ] {
        let answer = scene.tell(&scene.foreign.logout_token(&change)).await;
        assert_eq!(answer.status, 400, "{change}");
    }
    let stranger = Foreign::start(600).await;
    let claims = json!({ "iss": scene.foreign.issuer(), "events": { event: {} } });
    assert_eq!(scene.tell(&stranger.logout_token(&claims)).await.status, 400);
    assert_eq!(grace.session().await.status, 200, "nothing of that ended anything");
    assert_eq!(
        scene.tell(&scene.foreign.logout_token(&json!({ "sid": "other" }))).await.status,
        200
    );
    assert_eq!(grace.session().await.status, 200, "another session");
    let token = scene.foreign.logout_token(&json!({}));
    assert_eq!(scene.tell(&token).await.status, 200);
    assert_eq!(grace.session().await.status, 401, "at once");
    assert_eq!(phone.session().await.status, 401);
    assert_eq!(scene.tell(&token).await.status, 400, "sent before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_another_provider_are_exchanged_once_and_an_outage_ends_nothing() {
    let scene = Scene::begin(6).await;
    let grace = scene.grace().await;
    let ask_often = async || {
        let each = (0..64).map(|_| {
            let mut grace = grace.clone();
            async move { grace.session().await.status }
        });
        join_all(each).await
    };
    until("the token nears its end", SOON, async || {
        let asked = ask_often().await;
        assert!(asked.iter().all(|status| *status == 200), "{asked:?}");
        scene.foreign.refreshes() > 0
    })
    .await;
    assert_eq!(scene.foreign.refreshes(), 1, "once for all of them");
    for refusal in [(500, "server_error"), (429, "slow_down"), (400, "invalid_client")] {
        scene.foreign.refuse(Some(refusal));
        until("the token has expired", SOON, async || {
            let status = grace.clone().session().await.status;
            assert!([200, 503].contains(&status), "{status}");
            status == 503
        })
        .await;
        scene.foreign.refuse(None);
        until("it goes on", SOON, async || grace.clone().session().await.status == 200).await;
    }
    scene.foreign.refuse(Some((400, "invalid_grant")));
    until("the session has ended there", SOON, async || {
        grace.clone().session().await.status == 401
    })
    .await;
    scene.foreign.refuse(None);
    assert_eq!(grace.clone().session().await.status, 401, "and does not come back");
    let own = [("x-menshen-csrf", "1")];
    let body = (&Value::Null, &own[..]);
    assert_eq!(grace.clone().send(Method::POST, "/.menshen/ticket", body).await.status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_share_sessions_and_exchange_tokens_once() {
    let Database::Postgres(url) = Database::postgres() else { panic!("it is one") };
    let foreign = Foreign::start(6).await;
    let rules = format!("{RULES}\n{}\n[store]\nurl = \"{url}\"\n", foreign.login());
    let gateway = Gateway::alone(&rules).await;
    let data = format!("data = \"{}\"\n", gateway.data().display());
    let second = Gateway::alone(&format!("{rules}{data}")).await;
    let scene = Scene { foreign, gateway };
    let grace = scene.grace().await;
    let nodes = [grace.clone(), grace.at(second.decisions)];
    until("the token nears its end", SOON, async || {
        let each = (0..64).map(|number| {
            let mut grace = nodes[number % 2].clone();
            async move { grace.session().await.status }
        });
        let asked = join_all(each).await;
        assert!(asked.iter().all(|status| *status == 200), "{asked:?}");
        scene.foreign.refreshes() > 0
    })
    .await;
    assert_eq!(scene.foreign.refreshes(), 1, "once, by one of them");
    assert_eq!(scene.tell(&scene.foreign.logout_token(&json!({}))).await.status, 200);
    assert_eq!(nodes[0].clone().session().await.status, 401, "at once where it was said");
    until("the other node knows", SOON, async || nodes[1].clone().session().await.status == 401)
        .await;
}
