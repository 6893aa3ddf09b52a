//! Signing up: an address, a mail, a name and a password; once, and without a word to anybody else.

use std::time::Duration;

use serde_json::json;

use crate::authorize::{add_web, redeem, request};
use crate::harness::{Answer, PASSWORD, Server, claims};
use crate::postbox::Postbox;
use crate::walk::{Walker, forms, sent};

const SIGN_UP: &str = "/sign-up";
const FINISH: &str = "/finish-sign-up";
const LIN: &str = "lin@mail.example";

async fn start() -> (Server, Postbox) {
    let postbox = Postbox::open().await;
    let server = Server::start_with(postbox.serve()).await;
    add_web(&server, "web").await;
    server.add_user("known@mail.example").await;
    (server, postbox)
}

async fn ask(walker: &mut Walker, server: &Server, email: &str) -> Answer {
    let page = walker.get(server, SIGN_UP).await;
    walker.submit(server, &page, SIGN_UP, &[("email", email)]).await
}

#[tokio::test]
async fn somebody_new_comes_from_an_app_and_goes_back_to_it() {
    let (server, mut postbox) = start().await;
    let mut walker = Walker::default();
    let page = walker.get(&server, &request(&[("scope", "openid profile email")])).await;
    let link = page.body.split("href=\"").find(|rest| rest.starts_with(SIGN_UP)).expect("a link");
    let link = link.split('"').next().expect("an end").replace("&#38;", "&");
    let page = walker.get(&server, &link).await;
    assert!(page.body.contains("web"), "it names the app");
    let answer = walker.submit(&server, &page, SIGN_UP, &[("email", " Lin@Mail.example")]).await;
    assert!(answer.body.contains("Look into your mail"), "{}", answer.body);
    let mail = postbox.next().await;
    assert_eq!(mail.to, format!("RCPT TO:<{LIN}>"));
    assert_eq!(mail.subject(), "Confirm your address for Menshen");

    let page = walker.get(&server, &mail.path()).await;
    assert!(page.body.contains(&format!("Your address {LIN} is confirmed.")), "{}", page.body);
    assert!(page.header("content-security-policy").contains("form-action 'self' https:"));
    let fields = [("name", "Lin <b>"), ("password", "short")];
    let again = walker.submit(&server, &page, FINISH, &fields).await;
    assert_eq!(again.status, 400);
    assert!(again.body.contains("at least 8") && again.body.contains("Lin &#60;b&#62;"));
    let fields = [("name", " Lin Wei\u{7} "), ("password", PASSWORD)];
    let done = walker.submit(&server, &again, FINISH, &fields).await;
    assert_eq!(done.status, 303, "{}", done.body);
    assert!(done.header("location").starts_with("https://id.example/authorize?"));
    let consent = walker.follow(&server, done).await;
    let answer = walker.submit(&server, &consent, "/consent", &[("decision", "allow")]).await;
    let tokens = redeem(&server, &sent(&answer)["code"]).await.tokens();
    let about: serde_json::Value = server.userinfo(&tokens.access).await.json();
    assert_eq!((&about["name"], &about["email"]), (&json!("Lin Wei"), &json!(LIN)));
    assert_eq!(about["email_verified"], json!(true));
    assert_eq!(about["sub"], claims(&tokens.access)["sub"]);

    // Once: the link, and all others for this address.
    let late = walker.submit(&server, &page, FINISH, &fields).await;
    assert_eq!(late.status, 400, "{}", late.body);
    assert!(late.body.contains("This link is no longer good"));
    let mut other = Walker::default();
    let page = other.get(&server, "/sign-in").await;
    assert_eq!(other.sign_in_as(&server, &page, LIN).await.status, 200);
    assert!(other.session().is_some());
}

#[tokio::test]
async fn an_address_that_is_known_is_told_so_by_mail_alone() {
    let (server, mut postbox) = start().await;
    let mut walker = Walker::default();
    let page = walker.get(&server, SIGN_UP).await;
    let mut seen = Vec::new();
    for email in ["known@mail.example", "fresh@mail.example"] {
        let before = server.draws();
        let answer = walker.submit(&server, &page, SIGN_UP, &[("email", email)]).await;
        let work = server.draws() - before;
        assert_eq!(answer.status, 200);
        seen.push((answer.body.replace(email, "<email>"), answer.headers.len(), work));
    }
    assert_eq!(seen[0], seen[1]);
    let (mut known, mut fresh) = (postbox.next().await, postbox.next().await);
    if known.to.contains("fresh") {
        std::mem::swap(&mut known, &mut fresh);
    }
    assert_eq!(known.subject(), "You have an account at Menshen already");
    assert!(!known.text.contains("token="), "{}", known.text);
    assert!(known.text.contains("https://id.example/forgot-password"), "{}", known.text);
    assert!(fresh.path().starts_with(FINISH));
}

