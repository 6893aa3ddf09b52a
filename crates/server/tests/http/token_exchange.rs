//! A service that calls another one for whoever has called it: token exchange (RFC 8693).

use std::fmt::Write as _;
use std::time::Duration;

use menshen_domain::client::ClientPolicy;
use menshen_store::Target;
use menshen_token::Reason;
use serde_json::json;

use crate::harness::{Answer, SECRET, Server, claims, read};
use crate::proof::Device;

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const STOCK: &str = "https://stock.example";

type Parameters<'a> = &'a [(&'a str, &'a str)];

/// The app `app` calls the service `orders`, which calls `stock`, which calls `ledger`.
async fn server() -> Server {
    let server = Server::start().await;
    server.add_user("ada").await;
    let scope = |text: &str| text.parse().expect("a scope");
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    server
        .add_app("app", |policy| {
            policy.scope = scope("openid account orders:read orders:write");
            policy.audience = names(&["orders"]);
        })
        .await;
    let service = |to: &'static [&'static str]| {
        move |policy: &mut ClientPolicy| policy.exchange_audience = names(to)
    };
    server.add_confidential("orders", service(&["stock", STOCK])).await;
    server.add_confidential("stock", service(&["ledger"])).await;
    server.add_confidential("stranger", service(&["stock"])).await;
    server.add_confidential("plain", |_| ()).await;
    server
}

async fn exchange(server: &Server, client: &str, token: &str, more: &[(&str, &str)]) -> Answer {
    let standard =
        [("grant_type", EXCHANGE), ("subject_token", token), ("subject_token_type", ACCESS_TOKEN)];
    let kept = standard.iter().filter(|(name, _)| !more.iter().any(|(own, _)| own == name));
    let form: Vec<(&str, &str)> = kept.chain(more).copied().collect();
    server.call("POST", "/token").basic(client, SECRET).form(&form).send().await
}

const FOR_STOCK: (&str, &str) = ("audience", "stock");

