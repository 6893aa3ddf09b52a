//! The reverse proxy: what a rule lets through arrives as it was sent, with nothing of the client's
//! that could be taken for ours; and a stream ends with the session that it belongs to.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::harness::{
    App, Database, Gateway, Server, Setup, Tokens, Upstream, Wire, app_policy, until,
};

const SOON: Duration = Duration::from_secs(20);

/// A provider, a gateway and a service behind it, and a user who has signed in.
struct Scene {
    server: Server,
    gateway: Gateway,
    upstream: Upstream,
    app: App,
    tokens: Tokens,
}

impl Scene {
    async fn set() -> Self {
        let server = Setup::on(Database::Sqlite).start().await;
        let operator = server.operator().await;
        operator.add_user("anna", "a password").await;
        operator.add_app("phone", &app_policy(&json!({}))).await;
        let upstream = Upstream::start().await;
        let gateway = Gateway::start(&server, &rules(&server, &upstream)).await;
        let app = App::public(server.site(), "phone");
        let tokens = app.sign_in("anna", "a password").await;
        Self { server, gateway, upstream, app, tokens }
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.tokens.access)
    }
}

fn rules(server: &Server, upstream: &Upstream) -> String {
    format!(
        r#"
        {}

        [[rule]]
        name = "open"
        hosts = ["*"]
        paths = ["/open/**"]
        access = "public"
        upstream = "api"

        [[rule]]
        name = "api"
        hosts = ["*"]
        paths = ["/**"]
        authenticate = ["bearer"]
        audiences = ["{}"]
        upstream = "api"
        "#,
        upstream.table("api"),
        server.issuer
    )
}

