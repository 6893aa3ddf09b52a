//! `/authorize`: an app sends somebody, who signs in, allows it, and comes back with a code.

use menshen_domain::client::ClientMetadata;
use serde_json::json;

use crate::harness::{Answer, CHALLENGE, ISSUER, SECRET, Server, VERIFIER, claims};
use crate::walk::{Walker, forms, path, sent};

pub(crate) const CALLBACK: &str = "https://web.example/callback";

/// A server with `ada` and a third-party web client.
pub(crate) async fn with_web() -> Server {
    let server = Server::start().await;
    server.add_user("ada").await;
    server.add_user("bob").await;
    add_web(&server, "web").await;
    server
}

pub(crate) async fn add_web(server: &Server, id: &str) {
    let metadata = ClientMetadata {
        redirect_uris: vec![CALLBACK.to_owned(), "https://web.example/other".to_owned()],
        ..ClientMetadata::default()
    };
    let adjust = |policy: &mut menshen_domain::client::ClientPolicy| {
        policy.first_party = false;
        policy.scope = "openid profile email offline_access".parse().expect("a scope");
    };
    server.add_web(id, metadata, adjust).await;
}

pub(crate) fn request<'a>(extra: &[(&'a str, &'a str)]) -> String {
    let standard = [
        ("client_id", "web"),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid profile"),
        ("state", "the state"),
        ("nonce", "the nonce"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let kept = standard.iter().filter(|(name, _)| !extra.iter().any(|(own, _)| own == name));
    let all: Vec<(&str, &str)> = kept.chain(extra).copied().collect();
    path("/authorize", &all)
}

pub(crate) async fn redeem(server: &Server, code: &str) -> Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    server.call("POST", "/token").basic("web", SECRET).form(&form).send().await
}

/// Signs in, allows, and comes back: what the client is sent.
pub(crate) async fn come_back(walker: &mut Walker, server: &Server, request: &str) -> Answer {
    let page = walker.get(server, request).await;
    let page = if page.body.contains("name=\"password\"") {
        walker.sign_in(server, &page).await
    } else {
        page
    };
    if page.status == 200 && page.body.contains("value=\"allow\"") {
        return walker.submit(server, &page, "/consent", &[("decision", "allow")]).await;
    }
    page
}

#[tokio::test]
async fn somebody_signs_in_allows_it_and_comes_back_with_a_code() {
    let server = with_web().await;
    let mut walker = Walker::default();
    let page = walker.get(&server, &request(&[])).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let page = walker.sign_in(&server, &page).await;
    assert!(page.body.contains("value=\"allow\""), "{}", page.body);
    let answer = walker.submit(&server, &page, "/consent", &[("decision", "allow")]).await;
    let given = sent(&answer);
    assert_eq!(given["state"], "the state");
    assert_eq!(given["iss"], ISSUER);
    let tokens = redeem(&server, &given["code"]).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    let id_token = claims(&tokens.text("id_token"));
    assert_eq!(id_token["nonce"], json!("the nonce"));
    assert_eq!(id_token["aud"], json!("web"));
    assert_eq!(id_token["sub"], json!("user-ada"));
    assert_eq!(id_token["sid"], claims(&tokens.text("access_token"))["sid"]);
    assert_eq!(server.userinfo(&tokens.text("access_token")).await.status, 200);
}

#[tokio::test]
async fn whoever_is_signed_in_and_has_allowed_it_is_not_asked_again() {
    let server = with_web().await;
    let mut walker = Walker::default();
    let first = come_back(&mut walker, &server, &request(&[])).await;
    let first = redeem(&server, &sent(&first)["code"]).await;
    let silent = walker.get(&server, &request(&[("prompt", "none")])).await;
    let second = redeem(&server, &sent(&silent)["code"]).await;
    let (first, second) = (claims(&first.text("id_token")), claims(&second.text("id_token")));
    assert_eq!((&first["sub"], &first["sid"]), (&second["sub"], &second["sid"]));
    assert_eq!(first["auth_time"], second["auth_time"]);
}

#[tokio::test]
async fn nothing_is_shown_when_nothing_may_be() {
    let server = with_web().await;
    let mut walker = Walker::default();
    let answer = walker.get(&server, &request(&[("prompt", "none")])).await;
    assert_eq!(sent(&answer)["error"], "login_required");
    let page = walker.get(&server, &request(&[])).await;
    walker.sign_in(&server, &page).await;
    let answer = walker.get(&server, &request(&[("prompt", "none")])).await;
    assert_eq!(sent(&answer)["error"], "consent_required");
    let answer = walker.get(&server, &request(&[("prompt", "none login")])).await;
    assert_eq!(sent(&answer)["error"], "invalid_request");
}

