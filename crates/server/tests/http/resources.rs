//! `resource`: a token for one of the APIs that a client may call, and for no other (RFC 8707).

use serde_json::json;

use crate::harness::{Answer, SECRET, Server, VERIFIER, claims, refresh_form, sign_in_form};

const ORDERS: &str = "https://orders.example/";
const STOCK: &str = "https://stock.example/";

/// Parameters beyond the usual ones.
type More<'a> = &'a [(&'a str, &'a str)];

async fn server() -> Server {
    let server = Server::start().await;
    server.add_user("ada").await;
    let adjust = |policy: &mut menshen_domain::client::ClientPolicy| {
        policy.scope = "openid orders:read orders:write stock:read".parse().expect("a scope");
        for (resource, scope) in [(ORDERS, "orders:read orders:write"), (STOCK, "stock:read")] {
            policy.resources.insert(resource.to_owned(), scope.parse().expect("a scope"));
        }
    };
    server.add_app("app", adjust).await;
    server.add_confidential("job", adjust).await;
    server
}

async fn sign_in(server: &Server, asked: More<'_>, redeemed: More<'_>) -> Answer {
    let kept = sign_in_form("app").into_iter().filter(|(name, _)| *name != "scope");
    let form: Vec<(&str, &str)> = kept.chain(asked.iter().copied()).collect();
    let answer = server.post("/authorize-challenge", &form).await;
    if answer.status != 200 {
        return answer;
    }
    let code = answer.text("authorization_code");
    let standard = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", code.as_str()),
        ("code_verifier", VERIFIER),
    ];
    let form: Vec<(&str, &str)> = standard.into_iter().chain(redeemed.iter().copied()).collect();
    server.post("/token", &form).await
}

async fn refresh(server: &Server, token: &str, resource: &str) -> Answer {
    let form = refresh_form("app", token).into_iter().chain([("resource", resource)]);
    server.post("/token", &form.collect::<Vec<_>>()).await
}

#[tokio::test]
async fn each_api_gets_a_token_of_its_own() {
    let server = server().await;
    let scope = ("scope", "orders:read orders:write stock:read");
    let first = sign_in(&server, &[scope], &[("resource", STOCK)]).await.tokens();
    assert_eq!(claims(&first.access)["aud"], STOCK);
    assert_eq!(claims(&first.access)["scope"], "stock:read");
    let second = refresh(&server, &first.refresh, ORDERS).await.tokens();
    assert_eq!(claims(&second.access)["aud"], ORDERS);
    assert_eq!(claims(&second.access)["scope"], "orders:read orders:write");
}

#[tokio::test]
async fn a_grant_for_one_resource_is_for_no_other() {
    let server = server().await;
    let scope = ("scope", "orders:read stock:read");
    let first = sign_in(&server, &[scope, ("resource", STOCK)], &[]).await.tokens();
    assert_eq!(claims(&first.access)["aud"], STOCK);
    assert_eq!(claims(&first.access)["scope"], "stock:read");
    assert_eq!(refresh(&server, &first.refresh, ORDERS).await.verdict(), "400 invalid_target");
    let next = refresh(&server, &first.refresh, STOCK).await;
    assert_eq!(next.status, 200, "the refusal has superseded nothing");
    let answer = sign_in(&server, &[scope, ("resource", STOCK)], &[("resource", ORDERS)]).await;
    assert_eq!(answer.verdict(), "400 invalid_target");
}

#[tokio::test]
async fn an_unknown_resource_is_refused_wherever_it_is_named() {
    let server = server().await;
    let unknown = ("resource", "https://elsewhere.example/");
    for (asked, redeemed) in [(&[unknown][..], &[][..]), (&[][..], &[unknown][..])] {
        assert_eq!(sign_in(&server, asked, redeemed).await.verdict(), "400 invalid_target");
    }
    let form = [("grant_type", "client_credentials"), unknown];
    let answer = server.call("POST", "/token").basic("job", SECRET).form(&form).send().await;
    assert_eq!(answer.verdict(), "400 invalid_target");
}

#[tokio::test]
async fn a_client_for_itself_names_resources_too() {
    let server = server().await;
    let form = [("grant_type", "client_credentials"), ("resource", ORDERS), ("resource", STOCK)];
    let form = [&form[..], &[("scope", "orders:read stock:read")]].concat();
    let answer = server.call("POST", "/token").basic("job", SECRET).form(&form).send().await;
    let token = answer.tokens().access;
    assert_eq!(claims(&token)["aud"], json!([ORDERS, STOCK]));
    assert_eq!(claims(&token)["scope"], "orders:read stock:read");
}

#[tokio::test]
async fn what_belongs_to_no_resource_stays_with_every_token() {
    let server = server().await;
    let scope = ("scope", "openid orders:read stock:read");
    let answer = sign_in(&server, &[scope], &[("resource", STOCK)]).await;
    assert_eq!(claims(&answer.tokens().access)["scope"], "openid stock:read");
    assert_ne!(answer.text("id_token"), "");
}

#[tokio::test]
async fn a_resource_that_was_not_allowed_uses_no_code_up() {
    let server = server().await;
    let form = sign_in_form("app").into_iter().chain([("resource", STOCK)]);
    let answer = server.post("/authorize-challenge", &form.collect::<Vec<_>>()).await;
    let code = answer.text("authorization_code");
    let redeem = |resource: &'static str| {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("code", code.as_str()),
            ("code_verifier", VERIFIER),
            ("resource", resource),
        ];
        server.call("POST", "/token").form(&form).send()
    };
    assert_eq!(redeem(ORDERS).await.verdict(), "400 invalid_target");
    assert_eq!(claims(&redeem(STOCK).await.tokens().access)["aud"][0], STOCK);
}
