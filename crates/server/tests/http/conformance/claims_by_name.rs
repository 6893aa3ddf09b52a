//! The parameter `claims`: what is asked for by name comes where it was asked for, and only what the
//! user has allowed an app that may have it.

use menshen_store::ClientChange;
use serde_json::{Value, json};

use crate::authorize::{redeem, request, with_web};
use crate::harness::{Answer, Server, claims};
use crate::walk::{Walker, sent};

/// `ada` has a name and a telephone, which the app may not ask for.
async fn with_names() -> Server {
    let server = with_web().await;
    let known = json!({
        "name": "Ada King", "email": "ada@ada.example", "phone_number": "+44", "tenant": "north",
    });
    let known = known.as_object().expect("an object").clone();
    let ada = server.user("ada").id;
    let changed = server.app.store.change_claims(&ada, None, Some(&known), server.now()).await;
    changed.expect("changed");
    server.advance(std::time::Duration::from_secs(1));
    server
}

const BY_NAME: &str = r#"{"userinfo":{"name":{"essential":true},"phone_number":null,"tenant":null},
    "id_token":{"email":null,"roles":null,"tenant":null}}"#;

async fn allow(walker: &mut Walker, server: &Server, page: &Answer) -> Answer {
    let answer = walker.submit(server, page, "/consent", &[("decision", "allow")]).await;
    redeem(server, &sent(&answer)["code"]).await
}

#[tokio::test]
async fn a_claim_stands_where_it_was_asked_for() {
    let server = with_names().await;
    let mut walker = Walker::default();
    let page = walker.get(&server, &request(&[("scope", "openid"), ("claims", BY_NAME)])).await;
    let page = walker.sign_in(&server, &page).await;
    let tokens = allow(&mut walker, &server, &page).await;
    let id_token = claims(&tokens.text("id_token"));
    let userinfo = server.userinfo(&tokens.text("access_token")).await.json();
    assert_eq!((&userinfo["name"], &id_token["name"]), (&json!("Ada King"), &Value::Null));
    assert_eq!((&userinfo["email"], &id_token["email"]), (&Value::Null, &json!("ada@ada.example")));
    for (place, found) in [("userinfo", &userinfo), ("id_token", &id_token)] {
        for never in ["phone_number", "tenant", "roles"] {
            assert_eq!(found[never], Value::Null, "{never} in {place}");
        }
    }
    let form = [("grant_type", "refresh_token"), ("refresh_token", &tokens.text("refresh_token"))];
    let web = server.call("POST", "/token").basic("web", crate::harness::SECRET);
    let renewed = web.form(&form).send().await;
    assert_eq!(claims(&renewed.text("id_token"))["email"], json!("ada@ada.example"));
}

#[tokio::test]
async fn what_is_asked_for_by_name_is_asked_of_the_user() {
    let server = with_names().await;
    let mut walker = Walker::default();
    let page = walker.get(&server, &request(&[("scope", "openid")])).await;
    let page = walker.sign_in(&server, &page).await;
    allow(&mut walker, &server, &page).await;
    let again = request(&[("scope", "openid"), ("prompt", "none")]);
    assert!(sent(&walker.get(&server, &again).await).contains_key("code"));
    let by_name = [("scope", "openid"), ("claims", BY_NAME)];
    let silent = request(&[by_name[0], by_name[1], ("prompt", "none")]);
    assert_eq!(sent(&walker.get(&server, &silent).await)["error"], "consent_required");
    let page = walker.get(&server, &request(&by_name)).await;
    let shown = |page: &Answer| {
        let form = crate::walk::forms(&page.body);
        let form = form.into_iter().find(|form| form.action == "/consent").expect("it asks");
        form.fields.into_iter().find(|(name, _)| name == "scope").expect("it says for what").1
    };
    assert_eq!(shown(&page), "openid profile email");
    let narrow = request(&[("scope", "openid email admin phone")]);
    let page = walker.get(&server, &narrow).await;
    assert_eq!(shown(&page), "openid email", "what the app may not have is not asked for");
}

#[tokio::test]
async fn an_app_that_is_no_longer_ours_has_to_ask() {
    let server = with_names().await;
    let web = "web".parse().expect("valid");
    let client = server.app.store.find_client(&web).await.expect("reads").expect("there");
    let switch = async |first_party: bool| {
        let mut policy = client.policy.clone();
        policy.first_party = first_party;
        let change = ClientChange { policy: Some(policy), ..ClientChange::default() };
        server.app.store.change_client(&web, &change).await.expect("changed");
        server.advance(std::time::Duration::from_secs(2));
    };
    switch(true).await;
    let mut walker = Walker::default();
    let page = walker.get(&server, &request(&[])).await;
    let answer = walker.sign_in(&server, &page).await;
    let tokens = redeem(&server, &sent(&answer)["code"]).await;
    let access = tokens.text("access_token");
    assert_eq!(server.userinfo(&access).await.json()["tenant"], json!("north"));
    switch(false).await;
    let userinfo = server.userinfo(&access).await.json();
    assert_eq!((&userinfo["tenant"], &userinfo["roles"]), (&Value::Null, &Value::Null));
    let silent = walker.get(&server, &request(&[("prompt", "none")])).await;
    assert_eq!(sent(&silent)["error"], "consent_required");
}

#[tokio::test]
async fn a_token_that_was_narrowed_says_no_more_than_its_scope() {
    let server = with_names().await;
    let mut walker = Walker::default();
    let asked = request(&[("scope", "openid email"), ("claims", BY_NAME)]);
    let page = walker.get(&server, &asked).await;
    let page = walker.sign_in(&server, &page).await;
    let tokens = allow(&mut walker, &server, &page).await;
    let known = async |scope: &str| {
        let token = tokens.text("refresh_token");
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", token.as_str()), ("scope", scope)];
        let web = server.call("POST", "/token").basic("web", crate::harness::SECRET);
        let access = web.form(&form).send().await.tokens().access;
        let userinfo = server.userinfo(&access).await.json();
        (!userinfo["name"].is_null(), !userinfo["email"].is_null())
    };
    assert_eq!(known("openid").await, (true, false));
    assert_eq!(known("email").await, (false, true));
}

#[tokio::test]
async fn what_was_shown_is_what_is_allowed() {
    let server = with_names().await;
    let mut walker = Walker::default();
    let page = walker.get(&server, &request(&[("scope", "openid")])).await;
    let page = walker.sign_in(&server, &page).await;
    let more = [("decision", "allow"), ("scope", "openid email")];
    let answer = walker.submit(&server, &page, "/consent", &more).await;
    let page = walker.follow(&server, answer).await;
    assert!(page.body.contains("value=\"allow\""), "it is asked again: {}", page.body);
    let ada = server.user("ada").id;
    let web = "web".parse().expect("valid");
    let allowed = server.app.store.find_consent(&ada, &web).await.expect("reads");
    assert!(allowed.is_empty(), "{allowed:?}");
}
