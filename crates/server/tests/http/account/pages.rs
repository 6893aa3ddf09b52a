//! `/account`: seeing and ending what is one's own, in a browser, and nothing of anybody else's.

use std::collections::BTreeSet;

use menshen_token::SessionId;

use crate::authorize::{come_back, redeem, request, with_web};
use crate::harness::{Answer, PASSWORD, SECRET, Server, Tokens, claims, read};
use crate::walk::{Walker, forms, sent};

const SIGN_OUT: &str = "/account/devices/sign-out";
const ELSEWHERE: &str = "/account/devices/sign-out-elsewhere";
const WITHDRAW: &str = "/account/apps/withdraw";
const CHANGE: &str = "/account/change-password";
const NEW: &str = "a much better password";

/// A server with the web client `web`, the native client `app`, `ada` and `bob`.
async fn start() -> Server {
    let server = with_web().await;
    server.add_app("app", |_| ()).await;
    server
}

/// A browser in which somebody is signed in, and their account.
async fn at_home(server: &Server, username: &str) -> (Walker, Answer) {
    let mut walker = Walker::default();
    let page = walker.get(server, "/").await;
    let page = walker.follow(server, page).await;
    let page = walker.sign_in_as(server, &page, username).await;
    assert_eq!(page.status, 200, "{}", page.body);
    (walker, page)
}

/// What `web` is given in a browser.
async fn joined(walker: &mut Walker, server: &Server, scope: &str) -> Tokens {
    let answer = come_back(walker, server, &request(&[("scope", scope)])).await;
    redeem(server, &sent(&answer)["code"]).await.tokens()
}

async fn refresh_web(server: &Server, tokens: &Tokens) -> Answer {
    let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
    server.call("POST", "/token").basic("web", SECRET).form(&form).send().await
}

/// The sessions that a page offers to sign out.
fn offered(page: &Answer) -> BTreeSet<String> {
    let forms = forms(&page.body).into_iter().filter(|form| form.action == SIGN_OUT);
    let fields = forms.flat_map(|form| form.fields);
    fields.filter(|(name, _)| name == "session").map(|(_, value)| value).collect()
}

fn session_of(server: &Server, tokens: &Tokens) -> SessionId {
    read(server, &tokens.access).session_id.expect("of a session")
}

#[tokio::test]
async fn whoever_is_not_signed_in_is_asked_to() {
    let server = start().await;
    let mut walker = Walker::default();
    let root = walker.get(&server, "/").await;
    assert_eq!((root.status, root.header("location")), (303, "https://id.example/account"));
    let answer = walker.get(&server, "/account").await;
    let expected = "https://id.example/sign-in?next=/account";
    assert_eq!((answer.status, answer.header("location")), (303, expected));
    for path in [SIGN_OUT, ELSEWHERE, WITHDRAW, CHANGE] {
        let page = walker.get(&server, "/sign-in").await;
        let csrf = &forms(&page.body)[0].fields[0];
        let answer = walker.post(&server, path, &[("csrf", &csrf.1)]).await;
        let expected = "https://id.example/account";
        assert_eq!((answer.status, answer.header("location")), (303, expected), "{path}");
    }
}

#[tokio::test]
async fn the_page_says_who_it_is_and_what_may_use_the_account() {
    let server = start().await;
    let phone = server.sign_in().await;
    let (mut other, _) = at_home(&server, "ada").await;
    at_home(&server, "bob").await;
    let (mut walker, page) = at_home(&server, "ada").await;
    assert!(page.body.contains("No app may use your account."));
    joined(&mut walker, &server, "openid profile").await;
    let page = walker.get(&server, "/account").await;
    assert!(page.body.contains(">ada<") && !page.body.contains(">bob<"), "{}", page.body);
    assert_eq!(page.body.matches("This device").count(), 1);
    let other = offered(&other.get(&server, "/account").await);
    let offered = offered(&page);
    assert_eq!((offered.len(), other.len()), (2, 2));
    assert!(offered.contains(&session_of(&server, &phone).to_string()));
    assert_eq!(offered.intersection(&other).count(), 1, "each offers all but itself");
    let apps = forms(&page.body).into_iter().filter(|form| form.action == WITHDRAW);
    assert_eq!(apps.count(), 1);
    assert!(page.body.contains("<h3>web</h3>"));
    let chinese = walker.get(&server, "/account?ui_locales=zh-CN").await;
    assert!(chinese.body.contains("\u{4f60}\u{7684}\u{8d26}\u{53f7}"), "{}", chinese.body);
}