#[tokio::test]
async fn a_service_acts_for_whoever_called_it() {
    let server = server().await;
    let first = server.sign_in().await.access;
    let answer = exchange(&server, "orders", &first, &[FOR_STOCK, ("scope", "orders:read")]).await;
    insta::assert_snapshot!(answer.print());
    let second = answer.tokens().access;
    let (before, after) = (claims(&first), claims(&second));
    for same in ["sub", "sid", "grant", "auth_time"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert_ne!(before["jti"], after["jti"]);
    assert_eq!(server.userinfo(&second).await.status, 401, "it opens nothing of ours");
    let form = [("grant_type", EXCHANGE), ("audience", "ledger")];
    let third = exchange(&server, "stock", &second, &form).await.tokens().access;
    let chain = json!({
        "sub": "stock", "client_id": "stock",
        "act": { "sub": "orders", "client_id": "orders" },
    });
    assert_eq!(claims(&third)["act"], chain);
    let introspected = server.call("POST", "/introspect").basic("stock", SECRET);
    let introspected = introspected.form(&[("token", &third)]).send().await;
    assert_eq!(introspected.json()["act"], chain);
}

#[tokio::test]
async fn both_ways_to_name_whom_it_is_for_may_be_repeated() {
    let server = server().await;
    let first = server.sign_in().await.access;
    let named = [FOR_STOCK, ("resource", STOCK), ("resource", STOCK)];
    let answer = exchange(&server, "orders", &first, &named).await;
    assert_eq!(claims(&answer.tokens().access)["aud"], json!(["stock", STOCK]));
    assert_eq!(answer.text("scope"), "orders:read orders:write", "nothing of ours");
}

#[tokio::test]
async fn what_is_got_in_exchange_dies_with_what_it_was_made_from() {
    let server = server().await;
    let first = server.sign_in().await.access;
    server.advance(Duration::from_mins(4));
    let second = exchange(&server, "orders", &first, &[FOR_STOCK]).await.tokens().access;
    assert_eq!(claims(&second)["exp"], claims(&first)["exp"], "it lives no longer");
    let store = &server.app.store;
    let token = read(&server, &second);
    assert_eq!(store.is_revoked(&token, server.now()).await.expect("answers"), None);
    let target = Target::Session(token.session_id.expect("there"));
    store.revoke(&target, Reason::Logout, server.now()).await.expect("ended");
    let dead = store.is_revoked(&token, server.now()).await.expect("answers");
    assert_eq!(dead, Some(Reason::Logout));
    for token in [&first, &second] {
        let answer = exchange(&server, "orders", token, &[FOR_STOCK]).await;
        assert_eq!(answer.verdict(), "400 invalid_request");
    }
}

#[tokio::test]
async fn an_actor_may_be_named_by_a_token_of_its_own() {
    let server = server().await;
    let first = server.sign_in().await.access;
    let own = server.call("POST", "/token").basic("orders", SECRET);
    let own = own.form(&[("grant_type", "client_credentials")]).send().await.text("access_token");
    let named = [FOR_STOCK, ("actor_token", &own), ("actor_token_type", ACCESS_TOKEN)];
    let answer = exchange(&server, "orders", &first, &named).await;
    let act = json!({ "sub": "orders", "client_id": "orders" });
    assert_eq!(claims(&answer.tokens().access)["act"], act);
    let foreign = [FOR_STOCK, ("actor_token", &first), ("actor_token_type", ACCESS_TOKEN)];
    let answer = exchange(&server, "orders", &first, &foreign).await;
    assert_eq!(answer.verdict(), "400 invalid_request", "another client's token names nobody");
    let untyped = [FOR_STOCK, ("actor_token", &own)];
    let answer = exchange(&server, "orders", &first, &untyped).await;
    assert_eq!(answer.verdict(), "400 invalid_request");
}

#[tokio::test]
async fn nothing_more_can_be_got_than_was_allowed() {
    let server = server().await;
    let first = server.sign_in().await.access;
    let own = server.call("POST", "/token").basic("orders", SECRET);
    let own = own.form(&[("grant_type", "client_credentials")]).send().await.text("access_token");
    let mut table = String::new();
    let refresh_token = "urn:ietf:params:oauth:token-type:refresh_token";
    let cases: [(&str, &str, &str, Parameters<'_>); 12] = [
        ("for nobody", "orders", &first, &[]),
        ("for somebody else", "orders", &first, &[("audience", "ledger")]),
        ("for both", "orders", &first, &[FOR_STOCK, ("resource", "https://evil.example")]),
        ("more scope", "orders", &first, &[FOR_STOCK, ("scope", "orders:read admin")]),
        ("a token for others", "stranger", &first, &[FOR_STOCK]),
        ("by who may not", "plain", &first, &[FOR_STOCK]),
        ("garbage", "orders", "garbage", &[FOR_STOCK]),
        ("nobody's own token", "orders", &own, &[FOR_STOCK]),
        ("another type", "orders", &first, &[FOR_STOCK, ("subject_token_type", refresh_token)]),
        ("another result", "orders", &first, &[FOR_STOCK, ("requested_token_type", refresh_token)]),
        ("no token", "orders", "", &[FOR_STOCK]),
        (
            "a dead actor",
            "orders",
            &first,
            &[FOR_STOCK, ("actor_token", "x"), ("actor_token_type", ACCESS_TOKEN)],
        ),
    ];
    for (case, client, token, more) in cases {
        let answer = exchange(&server, client, token, more).await;
        let _ = writeln!(table, "{case}: {}", answer.verdict());
    }
    let form = [
        ("grant_type", EXCHANGE),
        ("client_id", "app"),
        ("subject_token", &first),
        ("subject_token_type", ACCESS_TOKEN),
        FOR_STOCK,
    ];
    let public = server.post("/token", &form).await;
    let _ = writeln!(table, "a public client: {}", public.verdict());
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn a_chain_of_actors_ends() {
    let server = Server::start().await;
    server.add_user("ada").await;
    server.add_app("app", |policy| policy.audience = vec!["loop".to_owned()]).await;
    server
        .add_confidential("loop", |policy| policy.exchange_audience = vec!["loop".to_owned()])
        .await;
    let mut token = server.sign_in().await.access;
    for _ in 0..8 {
        token = exchange(&server, "loop", &token, &[("audience", "loop")]).await.tokens().access;
    }
    let answer = exchange(&server, "loop", &token, &[("audience", "loop")]).await;
    assert_eq!(answer.verdict(), "400 invalid_request");
}

#[tokio::test]
async fn what_is_got_in_exchange_may_be_bound_to_the_services_key() {
    let server = server().await;
    let first = server.sign_in().await.access;
    let key = Device::new(4);
    let form = [
        ("grant_type", EXCHANGE),
        ("subject_token", first.as_str()),
        ("subject_token_type", ACCESS_TOKEN),
        FOR_STOCK,
    ];
    let call = server.call("POST", "/token").basic("orders", SECRET);
    let call = call.header("dpop", key.prove(&server, "/token", "a"));
    let answer = call.form(&form).send().await;
    assert_eq!(answer.text("token_type"), "DPoP", "{}", answer.body);
    let bound = claims(&answer.tokens().access)["cnf"]["jkt"].clone();
    assert_eq!(bound, json!(key.thumbprint().as_str()));
}

#[tokio::test]
async fn a_service_can_end_and_renew_nothing_of_the_app_it_acts_for() {
    let server = server().await;
    server
        .add_confidential("both", |policy| {
            policy.exchange_audience = vec!["stock".to_owned()];
            policy.renewal = menshen_domain::client::Renewal::AccessToken;
        })
        .await;
    server.add_app("front", |policy| policy.audience = vec!["both".to_owned()]).await;
    let tokens = server.sign_in_with("front").await;
    let got = exchange(&server, "both", &tokens.access, &[FOR_STOCK]).await.tokens().access;
    let renewed = exchange(&server, "both", &got, &[]).await;
    assert_eq!(renewed.verdict(), "400 invalid_request", "no token of the app's own");
    let is_dead = async |token: &str| {
        let token = read(&server, token);
        server.app.store.is_revoked(&token, server.now()).await.expect("answers").is_some()
    };
    let revoke = server.call("POST", "/revoke").basic("both", SECRET);
    assert_eq!(revoke.form(&[("token", &got)]).send().await.status, 200);
    assert!(is_dead(&got).await && !is_dead(&tokens.access).await);
    let more = exchange(&server, "both", &tokens.access, &[FOR_STOCK]).await.tokens().access;
    let logout = server.call("POST", "/account/logout").bearer(&more).send().await;
    assert_eq!(logout.json()["ended"]["sessions"], json!(0), "{}", logout.body);
    assert!(is_dead(&more).await && !is_dead(&tokens.access).await);
    let form = [("grant_type", "refresh_token"), ("client_id", "front")];
    let form = [form[0], form[1], ("refresh_token", tokens.refresh.as_str())];
    assert_eq!(server.post("/token", &form).await.status, 200);
}

#[tokio::test]
async fn when_the_app_is_disabled_what_others_got_from_it_is_dead_for_verifiers_too() {
    let server = server().await;
    let first = server.sign_in().await.access;
    let second = exchange(&server, "orders", &first, &[FOR_STOCK]).await.tokens().access;
    let app = "app".parse().expect("an id");
    server.app.store.disable_client(&app, server.now()).await.expect("disabled");
    let log = server.app.store.revocations_after(menshen_token::Seq(0), 100).await.expect("reads");
    let token = read(&server, &second);
    assert!(log.iter().any(|entry| entry.revocation.kills(&token)), "{log:?}");
}
