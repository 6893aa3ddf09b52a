//! Browser mode: people sign in through the gateway and hold a cookie, never a token. It is worth
//! exactly as much as the session at the provider.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    App, Database, Gateway, HOST, Operator, Server, Setup, Visitor, app_policy, path_of, until,
};

const PASSWORD: &str = "correct horse battery staple";

/// How soon the gateway knows what the provider says by its feed.
const SOON: Duration = Duration::from_secs(30);

const RULES: &str = r#"
[[rule]]
name = "shop"
hosts = ["127.0.0.1"]
paths = ["/**"]
authenticate = ["session", "bearer", "ticket"]
unauthenticated = "login"
audiences = ["https://shop.example"]
"#;

struct Scene {
    server: Server,
    operator: Operator,
    gateway: Gateway,
}

impl Scene {
    /// A provider, a gateway that is a client there, and Ada.
    async fn begin(policy: &Value, rules: &str) -> Self {
        let server = Setup::on(Database::Sqlite).start().await;
        let operator = server.operator().await;
        operator.add_user("ada", PASSWORD).await;
        let secret = register(&operator, policy).await;
        let gateway = Gateway::launch(provider(&server), &secret, rules).await;
        gateway.ready().await;
        Self { server, operator, gateway }
    }

    fn visitor(&self) -> Visitor {
        Visitor::new(self.gateway.decisions, &self.server)
    }

    /// What the gateway lets through, as nginx asks it.
    async fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Asked {
        let own = [
            ("x-original-method", method),
            ("x-original-scheme", "http"),
            ("x-original-host", HOST),
            ("x-original-uri", target),
            ("x-forwarded-for", "127.0.0.1"),
        ];
        let headers = [&own, headers].concat();
        let answer = self.gateway.site().get("/forward-auth/nginx", &headers).await;
        let answer = answer.expect("it answers");
        Asked {
            status: match answer.header("x-menshen-status") {
                "" => answer.status,
                meant => meant.parse().expect("a status"),
            },
            login: answer.header("x-menshen-login").to_owned(),
            subject: answer.header("x-auth-subject").to_owned(),
            cookie: answer.header("cookie").to_owned(),
        }
    }
}

/// What came of a request.
#[derive(Debug)]
struct Asked {
    status: u16,
    login: String,
    subject: String,
    cookie: String,
}

/// The client that the gateway is.
async fn register(operator: &Operator, policy: &Value) -> String {
    let mut whole = json!({
        "first_party": true,
        "scope": "gateway revocations:read openid orders:read",
        "audience": ["https://shop.example"],
    });
    for (name, value) in policy.as_object().into_iter().flatten() {
        whole[name] = value.clone();
    }
    let body = json!({
        "id": "edge",
        "name": "edge",
        "confidential": true,
        "metadata": { "redirect_uris": [format!("http://{HOST}/.menshen/callback")] },
        "policy": whole,
    });
    operator.post("/admin/clients", &body).await.ok().text("client_secret").to_owned()
}