#[tokio::test]
async fn one_device_is_signed_out() {
    let server = start().await;
    let (phone, tablet) = (server.sign_in().await, server.sign_in().await);
    let (mut walker, page) = at_home(&server, "ada").await;
    let id = session_of(&server, &phone).to_string();
    let answer = walker.submit(&server, &page, SIGN_OUT, &[("session", &id)]).await;
    assert_eq!(answer.header("location"), "https://id.example/account?done=device");
    let page = walker.follow(&server, answer).await;
    assert!(page.body.contains("The device is signed out."), "{}", page.body);
    assert!(!offered(&page).contains(&id));
    assert_eq!(server.userinfo(&phone.access).await.status, 401);
    let refused = server.refresh(&phone.refresh).await;
    assert_eq!(refused.verdict(), "400 invalid_grant remote_logout");
    assert_eq!(server.userinfo(&tablet.access).await.status, 200);
    // A page that was left open may say it again.
    let form = forms(&page.body).into_iter().find(|form| form.action == SIGN_OUT);
    assert!(form.is_some(), "the tablet is still there");
    let answer = walker.submit(&server, &page, SIGN_OUT, &[("session", &id)]).await;
    assert_eq!(answer.status, 303);
    let nonsense = walker.get(&server, "/account?done=nonsense").await;
    assert!(!nonsense.body.contains("role=\"status\""));
}

#[tokio::test]
async fn this_device_can_be_signed_out_too() {
    let server = start().await;
    let (_, elsewhere) = at_home(&server, "ada").await;
    let (mut walker, page) = at_home(&server, "ada").await;
    let tokens = joined(&mut walker, &server, "openid").await;
    let own = session_of(&server, &tokens).to_string();
    assert!(!offered(&page).contains(&own) && offered(&elsewhere).is_empty());
    let answer = walker.submit(&server, &page, SIGN_OUT, &[("session", &own)]).await;
    assert_eq!(answer.status, 303);
    assert_eq!(walker.session(), None);
    let page = walker.follow(&server, answer).await;
    assert!(page.body.contains("name=\"password\""), "{}", page.body);
    assert_eq!(refresh_web(&server, &tokens).await.verdict(), "400 invalid_grant logout");
}

#[tokio::test]
async fn the_button_at_the_top_signs_out_at_once() {
    let server = start().await;
    let (mut walker, _) = at_home(&server, "ada").await;
    let tokens = joined(&mut walker, &server, "openid").await;
    let page = walker.get(&server, "/account").await;
    let answer = walker.submit(&server, &page, "/logout/confirm", &[]).await;
    assert!(answer.body.contains("You are signed out"), "{}", answer.body);
    assert_eq!(walker.session(), None);
    assert_eq!(refresh_web(&server, &tokens).await.verdict(), "400 invalid_grant logout");
}

#[tokio::test]
async fn nobody_ends_what_is_not_theirs() {
    let server = start().await;
    let (mut bob, page) = at_home(&server, "bob").await;
    let tokens = server.sign_in().await;
    let theirs = session_of(&server, &tokens).to_string();
    let (_, other) = at_home(&server, "bob").await;
    let never = SessionId::from_bytes([9; 16]).to_string();
    let form = forms(&other.body).into_iter().find(|form| form.action == SIGN_OUT);
    let fields = form.expect("the first browser").fields;
    let account = fields.iter().find(|(name, _)| name == "account").expect("a field");
    let csrf = &forms(&page.body)[0].fields[0].1;
    for id in [theirs.as_str(), &never, "", "nonsense"] {
        let form = [("csrf", csrf.as_str()), ("account", &account.1), ("session", id)];
        let answer = bob.post(&server, SIGN_OUT, &form).await;
        assert_eq!(answer.status, 404, "{id}: {}", answer.body);
        assert!(answer.body.contains("There is nothing here"));
    }
    assert_eq!(server.userinfo(&tokens.access).await.status, 200);
}

