//! The sign-in pages: the code comes after the password, in the same browser, for the same user.

use std::time::Duration;

use menshen_domain::one_time_password::recovery_code;
use serde_json::json;

use super::{MFA, Phone, RECOVERY, next_code, turn_on};
use crate::authorize::{add_web, come_back, redeem, request, with_web};
use crate::harness::{Answer, PASSWORD, Server, claims};
use crate::postbox::Postbox;
use crate::walk::{Walker, forms, sent};

const CODE: &str = "/sign-in/code";
const MAIL: &str = "/sign-in/mail-code";

/// A server with the web client `web`, `bob`, and `ada`, who has a phone.
async fn start() -> (Server, Phone) {
    let server = with_web().await;
    let phone = turn_on(&server, &"user-ada".parse().expect("an id")).await;
    (server, phone)
}

/// The page that asks for a code, after the right password of `ada`.
async fn after_the_password(walker: &mut Walker, server: &Server, path: &str) -> Answer {
    let page = walker.get(server, path).await;
    let page = walker.follow(server, page).await;
    let page = walker.sign_in(server, &page).await;
    assert!(page.body.contains("name=\"code\""), "{}", page.body);
    assert_eq!(walker.session(), None, "nobody is signed in yet");
    page
}

async fn give(walker: &mut Walker, server: &Server, page: &Answer, code: &str) -> Answer {
    walker.submit(server, page, CODE, &[("code", code)]).await
}

#[tokio::test]
async fn after_the_password_comes_the_code_and_then_the_app() {
    let (server, phone) = start().await;
    let mut walker = Walker::default();
    let page = after_the_password(&mut walker, &server, &request(&[])).await;
    assert!(!page.body.contains(MAIL), "there is no mail server");
    let wrong = give(&mut walker, &server, &page, &phone.wrong(server.now())).await;
    assert_eq!(wrong.status, 400);
    assert_eq!(walker.session(), None);
    let code = phone.code(server.now());
    let spaced = format!(" {} {}", &code[..3], &code[3..]);
    let page = give(&mut walker, &server, &wrong, &spaced).await;
    let page = walker.follow(&server, page).await;
    let answer = walker.submit(&server, &page, "/consent", &[("decision", "allow")]).await;
    let tokens = redeem(&server, &sent(&answer)["code"]).await;
    let id_token = claims(&tokens.text("id_token"));
    assert_eq!(id_token["acr"], MFA);
    assert_eq!(id_token["amr"], json!(["pwd", "otp"]));
    let again = come_back(&mut walker, &server, &request(&[])).await;
    assert!(sent(&again).contains_key("code"), "one sign-in is enough for every app");
}

#[tokio::test]
async fn a_wrong_password_never_leads_to_the_code() {
    let (server, _) = start().await;
    let mut walker = Walker::default();
    let page = walker.get(&server, "/sign-in").await;
    let wrong = [("username", "ada"), ("password", "wrong")];
    let answer = walker.submit(&server, &page, "/sign-in", &wrong).await;
    assert_eq!(answer.status, 400);
    assert!(!answer.body.contains("name=\"code\""));
    let nobody = [("username", "nobody"), ("password", PASSWORD)];
    let other = walker.submit(&server, &page, "/sign-in", &nobody).await;
    let told = |answer: &Answer| answer.body.replace("nobody", "ada");
    assert_eq!(told(&answer), told(&other));
}