fn provider(server: &Server) -> String {
    format!("[provider]\nissuer = \"{}\"\nclient_id = \"edge\"\n", server.issuer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_signs_in_is_let_through_and_logs_out_everywhere() {
    let scene = Scene::begin(&json!({}), RULES).await;
    let mut ada = scene.visitor();
    let page = [("accept", "text/html"), ("sec-fetch-mode", "navigate")];
    let asked = scene.ask("GET", "/orders?page=2", &page).await;
    assert_eq!(
        (asked.status, asked.login.as_str()),
        (302, "/.menshen/login?return_to=%2Forders%3Fpage%3D2")
    );
    let script = [("accept", "*/*"), ("sec-fetch-mode", "cors")];
    assert_eq!(scene.ask("GET", "/orders", &script).await.status, 401);
    let back = ada.sign_in(&asked.login, "ada", PASSWORD).await;
    assert_eq!((back.status, back.header("location")), (303, "/orders?page=2"));
    let session = ada.session().await.ok();
    assert!(!session.text("sub").is_empty());
    assert!(!session.text.contains("token"), "{}", session.text);
    let line = format!("theme=dark; {}", ada.cookie_line());
    let asked = scene.ask("GET", "/orders", &[("cookie", &line)]).await;
    assert_eq!((asked.status, asked.subject.as_str()), (200, session.text("sub")));
    assert_eq!(asked.cookie, "theme=dark", "the cookie stays here");
    let twice = format!("{0}; {0}", ada.cookie_line());
    assert_eq!(scene.ask("GET", "/orders", &[("cookie", &twice)]).await.status, 400);
    // Nothing but the site itself makes the cookie speak.
    for (headers, expected) in [
        (&[][..], 403),
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[("origin", "http://evil.example")], 403),
        (&[("origin", "http://127.0.0.1:7777")], 200),
        (&[("sec-fetch-site", "same-origin")], 200),
        (&[("x-menshen-csrf", "1")], 200),
    ] {
        let headers = [&[("cookie", line.as_str())], headers].concat();
        assert_eq!(scene.ask("POST", "/orders", &headers).await.status, expected, "{headers:?}");
    }
    // A logout needs a click here, and ends the session at the provider as well.
    let (cookie, own) = (ada.cookie_line(), ("sec-fetch-site", "same-origin"));
    let foreign = [("sec-fetch-site", "cross-site"), ("accept", "text/html")];
    let refused = ada.send(Method::POST, "/.menshen/logout", (&Value::Null, &foreign)).await;
    assert_eq!(refused.status, 403);
    assert_eq!(ada.get("/.menshen/logout").await.status, 200);
    assert_eq!(ada.session().await.status, 200);
    let answer = ada
        .send(Method::POST, "/.menshen/logout", (&Value::Null, &[own, ("accept", "text/html")]))
        .await;
    assert_eq!(answer.status, 303);
    assert!(answer.header("location").starts_with(&scene.server.issuer));
    assert_eq!(ada.session_cookie(), None);
    assert_eq!(scene.ask("GET", "/orders", &[("cookie", &cookie)]).await.status, 401);
    let page = ada.provider().get("/account").await;
    assert!(page.text.contains("You are signed out"), "signed out there too: {}", page.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_is_finished_once_by_the_browser_that_began_it() {
    let scene = Scene::begin(&json!({}), RULES).await;
    let (mut ada, mut eve) = (scene.visitor(), scene.visitor());
    // An address elsewhere is never where a login leads to.
    for stray in
        ["https://evil.example/", "//evil.example/", "/\\evil.example", "%2F%2Fevil.example"]
    {
        let login = format!("/.menshen/login?return_to={stray}");
        let back = scene.visitor().sign_in(&login, "ada", PASSWORD).await;
        assert_eq!((back.status, back.header("location")), (303, "/"), "{stray}");
    }
    let back = ada.come_back("/.menshen/login", "ada", PASSWORD).await;
    let stolen = eve.get(&path_of(&back)).await;
    assert_eq!((stolen.status, eve.session_cookie()), (400, None), "another browser");
    let tampered = |name: &str, value: &str| {
        let mut url = back.clone();
        let pairs: Vec<(String, String)> = back.query_pairs().into_owned().collect();
        let changed = pairs
            .iter()
            .map(|(found, old)| (found.as_str(), if found == name { value } else { old.as_str() }));
        url.query_pairs_mut().clear().extend_pairs(changed);
        path_of(&url)
    };
    let forged = ada.get(&tampered("state", "guessed")).await;
    assert_eq!((forged.status, ada.session_cookie()), (400, None));
    let answer = ada.get(&path_of(&back)).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let first = ada.session_cookie().expect("signed in").to_owned();
    assert_eq!(ada.get(&path_of(&back)).await.status, 400, "once");
    // A code of somebody else, put into a login of one's own.
    let mut ben = scene.visitor();
    let others = ben.come_back("/.menshen/login", "ada", PASSWORD).await;
    let code = others.query_pairs().find(|(name, _)| name == "code").expect("a code").1;
    let own = ada.come_back("/.menshen/login", "ada", PASSWORD).await;
    let mut injected = own.clone();
    let state = own.query_pairs().find(|(name, _)| name == "state").expect("a state").1;
    let pairs = [("code", code.as_ref()), ("state", &state), ("iss", &scene.server.issuer)];
    injected.query_pairs_mut().clear().extend_pairs(pairs);
    let refused = ada.get(&path_of(&injected)).await;
    assert_eq!(refused.status, 400, "the code belongs to another verifier");
    // Each login has a new cookie, and the old one is worth nothing.
    let again = ada.sign_in("/.menshen/login", "ada", PASSWORD).await;
    assert_eq!(again.status, 303);
    assert_ne!(ada.session_cookie(), Some(first.as_str()));
    let line = format!("menshen-session={first}");
    assert_eq!(scene.ask("GET", "/", &[("cookie", &line)]).await.status, 401);
    let mixed = ben.come_back("/.menshen/login", "ada", PASSWORD).await;
    let state = mixed.query_pairs().find(|(name, _)| name == "state").expect("a state").1;
    let query = format!("/.menshen/callback?code=x&state={state}&iss=https://evil.example");
    assert_eq!(ben.get(&query).await.status, 400, "another provider's answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_at_the_provider_reaches_the_browser() {
    let scene = Scene::begin(&json!({}), RULES).await;
    let mut ada = scene.visitor();
    ada.sign_in("/.menshen/login", "ada", PASSWORD).await;
    let session = ada.session().await.ok().text("sid").to_owned();
    scene.operator.end_session(&session).await.ok();
    let cookie = ada.cookie_line();
    until("the cookie is worth nothing", SOON, async || {
        scene.ask("GET", "/orders", &[("cookie", &cookie)]).await.status == 401
    })
    .await;
    let headers = [("cookie", cookie.as_str()), ("accept", "text/html")];
    assert_eq!(scene.ask("GET", "/orders", &headers).await.status, 302);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_exchanged_once_for_many_requests_and_survive_outages_and_restarts() {
    let policy = json!({ "access_token_lifetime_ms": 8_000 });
    let mut scene = Scene::begin(&policy, RULES).await;
    let mut ada = scene.visitor();
    ada.sign_in("/.menshen/login", "ada", PASSWORD).await;
    let cookie = ada.cookie_line();
    let refreshes = async |scene: &Scene| scene.server.metric("menshen_refreshes_total", "").await;
    for _ in 0..3 {
        let before = refreshes(&scene).await;
        until("the token nears its end", SOON, async || {
            let headers = [("cookie", cookie.as_str())];
            let asked = join_all((0..64).map(|_| scene.ask("GET", "/orders", &headers))).await;
            assert!(asked.iter().all(|asked| asked.status == 200), "{asked:?}");
            refreshes(&scene).await > before
        })
        .await;
        assert_eq!(refreshes(&scene).await, before + 1, "once for all of them");
    }
    scene.gateway.restart().await;
    let mut later = ada.at(scene.gateway.decisions);
    assert_eq!(later.session().await.status, 200, "a restart ends nothing");
    scene.server.kill();
    until("nobody can tell", SOON, async || {
        let asked = scene.ask("GET", "/orders", &[("cookie", cookie.as_str())]).await;
        assert!([200, 503].contains(&asked.status), "an outage is no logout: {asked:?}");
        asked.status == 503
    })
    .await;
    scene.server.launch().await;
    until("the session goes on", SOON, async || {
        scene.ask("GET", "/orders", &[("cookie", cookie.as_str())]).await.status == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_access_token_becomes_a_cookie_that_lives_and_dies_with_it() {
    let scene = Scene::begin(&json!({}), RULES).await;
    let policy = app_policy(&json!({ "audience": ["https://shop.example"] }));
    scene.operator.add_app("app", &policy).await;
    let tokens = App::public(scene.server.site(), "app").sign_in("ada", PASSWORD).await;
    let bearer = format!("Bearer {}", tokens.access);
    let mut page = scene.visitor();
    let path = "/.menshen/session";
    assert_eq!(page.send(Method::POST, path, (&Value::Null, &[])).await.status, 401);
    let headers = [("authorization", bearer.as_str())];
    let answer = page.send(Method::POST, path, (&Value::Null, &headers)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let cookie = page.cookie_line();
    assert_eq!(scene.ask("GET", "/orders", &[("cookie", &cookie)]).await.status, 200);
    let refused = page.send(Method::DELETE, path, (&Value::Null, &[])).await;
    assert_eq!(refused.status, 403);
    let own = [("x-menshen-csrf", "1")];
    assert_eq!(page.send(Method::DELETE, path, (&Value::Null, &own)).await.status, 204);
    assert_eq!(scene.ask("GET", "/orders", &[("cookie", &cookie)]).await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_opens_one_thing_once() {
    let scene = Scene::begin(&json!({}), RULES).await;
    let mut ada = scene.visitor();
    ada.sign_in("/.menshen/login", "ada", PASSWORD).await;
    let own = [("x-menshen-csrf", "1")];
    let wanted = json!({ "method": "GET", "path": "/report?year=2026", "expires_in": 30 });
    let refused = ada.send(Method::POST, "/.menshen/ticket", (&wanted, &[])).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    let mut mint = async || {
        let answer = ada.send(Method::POST, "/.menshen/ticket", (&wanted, &own)).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.text("path").to_owned()
    };
    let path = mint().await;
    assert!(path.starts_with("/report?year=2026&ticket="), "{path}");
    let elsewhere = path.replace("2026", "2025");
    assert_eq!(scene.ask("GET", &elsewhere, &[]).await.status, 401, "another target");
    assert_eq!(scene.ask("POST", &path, &[]).await.status, 401, "another method");
    let asked = join_all((0..32).map(|_| scene.ask("GET", &path, &[]))).await;
    assert_eq!(asked.iter().filter(|asked| asked.status == 200).count(), 1, "{asked:?}");
    let (late, lasting) = (mint().await, json!({ "path": "/report", "expires_in": 61 }));
    let refused = ada.send(Method::POST, "/.menshen/ticket", (&lasting, &own)).await;
    assert_eq!(refused.status, 400);
    let written = std::fs::read_to_string(scene.gateway.log()).unwrap_or_default();
    assert!(!written.contains(late.rsplit('=').next().expect("a ticket")), "a ticket is logged");
    ada.send(Method::DELETE, "/.menshen/session", (&Value::Null, &own)).await.ok();
    assert_eq!(scene.ask("GET", &late, &[]).await.status, 401, "its session has ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_gets_the_sign_in_it_asks_for_or_says_that_it_does_not() {
    let rules = format!(
        "{}{}",
        RULES.replace("\"/**\"", "\"/gold/**\"").replace("\"shop\"", "\"gold\"")
            + "acr = [\"urn:example:gold\"]\n",
        RULES.to_owned() + "max_age = \"4s\"\n",
    );
    let scene = Scene::begin(&json!({}), &rules).await;
    let mut ada = scene.visitor();
    ada.sign_in("/.menshen/login?return_to=/orders", "ada", PASSWORD).await;
    let old = ada.cookie_line();
    let ask = async |cookie: &str| {
        let headers = [("cookie", cookie), ("accept", "text/html")];
        scene.ask("GET", "/orders", &headers).await
    };
    assert_eq!(ask(&old).await.status, 200);
    until("the sign-in is too long ago", SOON, async || ask(&old).await.status == 302).await;
    let login = ask(&old).await.login;
    let answer = ada.sign_in(&login, "ada", PASSWORD).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/orders"), "{}", answer.text);
    assert_eq!(ask(&ada.cookie_line()).await.status, 200);
    assert_eq!(ask(&old).await.status, 302, "the old cookie is worth nothing");
    let answer = ada.sign_in("/.menshen/login?return_to=/gold/bar", "ada", PASSWORD).await;
    assert_eq!(answer.status, 403, "said once, not tried for ever");
}