#[tokio::test]
async fn a_page_left_open_does_nothing_for_the_next_account() {
    let server = start().await;
    server.sign_in().await;
    let phone = server.sign_in().await;
    let (mut walker, of_ada) = at_home(&server, "ada").await;
    let page = walker.get(&server, "/sign-in").await;
    let of_bob = walker.sign_in_as(&server, &page, "bob").await;
    assert!(of_bob.body.contains(">bob<"));
    for path in [SIGN_OUT, ELSEWHERE, CHANGE] {
        let answer = walker.submit(&server, &of_ada, path, &[]).await;
        let expected = "https://id.example/account";
        assert_eq!((answer.status, answer.header("location")), (303, expected), "{path}");
    }
    assert_eq!(server.userinfo(&phone.access).await.status, 200);
}

#[tokio::test]
async fn forms_of_others_do_nothing() {
    let server = start().await;
    let phone = server.sign_in().await;
    let (mut walker, _) = at_home(&server, "ada").await;
    let tokens = joined(&mut walker, &server, "openid").await;
    let page = walker.get(&server, "/account").await;
    let (_, foreign) = at_home(&server, "bob").await;
    let foreign = forms(&foreign.body)[0].fields[0].1.clone();
    let id = session_of(&server, &phone).to_string();
    for (path, field) in [
        (SIGN_OUT, ("session", id.as_str())),
        (ELSEWHERE, ("x", "")),
        (WITHDRAW, ("app", "web")),
        (CHANGE, ("current_password", PASSWORD)),
    ] {
        for csrf in ["", &foreign] {
            let fields = [("csrf", csrf), field, ("new_password", NEW)];
            let answer = walker.submit(&server, &page, path, &fields).await;
            assert_eq!(answer.status, 403, "{path}: {}", answer.body);
        }
    }
    assert_eq!(server.userinfo(&phone.access).await.status, 200);
    assert_eq!(refresh_web(&server, &tokens).await.status, 200);
    assert_eq!(walker.get(&server, "/account").await.status, 200);
}

#[tokio::test]
async fn everywhere_else_is_signed_out_at_once() {
    let server = start().await;
    let phone = server.sign_in().await;
    let (mut other, _) = at_home(&server, "ada").await;
    let there = joined(&mut other, &server, "openid").await;
    let offline = joined(&mut other, &server, "openid offline_access").await;
    let (mut walker, _) = at_home(&server, "ada").await;
    let own = joined(&mut walker, &server, "openid").await;
    let page = walker.get(&server, "/account").await;
    let answer = walker.submit(&server, &page, ELSEWHERE, &[]).await;
    let page = walker.follow(&server, answer).await;
    assert!(page.body.contains("You are signed out everywhere else."), "{}", page.body);
    assert!(offered(&page).is_empty());
    for dead in [&there, &offline] {
        let refused = refresh_web(&server, dead).await;
        assert_eq!(refused.verdict(), "400 invalid_grant remote_logout");
    }
    let refused = server.refresh(&phone.refresh).await;
    assert_eq!(refused.verdict(), "400 invalid_grant remote_logout");
    let told = other.get(&server, "/account").await;
    assert!(told.body.contains("from another device"), "{}", told.body);
    assert_eq!(refresh_web(&server, &own).await.status, 200);
}

#[tokio::test]
async fn an_app_loses_what_it_was_allowed() {
    let server = start().await;
    let (mut walker, _) = at_home(&server, "ada").await;
    let tokens = joined(&mut walker, &server, "openid offline_access").await;
    let page = walker.get(&server, "/account").await;
    let answer = walker.submit(&server, &page, WITHDRAW, &[]).await;
    let page = walker.follow(&server, answer).await;
    assert!(page.body.contains("The app lost its access."), "{}", page.body);
    assert!(page.body.contains("No app may use your account."));
    let refused = refresh_web(&server, &tokens).await;
    assert_eq!(refused.verdict(), "400 invalid_grant consent_withdrawn");
    let asked = walker.get(&server, &request(&[])).await;
    assert!(asked.body.contains("value=\"allow\""), "{}", asked.body);
}

