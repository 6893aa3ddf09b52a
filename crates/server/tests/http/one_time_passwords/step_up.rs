//! An app asks for more than the sign-in is worth, or for a fresher one (RFC 9470).

use std::time::Duration;

use menshen_domain::client::ClientMetadata;
use menshen_store::ClientChange;
use serde_json::json;

use super::{MFA, next_code, turn_on};
use crate::authorize::{CALLBACK, add_web, come_back, redeem, request, with_web};
use crate::harness::{Answer, Server, claims};
use crate::postbox::Postbox;
use crate::walk::{Walker, sent};

const CODE: &str = "/sign-in/code";
const MAIL: &str = "/sign-in/mail-code";

/// A browser that was signed in by the password alone.
async fn signed_in(server: &Server) -> Walker {
    let mut walker = Walker::default();
    let answer = come_back(&mut walker, server, &request(&[])).await;
    let tokens = redeem(server, &sent(&answer)["code"]).await;
    assert_eq!(claims(&tokens.text("id_token"))["acr"], "urn:menshen:acr:password");
    walker
}

fn asks_for_code(page: &Answer) -> bool {
    page.body.contains("name=\"code\"") && !page.body.contains("name=\"password\"")
}

#[tokio::test]
async fn the_code_alone_raises_a_session() {
    let server = with_web().await;
    let mut walker = signed_in(&server).await;
    let since = server.now();
    let phone = turn_on(&server, &"user-ada".parse().expect("an id")).await;
    server.advance(Duration::from_mins(5));
    let before = walker.session().map(str::to_owned);
    let plain = walker.get(&server, &request(&[])).await;
    assert!(sent(&plain).contains_key("code"), "who asks for nothing gets what there is");
    let page = walker.get(&server, &request(&[("acr_values", MFA)])).await;
    assert!(asks_for_code(&page), "{}", page.body);
    let answer = walker.submit(&server, &page, CODE, &[("code", &phone.code(server.now()))]).await;
    let answer = walker.follow(&server, answer).await;
    let tokens = redeem(&server, &sent(&answer)["code"]).await;
    let id_token = claims(&tokens.text("id_token"));
    assert_eq!((&id_token["acr"], &id_token["amr"]), (&json!(MFA), &json!(["pwd", "otp"])));
    assert_eq!(id_token["auth_time"], since.as_seconds(), "the password was given then");
    assert_ne!(walker.session().map(str::to_owned), before, "the cookie is another one");
    let again = walker.get(&server, &request(&[("acr_values", MFA), ("prompt", "none")])).await;
    assert!(sent(&again).contains_key("code"));
    let known = json!({ "essential": true, "value": "urn:menshen:acr:password" });
    let known = json!({ "id_token": { "acr": known } }).to_string();
    let answer = walker.get(&server, &request(&[("claims", &known)])).await;
    let tokens = redeem(&server, &sent(&answer)["code"]).await;
    let id_token = claims(&tokens.text("id_token"));
    assert_eq!(id_token["acr"], "urn:menshen:acr:password", "what the app insists on");
}

#[tokio::test]
async fn what_is_too_old_is_proved_again_and_what_is_worth_too_little_as_well() {
    let server = with_web().await;
    let phone = turn_on(&server, &"user-ada".parse().expect("an id")).await;
    let mut walker = Walker::default();
    let page = walker.get(&server, &request(&[])).await;
    let page = walker.sign_in(&server, &page).await;
    let answer = walker.submit(&server, &page, CODE, &[("code", &phone.code(server.now()))]).await;
    let page = walker.follow(&server, answer).await;
    walker.submit(&server, &page, "/consent", &[("decision", "allow")]).await;
    server.advance(Duration::from_mins(10));
    let fresh = request(&[("acr_values", MFA), ("max_age", "300")]);
    let page = walker.get(&server, &fresh).await;
    assert!(page.body.contains("name=\"password\""), "{}", page.body);
    let page = walker.sign_in(&server, &page).await;
    assert!(asks_for_code(&page), "{}", page.body);
    let answer = walker.submit(&server, &page, CODE, &[("code", &phone.code(server.now()))]).await;
    let answer = walker.follow(&server, answer).await;
    let tokens = redeem(&server, &sent(&answer)["code"]).await;
    let id_token = claims(&tokens.text("id_token"));
    assert_eq!(id_token["acr"], MFA);
    assert_eq!(id_token["auth_time"], server.now().as_seconds());
}

