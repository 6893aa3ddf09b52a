//! The account page: turning codes on with a phone, fresh recovery codes, and turning them off. Each
//! wants the password.

use menshen_domain::client::ClientPolicy;
use menshen_token::UserId;

use super::{MFA, Phone, next_code};
use crate::authorize::{come_back, redeem, request, with_web};
use crate::harness::{Answer, PASSWORD, SECRET, Server, claims};
use crate::walk::{Walker, forms, sent};

const PATH: &str = "/account/one-time-passwords";
const CONFIRM: &str = "/account/one-time-passwords/confirm";

/// A browser in which `ada` is signed in, and her account.
async fn at_home(server: &Server) -> (Walker, Answer) {
    let mut walker = Walker::default();
    let page = walker.get(server, "/").await;
    let page = walker.follow(server, page).await;
    let page = walker.sign_in(server, &page).await;
    assert_eq!(page.status, 200, "{}", page.body);
    (walker, page)
}

async fn decide(walker: &mut Walker, server: &Server, page: &Answer, decision: &str) -> Answer {
    let fields = [("password", PASSWORD), ("decision", decision)];
    walker.submit(server, page, PATH, &fields).await
}

/// What a phone reads off the page.
fn scan(page: &Answer) -> Phone {
    let link = page.body.split("href=\"").find(|rest| rest.starts_with("otpauth:"));
    let link = link.and_then(|rest| rest.split('"').next()).expect("a link for an app");
    Phone::scan(&link.replace("&#38;", "&"))
}

/// Turns codes on: the phone, and the recovery codes that are shown.
async fn turn_on(walker: &mut Walker, server: &Server, page: &Answer) -> (Phone, Vec<String>) {
    let page = decide(walker, server, page, "set_up").await;
    let phone = scan(&page);
    let code = phone.code(server.now());
    let page = walker.submit(server, &page, CONFIRM, &[("code", &code)]).await;
    (phone, codes(&page))
}

fn codes(page: &Answer) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.body);
    let items = page.body.split("<li>").skip(1).filter_map(|rest| rest.split('<').next());
    let codes: Vec<String> = items.filter(|text| text.len() == 19).map(str::to_owned).collect();
    assert_eq!(codes.len(), 10, "{}", page.body);
    codes
}

fn ada() -> UserId {
    "user-ada".parse().expect("an id")
}

async fn is_on(server: &Server) -> bool {
    server.app.store.find_one_time_passwords(&ada()).await.expect("reads").is_some()
}

#[tokio::test]
async fn a_phone_is_set_up_and_asked_for_from_then_on() {
    let server = with_web().await;
    let (mut walker, page) = at_home(&server).await;
    let page = decide(&mut walker, &server, &page, "set_up").await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("data:image/svg+xml;base64,"), "a picture to scan");
    let phone = scan(&page);
    let wrong = phone.wrong(server.now());
    let again = walker.submit(&server, &page, CONFIRM, &[("code", &wrong)]).await;
    assert_eq!(again.status, 400);
    assert!(!is_on(&server).await, "nothing is on before a code was right");
    let code = phone.code(server.now());
    let shown = walker.submit(&server, &again, CONFIRM, &[("code", &code)]).await;
    let recovery = codes(&shown);
    let home = walker.get(&server, "/account").await;
    assert!(home.body.contains("10 recovery codes"), "{}", home.body);
    assert!(recovery.iter().all(|code| !home.body.contains(code)), "they are shown once");

    let mut elsewhere = Walker::default();
    let page = elsewhere.get(&server, &request(&[])).await;
    let page = elsewhere.sign_in(&server, &page).await;
    let used = elsewhere.submit(&server, &page, "/sign-in/code", &[("code", &code)]).await;
    assert_eq!(used.status, 400, "the first code was used when it turned them on");
    let answer = elsewhere.submit(&server, &used, "/sign-in/code", &[("code", &recovery[3])]).await;
    let page = elsewhere.follow(&server, answer).await;
    let answer = elsewhere.submit(&server, &page, "/consent", &[("decision", "allow")]).await;
    let tokens = redeem(&server, &sent(&answer)["code"]).await;
    assert_eq!(claims(&tokens.text("id_token"))["acr"], MFA);
    let home = elsewhere.get(&server, "/account").await;
    assert!(home.body.contains("9 recovery codes"), "{}", home.body);
}

#[tokio::test]
async fn a_browser_that_was_found_open_changes_nothing() {
    let server = with_web().await;
    let (mut walker, page) = at_home(&server).await;
    turn_on(&mut walker, &server, &page).await;
    let page = walker.get(&server, "/account").await;
    for decision in ["turn_off", "recovery_codes", "set_up"] {
        for password in ["", "wrong"] {
            let fields = [("password", password), ("decision", decision)];
            let answer = walker.submit(&server, &page, PATH, &fields).await;
            assert_eq!(answer.status, 400, "{decision}");
            assert!(!answer.body.contains("otpauth"), "{decision}");
        }
        assert!(is_on(&server).await);
    }
    let get = walker.get(&server, PATH).await;
    assert_eq!(get.status, 405);
    let mut refused = 0;
    for _ in 0..20 {
        let fields = [("password", "wrong"), ("decision", "turn_off")];
        refused += u32::from(walker.submit(&server, &page, PATH, &fields).await.status == 429);
    }
    assert!(refused > 5, "guessing is slow here too: {refused}");
}