fn header<'a>(echo: &'a Value, name: &str) -> Vec<&'a str> {
    let pairs = echo["headers"].as_array().expect("a list");
    let found = pairs.iter().filter(|pair| pair[0] == name);
    found.map(|pair| pair[1].as_str().expect("text")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_rule_lets_through_arrives_as_it_was_sent() {
    let scene = Scene::set().await;
    for wire in [Wire::Connections, Wire::OneConnection] {
        let site = scene.gateway.proxied(wire);
        assert_eq!(site.get("/orders", &[]).await.expect("it answers").status, 401);
        let authorization = scene.bearer();
        let headers = [
            ("authorization", authorization.as_str()),
            ("x-auth-subject", "root"),
            ("x_auth_roles", "admin"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-mine", "kept"),
        ];
        let body = vec![b'x'; 100_000];
        let answer = site.raw(Method::POST, "/orders/7?a=%2F", body, &headers).await;
        let echo = answer.expect("it answers").ok().body;
        assert_eq!((&echo["method"], &echo["target"]), (&json!("POST"), &json!("/orders/7?a=%2F")));
        assert_eq!(echo["body"].as_str().map(str::len), Some(100_000));
        assert_eq!(header(&echo, "x-mine"), ["kept"]);
        assert_eq!(header(&echo, "x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(header(&echo, "host"), [scene.gateway.proxy.to_string()]);
        let subject = header(&echo, "x-auth-subject");
        assert!(subject.len() == 1 && subject[0].len() > 10, "{subject:?}");
        assert_eq!(header(&echo, "x-auth-client"), ["phone"]);
        assert!(header(&echo, "x_auth_roles").is_empty());
        assert!(header(&echo, "authorization").is_empty());
    }
    let site = scene.gateway.proxied(Wire::Connections);
    assert_eq!(site.get("/open/status", &[]).await.expect("it answers").status, 200);
    assert_eq!(site.get("/.menshen/nothing", &[]).await.expect("it answers").status, 404);
    let seen = scene.upstream.received();
    assert!(seen.iter().all(|request| !request.target.contains("menshen")), "{seen:?}");
    assert_eq!(seen.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_and_websockets_end_with_their_session_and_others_go_on() {
    let scene = Scene::set().await;
    let other = scene.app.sign_in("anna", "a password").await;
    let (mine, theirs) = (scene.bearer(), format!("Bearer {}", other.access));
    let url = format!("http://{}/stream/a", scene.gateway.proxy);
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut streams = Vec::new();
    for _ in 0..64 {
        let mut stream = client.get(&url).header("authorization", &mine).send().await.expect("on");
        assert_eq!(stream.chunk().await.expect("a line").as_deref(), Some(&b"begun\n"[..]));
        streams.push(stream);
    }
    let mut kept =
        client.get(&url).header("authorization", &theirs).send().await.expect("it is on");
    kept.chunk().await.expect("a line");
    let mut socket = websocket(&scene.gateway, &mine).await;
    socket.send(Message::text("hello")).await.expect("it is open");
    let heard = socket.next().await.expect("it is open").expect("a message");
    assert_eq!(heard.to_text().ok(), Some("hello"));
    assert_eq!(scene.upstream.say("all"), 65);
    for stream in streams.iter_mut().chain([&mut kept]) {
        assert_eq!(stream.chunk().await.expect("a line").as_deref(), Some(&b"all\n"[..]));
    }

    scene.app.log_out(&scene.tokens.refresh, "device").await.ok();
    let ending = async {
        for stream in &mut streams {
            assert!(stream.chunk().await.is_err(), "broken off, not ended");
        }
        assert!(!matches!(socket.next().await, Some(Ok(_))), "closed");
    };
    tokio::time::timeout(SOON, ending).await.expect("all are closed");
    until("the service behind is rid of them", SOON, async || scene.upstream.streams() == 1).await;
    assert_eq!(scene.upstream.say("still"), 1);
    assert_eq!(kept.chunk().await.expect("a line").as_deref(), Some(&b"still\n"[..]));
    let site = scene.gateway.proxied(Wire::Connections);
    let answer = site.get("/orders", &[("authorization", &mine)]).await.expect("it answers");
    assert_eq!(answer.status, 401);
    assert!(scene.server.site().get("/readyz", &[]).await.is_ok());
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<TcpStream>>;

async fn websocket(gateway: &Gateway, authorization: &str) -> Socket {
    let url = format!("ws://{}/ws/echo", gateway.proxy);
    let mut request = url.into_client_request().expect("a request");
    request.headers_mut().insert("authorization", authorization.parse().expect("a header"));
    tokio_tungstenite::connect_async(request).await.expect("it is upgraded").0
}

fn open_to_all(upstream: &Upstream) -> String {
    format!(
        "{}\n[[rule]]\nname = \"all\"\nhosts = [\"*\"]\npaths = [\"/**\"]\naccess = \"public\"\n\
         upstream = \"api\"\n",
        upstream.table("api")
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_drops_no_request_and_holds_at_once() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let gateway = Gateway::alone(&open_to_all(&first)).await;
    let asking: Vec<_> = (0..4)
        .map(|_| {
            let site = gateway.proxied(Wire::Connections);
            tokio::spawn(async move {
                let mut asked = 0;
                loop {
                    let answer = site.get("/a", &[("x-mine", "1")]).await.expect("never dropped");
                    asked += answer.ok().status / 200;
                    if answer_is_last(&site).await {
                        return asked;
                    }
                }
            })
        })
        .collect();
    for upstream in [&second, &first, &second, &first, &second] {
        assert!(gateway.reload(&open_to_all(upstream)).await, "the rules hold");
    }
    assert!(!gateway.reload("nonsense = 1").await, "these do not");
    let site = gateway.proxied(Wire::Connections);
    let before = second.received().len();
    site.get("/last", &[]).await.expect("it answers").ok();
    assert!(second.received().len() > before);
    assert!(gateway.reload(&closed(&second)).await);
    for asked in asking {
        assert!(asked.await.expect("no request was dropped") > 0);
    }
    let seen = first.received();
    assert!(
        seen.iter().all(|request| request.method == "GET" && request.headers.contains_key("via"))
    );
}

/// Whether the rules are those of [`closed`].
async fn answer_is_last(site: &crate::harness::Site) -> bool {
    site.get("/closed", &[]).await.expect("never dropped").status == 403
}

fn closed(upstream: &Upstream) -> String {
    let rule =
        "[[rule]]\nname = \"closed\"\nhosts = [\"*\"]\npaths = [\"/closed\"]\naccess = \"deny\"\n";
    format!("{rule}{}", open_to_all(upstream))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_may_finish_when_the_gateway_stops() {
    let upstream = Upstream::start().await;
    let mut gateway = Gateway::alone(&open_to_all(&upstream)).await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let url = format!("http://{}/stream/a", gateway.proxy);
    let mut stream = client.get(&url).send().await.expect("it is on");
    stream.chunk().await.expect("a line");
    gateway.signal("TERM");
    until("it takes nobody new", SOON, async || TcpStream::connect(gateway.proxy).await.is_err())
        .await;
    upstream.say("last words");
    assert_eq!(stream.chunk().await.expect("a line").as_deref(), Some(&b"last words\n"[..]));
    drop(stream);
    until("it is done", SOON, async || gateway.ended().is_some()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_who_are_idle_cost_little_and_others_are_served() {
    const MANY: usize = 8_000;
    let upstream = Upstream::start().await;
    let gateway = Gateway::alone(&open_to_all(&upstream)).await;
    let site = gateway.proxied(Wire::Connections);
    site.get("/a", &[]).await.expect("it answers").ok();
    let before = gateway.memory_mib();
    let mut idle = Vec::with_capacity(MANY);
    for _ in 0..MANY {
        let mut stream = TcpStream::connect(gateway.proxy).await.expect("there is room");
        stream.write_all(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("it listens");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.expect("it answers");
        assert_eq!(&answer, b"HTTP/1.1 200");
        idle.push(stream);
    }
    let cost = gateway.memory_mib() - before;
    eprintln!("{MANY} idle connections: {cost:.0} MiB");
    assert!(cost < 400.0, "{cost} MiB");
    for _ in 0..50 {
        site.get("/a", &[]).await.expect("it answers").ok();
    }
}