#[tokio::test]
async fn who_cannot_give_a_code_goes_back_to_the_app() {
    let server = with_web().await;
    let mut walker = signed_in(&server).await;
    let essential = json!({ "id_token": { "acr": { "essential": true, "value": MFA } } });
    let essential = essential.to_string();
    for asked in [("acr_values", MFA), ("claims", essential.as_str())] {
        let answer = walker.get(&server, &request(&[asked])).await;
        assert_eq!(sent(&answer)["error"], "unmet_authentication_requirements", "{asked:?}");
    }
    let silent = request(&[("acr_values", MFA), ("prompt", "none")]);
    assert_eq!(sent(&walker.get(&server, &silent).await)["error"], "login_required");
    for enough in ["urn:menshen:acr:mfa urn:menshen:acr:password", "phr"] {
        let answer = walker.get(&server, &request(&[("acr_values", enough)])).await;
        assert!(sent(&answer).contains_key("code"), "{enough}");
    }
}

#[tokio::test]
async fn a_client_may_register_what_it_asks_for() {
    let server = with_web().await;
    let mut walker = signed_in(&server).await;
    let metadata = ClientMetadata {
        redirect_uris: vec![CALLBACK.to_owned()],
        default_acr_values: vec![MFA.to_owned()],
        ..ClientMetadata::default()
    };
    let change = ClientChange { metadata: Some(metadata), ..ClientChange::default() };
    server.app.store.change_client(&"web".parse().expect("an id"), &change).await.expect("changed");
    server.advance(Duration::from_mins(5));
    let answer = walker.get(&server, &request(&[])).await;
    assert_eq!(sent(&answer)["error"], "unmet_authentication_requirements");
}

#[tokio::test]
async fn who_has_no_phone_gets_a_mail() {
    let mut postbox = Postbox::open().await;
    let server = Server::start_with(postbox.serve()).await;
    add_web(&server, "web").await;
    let ada = server.add_user("ada").await;
    let email = json!({ "email": "ada@mail.example" });
    let email = email.as_object().expect("an object");
    server.app.store.change_claims(&ada, None, Some(email), server.now()).await.expect("changed");
    let mut walker = signed_in(&server).await;
    let page = walker.get(&server, &request(&[("acr_values", MFA)])).await;
    assert!(postbox.is_empty() && !page.body.contains("name=\"code\""), "{}", page.body);
    let page = walker.submit(&server, &page, MAIL, &[]).await;
    let text = postbox.next().await.text;
    let is_code = |word: &&str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit());
    let code = text.split_whitespace().find(is_code).expect("a code");
    let answer = walker.submit(&server, &page, CODE, &[("code", code)]).await;
    let answer = walker.follow(&server, answer).await;
    let tokens = redeem(&server, &sent(&answer)["code"]).await;
    assert_eq!(claims(&tokens.text("id_token"))["acr"], MFA);
}

#[tokio::test]
async fn a_session_that_was_signed_out_meanwhile_is_not_raised() {
    let server = with_web().await;
    let mut walker = signed_in(&server).await;
    let phone = turn_on(&server, &"user-ada".parse().expect("an id")).await;
    let page = walker.get(&server, &request(&[("acr_values", MFA)])).await;
    let sign_out = walker.get(&server, "/account").await;
    walker.submit(&server, &sign_out, "/logout/confirm", &[]).await;
    assert_eq!(walker.session(), None);
    next_code(&server);
    let answer = walker.submit(&server, &page, CODE, &[("code", &phone.code(server.now()))]).await;
    assert_eq!((answer.status, walker.session()), (400, None));
}