#[tokio::test]
async fn a_half_sign_in_is_good_in_its_own_browser_for_its_own_user_once() {
    let (server, phone) = start().await;
    let (mut walker, mut thief) = (Walker::default(), Walker::default());
    let page = after_the_password(&mut walker, &server, "/account").await;
    let half = field(&page, "half");
    // Eve has seen the form and the code, in a browser of her own, in which she has begun as bob.
    let foreign = thief.get(&server, "/sign-in").await;
    let csrf = field(&foreign, "csrf");
    let code = phone.code(server.now());
    let stolen = [("csrf", csrf.as_str()), ("half", half.as_str()), ("code", code.as_str())];
    let answer = thief.post(&server, CODE, &stolen).await;
    assert_eq!(answer.status, 400);
    assert_eq!(thief.session(), None);
    let answer = give(&mut walker, &server, &page, &code).await;
    assert_eq!((answer.status, walker.session().is_some()), (303, true));
    next_code(&server);
    let mut other = walker.clone();
    let before = walker.session().map(str::to_owned);
    let replayed = give(&mut other, &server, &page, &phone.code(server.now())).await;
    assert_eq!(replayed.status, 303, "whoever is signed in goes on");
    assert_eq!(other.session().map(str::to_owned), before, "and nothing was done");
}

#[tokio::test]
async fn too_many_wrong_codes_begin_with_the_password_once_more() {
    let (server, phone) = start().await;
    let mut walker = Walker::default();
    let page = after_the_password(&mut walker, &server, &request(&[])).await;
    let wrong = phone.wrong(server.now());
    for _ in 0..5 {
        let answer = give(&mut walker, &server, &page, &wrong).await;
        assert!(answer.body.contains("name=\"code\""), "{}", answer.body);
    }
    let answer = give(&mut walker, &server, &page, &phone.code(server.now())).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("name=\"password\""), "{}", answer.body);
    assert_eq!(walker.session(), None);
}

#[tokio::test]
async fn the_page_waits_ten_minutes() {
    let (server, phone) = start().await;
    let mut walker = Walker::default();
    let page = after_the_password(&mut walker, &server, "/account").await;
    server.advance(Duration::from_mins(10));
    let answer = give(&mut walker, &server, &page, &phone.code(server.now())).await;
    assert_eq!((answer.status, walker.session()), (400, None));
    assert!(answer.body.contains("name=\"password\""), "{}", answer.body);
}

#[tokio::test]
async fn a_recovery_code_opens_the_account_of_who_lost_the_phone() {
    let (server, _) = start().await;
    let mut walker = Walker::default();
    let page = after_the_password(&mut walker, &server, "/account").await;
    let code = recovery_code(RECOVERY);
    let answer = give(&mut walker, &server, &page, code.expose()).await;
    assert_eq!((answer.status, walker.session().is_some()), (303, true));
    let mut walker = Walker::default();
    let page = after_the_password(&mut walker, &server, "/account").await;
    let answer = give(&mut walker, &server, &page, code.expose()).await;
    assert_eq!((answer.status, walker.session()), (400, None));
}

#[tokio::test]
async fn a_code_comes_by_mail_to_whoever_chooses_so() {
    let mut postbox = Postbox::open().await;
    let server = Server::start_with(postbox.serve()).await;
    add_web(&server, "web").await;
    let ada = server.add_user("ada").await;
    turn_on(&server, &ada).await;
    let claims = json!({ "email": "ada@mail.example" });
    let claims = claims.as_object().expect("an object");
    server.app.store.change_claims(&ada, None, Some(claims), server.now()).await.expect("changed");
    let mut walker = Walker::default();
    let page = after_the_password(&mut walker, &server, &request(&[])).await;
    assert!(postbox.is_empty());
    let page = walker.submit(&server, &page, MAIL, &[]).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let mail = postbox.next().await;
    assert!(mail.to.contains("ada@mail.example"), "{}", mail.to);
    let is_code = |word: &&str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit());
    let code = mail.text.split_whitespace().find(is_code).expect("a code");
    assert!(!page.body.contains(code));
    let wrong = give(&mut walker, &server, &page, "00000000").await;
    assert_eq!(wrong.status, 400);
    let answer = give(&mut walker, &server, &wrong, code).await;
    assert_eq!((answer.status, walker.session().is_some()), (303, true));
}

/// The value of a hidden field.
fn field(page: &Answer, name: &str) -> String {
    let fields = forms(&page.body).into_iter().flat_map(|form| form.fields);
    let found = fields.into_iter().find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("no {name} in {}", page.body)).1
}