#[tokio::test]
async fn a_secret_is_turned_on_by_whom_it_was_shown_to_and_soon() {
    let server = with_web().await;
    let (mut walker, page) = at_home(&server).await;
    let page = decide(&mut walker, &server, &page, "set_up").await;
    let phone = scan(&page);
    let offer = field(&page, "offer");
    // Bob brings the secret that was shown to ada.
    let mut bob = Walker::default();
    let home = bob.get(&server, "/account").await;
    let home = bob.follow(&server, home).await;
    let home = bob.sign_in_as(&server, &home, "bob").await;
    let own = decide(&mut bob, &server, &home, "set_up").await;
    let code = phone.code(server.now());
    let foreign = [("offer", offer.as_str()), ("code", code.as_str())];
    assert_eq!(bob.submit(&server, &own, CONFIRM, &foreign).await.status, 400);
    let made_up = [("offer", "AAAA"), ("code", code.as_str())];
    assert_eq!(walker.submit(&server, &page, CONFIRM, &made_up).await.status, 400);
    server.advance(std::time::Duration::from_secs(15 * 60 + 1));
    let late = [("code", phone.code(server.now()))];
    let late = late.each_ref().map(|(name, code)| (*name, code.as_str()));
    assert_eq!(walker.submit(&server, &page, CONFIRM, &late).await.status, 400);
    assert!(!is_on(&server).await);
}

#[tokio::test]
async fn fresh_recovery_codes_take_the_place_of_the_old_ones() {
    let server = with_web().await;
    let (mut walker, page) = at_home(&server).await;
    let (_, old) = turn_on(&mut walker, &server, &page).await;
    let page = walker.get(&server, "/account").await;
    let answer = decide(&mut walker, &server, &page, "recovery_codes").await;
    let new = codes(&answer);
    let mut elsewhere = Walker::default();
    let page = elsewhere.get(&server, "/sign-in").await;
    let page = elsewhere.sign_in(&server, &page).await;
    let refused = elsewhere.submit(&server, &page, "/sign-in/code", &[("code", &old[0])]).await;
    assert_eq!(refused.status, 400);
    let answer = elsewhere.submit(&server, &refused, "/sign-in/code", &[("code", &new[0])]).await;
    assert_eq!(answer.status, 303);
}

#[tokio::test]
async fn turning_codes_off_weakens_no_session() {
    let server = with_web().await;
    let (mut walker, page) = at_home(&server).await;
    let (phone, _) = turn_on(&mut walker, &server, &page).await;
    next_code(&server);
    let mut elsewhere = Walker::default();
    let page = elsewhere.get(&server, &request(&[])).await;
    let page = elsewhere.sign_in(&server, &page).await;
    let code = phone.code(server.now());
    let answer = elsewhere.submit(&server, &page, "/sign-in/code", &[("code", &code)]).await;
    let page = elsewhere.follow(&server, answer).await;
    elsewhere.submit(&server, &page, "/consent", &[("decision", "allow")]).await;
    let page = walker.get(&server, "/account").await;
    let answer = decide(&mut walker, &server, &page, "turn_off").await;
    let home = walker.follow(&server, answer).await;
    assert!(home.body.contains("value=\"set_up\""), "{}", home.body);
    assert!(!is_on(&server).await);
    let answer = come_back(&mut elsewhere, &server, &request(&[("acr_values", MFA)])).await;
    let tokens = redeem(&server, &sent(&answer)["code"]).await;
    assert_eq!(claims(&tokens.text("id_token"))["acr"], MFA, "it was proved then");
    let mut alone = Walker::default();
    let page = alone.get(&server, "/sign-in").await;
    alone.sign_in(&server, &page).await;
    assert!(alone.session().is_some(), "the password is enough again");
}

#[tokio::test]
async fn an_administrator_turns_codes_off_for_who_has_lost_the_phone() {
    let server = with_web().await;
    let admin = |policy: &mut ClientPolicy| policy.scope = "admin".parse().expect("a scope");
    server.add_confidential("ops", admin).await;
    let call = server.call("POST", "/token").basic("ops", SECRET);
    let token = call.form(&[("grant_type", "client_credentials")]).send().await;
    let token = token.text("access_token");
    let path = "/admin/users/user-ada/one-time-passwords";
    let ask =
        async |method: &str, path: &str| server.call(method, path).bearer(&token).send().await;
    assert_eq!(ask("GET", path).await.verdict(), "404 not-found");
    super::turn_on(&server, &ada()).await;
    let on = ask("GET", path).await;
    assert_eq!((on.status, &on.json()["recovery_codes"]), (200, &serde_json::json!(1)));
    assert!(!on.body.contains("secret"), "{}", on.body);
    assert_eq!(server.call("DELETE", path).send().await.status, 401);
    assert!(is_on(&server).await);
    assert_eq!(ask("DELETE", path).await.status, 204);
    assert!(!is_on(&server).await);
    assert_eq!(ask("DELETE", path).await.status, 204, "doing it twice does no harm");
    let nobody = "/admin/users/nobody/one-time-passwords";
    assert_eq!(ask("DELETE", nobody).await.verdict(), "404 not-found");
}

fn field(page: &Answer, name: &str) -> String {
    let fields = forms(&page.body).into_iter().flat_map(|form| form.fields);
    fields.into_iter().find(|(known, _)| known == name).expect("a field").1
}