#[tokio::test]
async fn a_new_password_ends_everything_but_this_browser() {
    let server = start().await;
    let phone = server.sign_in().await;
    let (mut other, _) = at_home(&server, "ada").await;
    let (mut walker, _) = at_home(&server, "ada").await;
    let tokens = joined(&mut walker, &server, "openid offline_access").await;
    let before = walker.session().map(str::to_owned);
    let page = walker.get(&server, "/account").await;
    let fields = [("current_password", PASSWORD), ("new_password", NEW)];
    let answer = walker.submit(&server, &page, CHANGE, &fields).await;
    let page = walker.follow(&server, answer).await;
    assert!(page.body.contains("Your password is changed."), "{}", page.body);
    assert!(walker.session().is_some() && walker.session() != before.as_deref());
    assert!(offered(&page).is_empty());
    let told = other.get(&server, "/account").await;
    assert!(told.body.contains("Your password was changed."), "{}", told.body);
    let refused = server.refresh(&phone.refresh).await;
    assert_eq!(refused.verdict(), "400 invalid_grant password_changed");
    let refused = refresh_web(&server, &tokens).await;
    assert_eq!(refused.verdict(), "400 invalid_grant password_changed");
    let new = joined(&mut walker, &server, "openid").await;
    assert_ne!(claims(&new.access)["sid"], claims(&phone.access)["sid"]);
    let page = other.get(&server, "/sign-in").await;
    let fields = [("username", "ada"), ("password", NEW)];
    assert_eq!(other.submit(&server, &page, "/sign-in", &fields).await.status, 303);
}

#[tokio::test]
async fn a_password_that_is_not_taken_changes_nothing() {
    let server = start().await;
    let phone = server.sign_in().await;
    let (mut walker, page) = at_home(&server, "ada").await;
    let cases = [
        (PASSWORD, "short", "at least 8 characters"),
        (PASSWORD, &"x".repeat(1025), "too long"),
        (PASSWORD, PASSWORD, "This is your old password."),
        ("", NEW, "The password is wrong."),
        ("a guess", NEW, "The password is wrong."),
        (&"x".repeat(1025), NEW, "The password is wrong."),
    ];
    for (current, new, sentence) in cases {
        let fields = [("current_password", current), ("new_password", new)];
        let answer = walker.submit(&server, &page, CHANGE, &fields).await;
        assert_eq!(answer.status, 400, "{sentence}");
        assert!(answer.body.contains(sentence), "{sentence}: {}", answer.body);
        assert!(!answer.body.contains(NEW));
    }
    let fields = [("current_password", "a guess"), ("new_password", NEW)];
    let mut waits = 0;
    for _ in 0..20 {
        let answer = walker.submit(&server, &page, CHANGE, &fields).await;
        waits += u32::from(answer.status == 429 && answer.body.contains("Too many attempts"));
    }
    assert!(waits > 0, "nobody had to wait");
    assert_eq!(server.userinfo(&phone.access).await.status, 200);
    assert_eq!(walker.get(&server, "/account").await.status, 200);
}

#[tokio::test]
async fn an_outage_signs_nobody_out() {
    let server = start().await;
    server.sign_in().await;
    let (mut walker, _) = at_home(&server, "ada").await;
    joined(&mut walker, &server, "openid").await;
    let page = walker.get(&server, "/account").await;
    let cookie = walker.session().map(str::to_owned);
    server.app.store.clone().close().await;
    let mut answers = vec![walker.get(&server, "/account").await];
    for path in [SIGN_OUT, ELSEWHERE, WITHDRAW, CHANGE] {
        answers.push(walker.submit(&server, &page, path, &[]).await);
    }
    for answer in answers {
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(answer.body.contains("You are not signed out"), "{}", answer.body);
        assert_eq!(answer.header("location"), "");
    }
    assert_eq!(walker.session().map(str::to_owned), cookie);
}

#[tokio::test]
async fn whoever_comes_back_is_told_once_why_they_are_signed_out() {
    let server = start().await;
    let (mut phone, _) = at_home(&server, "ada").await;
    let (mut walker, page) = at_home(&server, "ada").await;
    let id = offered(&page).into_iter().next().expect("the phone");
    walker.submit(&server, &page, SIGN_OUT, &[("session", &id)]).await;
    let told = phone.get(&server, "/account").await;
    assert_eq!(told.status, 200);
    let why = "You signed this device out from another device.";
    assert!(told.body.contains(why), "{}", told.body);
    let again = phone.get(&server, "/account").await;
    assert!(again.header("location").contains("/sign-in"), "{}", again.status);
}