#[tokio::test]
async fn two_links_make_one_account() {
    let (server, mut postbox) = start().await;
    let mut walker = Walker::default();
    let mut pages = Vec::new();
    for _ in 0..2 {
        ask(&mut walker, &server, LIN).await;
        let path = postbox.next().await.path();
        pages.push(walker.get(&server, &path).await);
    }
    let fields = [("name", ""), ("password", PASSWORD)];
    let first = walker.submit(&server, &pages[1], FINISH, &fields).await;
    assert_eq!(first.header("location"), "https://id.example/account");
    let fields = [("name", ""), ("password", "the password of a thief")];
    let second = walker.submit(&server, &pages[0], FINISH, &fields).await;
    assert_eq!(second.status, 400);
    let home = walker.get(&server, "/account").await;
    assert!(home.body.contains(LIN), "{}", home.body);
}

#[tokio::test]
async fn what_is_no_address_or_no_form_of_ours_gets_no_mail() {
    let (server, mut postbox) = start().await;
    let mut walker = Walker::default();
    for text in ["", "lin", "lin@", "@mail.example", "a@b\r\nBcc: c@d", "lin@mail.example, x@y.z"] {
        let answer = ask(&mut walker, &server, text).await;
        assert_eq!(answer.status, 400, "{text}");
        assert!(answer.body.contains("This is not an e-mail address."), "{}", answer.body);
    }
    let page = walker.get(&server, SIGN_UP).await;
    let foreign = Walker::default().get(&server, SIGN_UP).await;
    let foreign = forms(&foreign.body)[0].fields[0].1.clone();
    for csrf in ["", &foreign] {
        let fields = [("csrf", csrf), ("email", LIN)];
        assert_eq!(walker.submit(&server, &page, SIGN_UP, &fields).await.status, 403);
    }
    // An address that only looks like another one is confirmed in the spelling that it becomes.
    ask(&mut walker, &server, "\u{212a}nown@mail.example").await;
    let mail = postbox.next().await;
    assert_eq!(mail.to, "RCPT TO:<known@mail.example>");
    assert_eq!(mail.subject(), "You have an account at Menshen already");
    ask(&mut walker, &server, LIN).await;
    let path = postbox.next().await.path();
    let page = walker.get(&server, &path).await;
    let fields = [("csrf", ""), ("name", "Lin"), ("password", PASSWORD)];
    assert_eq!(walker.submit(&server, &page, FINISH, &fields).await.status, 403);
    for foreign in ["", "?token=x", "?token=a&token=b"] {
        assert_eq!(walker.get(&server, &format!("{FINISH}{foreign}")).await.status, 400);
    }
    let reset = path.replace(FINISH, "/reset-password");
    assert_eq!(walker.get(&server, &reset).await.status, 400);
    server.advance(Duration::from_mins(30));
    assert_eq!(walker.get(&server, &path).await.status, 400);
}

#[tokio::test]
async fn whoever_signs_up_too_often_has_to_wait() {
    let (server, _postbox) = start().await;
    let mut walker = Walker::default();
    let mut statuses = Vec::new();
    for email in ["known@mail.example", LIN] {
        let mut answers = Vec::new();
        for _ in 0..10 {
            answers.push(ask(&mut walker, &server, email).await.status);
        }
        statuses.push(answers);
    }
    assert!(statuses[0].contains(&429), "{statuses:?}");
    assert_eq!(statuses[0], statuses[1]);
}

#[tokio::test]
async fn signing_up_leads_nowhere_else() {
    let (server, mut postbox) = start().await;
    let mut walker = Walker::default();
    let page = walker.get(&server, SIGN_UP).await;
    let fields = [("email", LIN), ("next", "//evil.example/account")];
    walker.submit(&server, &page, SIGN_UP, &fields).await;
    let page = walker.get(&server, &postbox.next().await.path()).await;
    let fields = [("name", "Lin"), ("password", PASSWORD), ("next", "https://evil.example")];
    let done = walker.submit(&server, &page, FINISH, &fields).await;
    assert_eq!(done.header("location"), "https://id.example/account");
}

#[tokio::test]
async fn signing_up_is_off_unless_it_is_allowed() {
    let postbox = Postbox::open().await;
    let serve = postbox.serve();
    let server = Server::start_with(|config| {
        serve(config);
        config.sign_up_allowed = false;
    });
    let server = server.await;
    let mut walker = Walker::default();
    let page = walker.get(&server, "/sign-in").await;
    assert!(page.body.contains("/forgot-password") && !page.body.contains(SIGN_UP));
    for path in [SIGN_UP, FINISH] {
        assert_eq!(walker.get(&server, path).await.status, 404);
    }
}