#[tokio::test]
async fn the_user_may_say_no() {
    let server = with_web().await;
    let mut walker = Walker::default();
    let page = walker.get(&server, &request(&[])).await;
    let page = walker.sign_in(&server, &page).await;
    let answer = walker.submit(&server, &page, "/consent", &[("decision", "deny")]).await;
    assert_eq!(sent(&answer)["error"], "access_denied");
    assert_eq!(sent(&answer)["state"], "the state");
}

#[tokio::test]
async fn a_fresh_sign_in_can_be_asked_for() {
    let server = with_web().await;
    let mut walker = Walker::default();
    come_back(&mut walker, &server, &request(&[])).await;
    let (cookie, before) = (walker.session().map(str::to_owned), server.now());
    server.advance(std::time::Duration::from_mins(1));
    for again in [[("prompt", "login")], [("max_age", "30")], [("max_age", "0")]] {
        server.advance(std::time::Duration::from_mins(1));
        let page = walker.get(&server, &request(&again)).await;
        assert!(page.body.contains("name=\"password\""), "{again:?} {}", page.body);
        let answer = walker.sign_in(&server, &page).await;
        let tokens = redeem(&server, &sent(&answer)["code"]).await;
        let id_token = claims(&tokens.text("id_token"));
        assert!(id_token["auth_time"].as_i64() > Some(before.as_seconds()), "{again:?}");
    }
    assert_ne!(walker.session().map(str::to_owned), cookie, "the cookie is another one");
}

#[tokio::test]
async fn the_response_travels_as_asked() {
    let server = with_web().await;
    let mut walker = Walker::default();
    come_back(&mut walker, &server, &request(&[])).await;
    let fragment = walker.get(&server, &request(&[("response_mode", "fragment")])).await;
    assert!(fragment.header("location").starts_with(&format!("{CALLBACK}#code=")));
    let form = walker.get(&server, &request(&[("response_mode", "form_post")])).await;
    let shown = &forms(&form.body)[0];
    assert_eq!((form.status, shown.action.as_str()), (200, CALLBACK));
    let names: Vec<&str> = shown.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert!(["code", "state", "iss"].iter().all(|name| names.contains(name)), "{names:?}");
    let unknown = walker.get(&server, &request(&[("response_mode", "smoke")])).await;
    assert_eq!(sent(&unknown)["error"], "invalid_request");
    let mut stranger = Walker::default();
    let silent = [("response_mode", "form_post"), ("prompt", "none")];
    let error = stranger.get(&server, &request(&silent)).await;
    assert!(error.body.contains("login_required"), "{}", error.body);
}

#[tokio::test]
async fn another_account_in_the_same_browser_ends_the_first() {
    let server = with_web().await;
    let mut walker = Walker::default();
    let answer = come_back(&mut walker, &server, &request(&[])).await;
    let ada = redeem(&server, &sent(&answer)["code"]).await.tokens();
    let page = walker.get(&server, &request(&[("prompt", "select_account")])).await;
    let page = walker.submit(&server, &page, "/sign-in/other", &[]).await;
    let page = walker.sign_in_as(&server, &page, "bob").await;
    let answer = walker.submit(&server, &page, "/consent", &[("decision", "allow")]).await;
    let bob = redeem(&server, &sent(&answer)["code"]).await;
    assert_eq!(claims(&bob.text("id_token"))["sub"], json!("user-bob"));
    assert_eq!(server.userinfo(&ada.access).await.status, 401);
    let form = [("grant_type", "refresh_token"), ("refresh_token", ada.refresh.as_str())];
    let refused = server.call("POST", "/token").basic("web", SECRET).form(&form).send().await;
    assert_eq!(refused.verdict(), "400 invalid_grant account_switched");
}

#[tokio::test]
async fn the_pages_speak_the_language_that_a_pushed_request_asks_for() {
    let server = with_web().await;
    let form = [
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("ui_locales", "zh-CN en"),
    ];
    let pushed = server.call("POST", "/par").basic("web", SECRET).form(&form).send().await;
    let uri = pushed.text("request_uri");
    let query = [("client_id", "web"), ("request_uri", uri.as_str())];
    let page = Walker::default().get(&server, &path("/authorize", &query)).await;
    assert_eq!(page.header("content-language"), "zh-CN", "{}", page.body);
}
