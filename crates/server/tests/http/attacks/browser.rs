//! Browsers that somebody else has had a hand in: forms of other sites, planted cookies, frames, and
//! requests that come back bent.

use std::time::Duration;

use crate::authorize::{come_back, request, with_web};
use crate::harness::{Answer, ISSUER, PASSWORD, Server};
use crate::walk::{Walker, forms, path, sent};

const BROWSER: &str = "__Host-menshen-browser";
const SESSION: &str = "__Host-menshen-session";

fn field(page: &Answer, action: &str, name: &str) -> String {
    let form = forms(&page.body).into_iter().find(|form| form.action == action);
    let form = form.unwrap_or_else(|| panic!("no form to {action} in {}", page.body));
    form.fields.into_iter().find(|(known, _)| known == name).expect("a field").1
}

/// Somebody else's form, sent by the browser of the victim.
async fn forge(server: &Server, walker: &Walker, action: &str, form: &[(&str, &str)]) -> Answer {
    server.call("POST", action).header("cookie", walker.cookie_line()).form(form).send().await
}

#[tokio::test]
async fn a_form_of_another_site_signs_nobody_in() {
    let server = with_web().await;
    let (mut victim, mut attacker) = (Walker::default(), Walker::default());
    let page = victim.get(&server, &request(&[])).await;
    let own = field(&page, "/sign-in", "csrf");
    let theirs = attacker.get(&server, &request(&[])).await;
    let theirs = field(&theirs, "/sign-in", "csrf");
    let login = |csrf: &str| {
        [("username", "bob"), ("password", PASSWORD), ("next", "/account"), ("csrf", csrf)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let cut = &own[..own.len() - 1];
    for csrf in ["", theirs.as_str(), cut, "x.y"] {
        let form = login(csrf);
        let form = form.each_ref().map(|(name, value)| (name.as_str(), value.as_str()));
        let answer = forge(&server, &victim, "/sign-in", &form).await;
        assert_eq!(answer.status, 403, "{csrf}");
        assert!(answer.headers.get("set-cookie").is_none(), "{csrf}");
    }
    let form = login(&own);
    let form = form.each_ref().map(|(name, value)| (name.as_str(), value.as_str()));
    for site in ["cross-site", "same-site"] {
        let call = server.call("POST", "/sign-in").header("cookie", victim.cookie_line());
        let answer = call.header("sec-fetch-site", site).form(&form).send().await;
        assert_eq!(answer.status, 403, "{site}");
    }
    let bare = server.call("POST", "/sign-in").form(&form).send().await;
    assert_eq!(bare.status, 403, "without its cookie a token is worth nothing");
}

#[tokio::test]
async fn a_form_of_another_site_allows_nothing() {
    let server = with_web().await;
    let mut victim = Walker::default();
    let page = victim.get(&server, &request(&[])).await;
    let page = victim.sign_in(&server, &page).await;
    let next = field(&page, "/consent", "next");
    let session = field(&page, "/consent", "session");
    let mut attacker = Walker::default();
    let theirs = attacker.get(&server, &request(&[])).await;
    let theirs = field(&theirs, "/sign-in", "csrf");
    for csrf in ["", theirs.as_str()] {
        for decision in ["allow", "deny"] {
            let form = [
                ("csrf", csrf),
                ("next", next.as_str()),
                ("session", session.as_str()),
                ("scope", "openid profile"),
                ("decision", decision),
            ];
            assert_eq!(forge(&server, &victim, "/consent", &form).await.status, 403);
        }
    }
    let silent = victim.get(&server, &request(&[("prompt", "none")])).await;
    assert_eq!(sent(&silent)["error"], "consent_required");
}

#[tokio::test]
async fn one_allows_for_oneself_only() {
    let server = with_web().await;
    let mut walker = Walker::default();
    let page = walker.get(&server, &request(&[])).await;
    let consent_of_ada = walker.sign_in(&server, &page).await;
    // In another tab, somebody else signs in.
    let page = walker.get(&server, &request(&[("prompt", "select_account")])).await;
    let page = walker.submit(&server, &page, "/sign-in/other", &[]).await;
    walker.sign_in_as(&server, &page, "bob").await;
    let allow = [("decision", "allow")];
    let answer = walker.submit(&server, &consent_of_ada, "/consent", &allow).await;
    let page = walker.follow(&server, answer).await;
    assert!(page.body.contains("value=\"allow\""), "bob is asked: {}", page.body);
    let session = field(&consent_of_ada, "/consent", "session");
    let swapped = [("decision", "allow"), ("session", session.as_str())];
    let answer = walker.submit(&server, &page, "/consent", &swapped).await;
    assert!(answer.header("location").starts_with(ISSUER), "nothing was allowed");
    for user in ["ada", "bob"] {
        let (user, web) = (server.user(user).id, "web".parse().expect("valid"));
        assert!(server.app.store.find_consent(&user, &web).await.expect("reads").is_empty());
    }
}

#[tokio::test]
async fn a_planted_session_becomes_nobodys() {
    let server = with_web().await;
    let planted = "A".repeat(43);
    let mut victim = Walker::default();
    victim.plant(SESSION, &planted);
    come_back(&mut victim, &server, &request(&[])).await;
    assert_ne!(victim.session(), Some(planted.as_str()));
    let mut attacker = Walker::default();
    attacker.plant(SESSION, &planted);
    let answer = attacker.get(&server, &request(&[("prompt", "none")])).await;
    assert_eq!(sent(&answer)["error"], "login_required");
}

#[tokio::test]
async fn a_session_of_the_attacker_ends_when_the_victim_signs_in_over_it() {
    let server = with_web().await;
    let mut attacker = Walker::default();
    let page = attacker.get(&server, &request(&[])).await;
    attacker.sign_in_as(&server, &page, "bob").await;
    let mut victim = Walker::default();
    victim.plant(SESSION, attacker.session().expect("signed in"));
    let page = victim.get(&server, &request(&[("prompt", "select_account")])).await;
    let page = victim.submit(&server, &page, "/sign-in/other", &[]).await;
    victim.sign_in(&server, &page).await;
    assert_ne!(victim.session(), attacker.session());
    let answer = attacker.get(&server, &request(&[("prompt", "none")])).await;
    assert_eq!(sent(&answer)["error"], "login_required", "neither session is the attacker's");
}

#[tokio::test]
async fn a_planted_name_of_the_browser_opens_nothing() {
    let server = with_web().await;
    let mut attacker = Walker::default();
    let page = attacker.get(&server, &request(&[])).await;
    let csrf = field(&page, "/sign-in", "csrf");
    let browser = attacker.cookie_line().replace(&format!("{BROWSER}="), "");
    let mut victim = Walker::default();
    victim.plant(BROWSER, &browser);
    come_back(&mut victim, &server, &request(&[])).await;
    let answer = attacker.get(&server, &request(&[("prompt", "none")])).await;
    assert_eq!(sent(&answer)["error"], "login_required");
    let call = server.call("POST", "/sign-in/other").header("cookie", victim.cookie_line());
    let call = call.header("sec-fetch-site", "cross-site");
    let answer = call.form(&[("csrf", &csrf), ("next", "/account")]).send().await;
    assert_eq!(answer.status, 403, "browsers say that the form is not ours");
}

#[tokio::test]
async fn two_cookies_of_one_name_are_none() {
    let server = with_web().await;
    let mut victim = Walker::default();
    come_back(&mut victim, &server, &request(&[])).await;
    for extra in [format!("{SESSION}={}", "A".repeat(43)), format!("{SESSION}=")] {
        for line in [
            format!("{extra}; {}", victim.cookie_line()),
            format!("{}; {extra}", victim.cookie_line()),
        ] {
            let call = server.call("GET", &request(&[("prompt", "none")]));
            let answer = call.header("cookie", line).send().await;
            assert_eq!(sent(&answer)["error"], "login_required");
        }
    }
}

#[tokio::test]
async fn cookies_are_for_this_host_alone_and_change_with_each_sign_in() {
    let server = with_web().await;
    let mut walker = Walker::default();
    let page = walker.get(&server, &request(&[])).await;
    let fields = [("username", "ada"), ("password", PASSWORD)];
    let signed_in = walker.submit(&server, &page, "/sign-in", &fields).await;
    for (answer, name) in [(&page, BROWSER), (&signed_in, SESSION)] {
        let cookie = answer.header("set-cookie");
        assert!(cookie.starts_with(&format!("{name}=")), "{cookie}");
        for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age="] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
    let before = walker.session().expect("signed in").to_owned();
    server.advance(Duration::from_mins(1));
    let page = walker.get(&server, &request(&[("prompt", "login")])).await;
    walker.sign_in(&server, &page).await;
    assert_ne!(walker.session(), Some(before.as_str()), "a step up is a new cookie");
    let mut thief = Walker::default();
    thief.plant(SESSION, &before);
    let answer = thief.get(&server, &request(&[("prompt", "none")])).await;
    assert_eq!(sent(&answer)["error"], "login_required", "the old one is worth nothing");
}

#[tokio::test]
async fn no_page_can_be_framed_cached_or_scripted() {
    let server = with_web().await;
    let mut walker = Walker::default();
    let sign_in = walker.get(&server, &request(&[])).await;
    let consent = walker.sign_in(&server, &sign_in).await;
    let pages = [
        ("sign in", sign_in),
        ("consent", consent),
        ("choose", walker.get(&server, &request(&[("prompt", "select_account")])).await),
        ("again", walker.get(&server, &request(&[("prompt", "login")])).await),
        ("alone", walker.get(&server, "/sign-in").await),
        ("error", walker.get(&server, &request(&[("client_id", "nobody")])).await),
        ("foreign", server.call("POST", "/consent").form(&[]).send().await),
        ("form", walker.get(&server, &request(&[("response_mode", "form_post")])).await),
    ];
    for (name, page) in pages {
        assert_eq!(page.header("x-frame-options"), "DENY", "{name}");
        assert_eq!(page.header("cache-control"), "no-store", "{name}");
        assert_eq!(page.header("referrer-policy"), "no-referrer", "{name}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{name}");
        let policy = page.header("content-security-policy");
        for rule in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(rule), "{name} {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{name} {policy}");
        assert!(name == "form" || !policy.contains("script-src"), "{name} {policy}");
    }
}

/// The request as it comes back from the sign-in page: with its mark.
async fn marked(walker: &mut Walker, server: &Server, request: &str) -> String {
    let page = walker.get(server, request).await;
    let form = forms(&page.body).into_iter().find(|form| form.action.starts_with("/sign-in"));
    let fields = form.expect("it asks").fields;
    fields.into_iter().find(|(name, _)| name == "next").expect("it leads on").1
}

#[tokio::test]
async fn a_fresh_sign_in_cannot_be_talked_away() {
    let server = with_web().await;
    let asks = async |walker: &mut Walker, next: &str| {
        let answer = walker.get(&server, next).await;
        answer.body.contains("name=\"password\"")
    };
    let login = request(&[("prompt", "login")]);
    let mut elsewhere = Walker::default();
    let foreign = marked(&mut elsewhere, &server, &login).await;
    let mut walker = Walker::default();
    let own = marked(&mut walker, &server, &login).await;
    let other =
        marked(&mut walker, &server, &request(&[("state", "2"), ("prompt", "login")])).await;
    let mark = |next: &str| next.split_once("&prompt_mark=").expect("a mark").1.to_owned();
    let moved = format!("{login}&prompt_mark={}", mark(&other));
    let begun = mark(&own).split('.').nth(2).expect("an instant").to_owned();
    let bent = format!("{login}&prompt_mark={}", mark(&own).replace(&begun, "1"));
    let chosen = format!("{login}&prompt_mark={}", mark(&own).replacen(".n.", ".y.", 1));
    server.advance(Duration::from_secs(5));
    come_back(&mut walker, &server, &request(&[])).await;
    assert!(!asks(&mut walker, &own).await, "the sign-in was made after it began");
    for (trick, next) in
        [("forged", &bent), ("moved", &moved), ("chosen", &chosen), ("foreign", &foreign)]
    {
        assert!(asks(&mut walker, next).await, "{trick}");
    }
    let twice = format!("{own}&prompt_mark={}", mark(&own));
    assert_eq!(walker.get(&server, &twice).await.status, 400);
    server.advance(Duration::from_hours(2));
    assert!(asks(&mut walker, &own).await, "what began yesterday is no excuse today");
}

#[tokio::test]
async fn nobody_learns_who_has_an_account() {
    let server = with_web().await;
    server.add_user("eve").await;
    server.app.store.disable_user(&server.user("eve").id, server.now()).await.expect("disabled");
    let mut shown = Vec::new();
    for (name, password) in
        [("ada", "wrong"), ("nobody", "wrong"), ("eve", PASSWORD), ("eve", "wrong"), ("a b", "x")]
    {
        let mut walker = Walker::default();
        let page = walker.get(&server, &request(&[])).await;
        let fields = [("username", name), ("password", password)];
        let answer = walker.submit(&server, &page, "/sign-in", &fields).await;
        let said = field(&answer, "/sign-in", "username");
        assert_eq!(said, name);
        let csrf = field(&answer, "/sign-in", "csrf");
        let next = field(&answer, "/sign-in", "next");
        let body = answer.body.replace(&format!("\"{name}\""), "NAME").replace(&csrf, "CSRF");
        let mark = next.split_once("&prompt_mark=").expect("a mark").1;
        shown.push((answer.status, body.replace(mark, "MARK")));
    }
    assert!(shown.iter().all(|page| *page == shown[0]), "{shown:#?}");
}

#[tokio::test]
async fn whoever_is_disabled_meanwhile_gets_no_further() {
    let server = with_web().await;
    let ada = server.user("ada").id;
    let mut walker = Walker::default();
    let page = walker.get(&server, &request(&[])).await;
    let consent = walker.sign_in(&server, &page).await;
    server.app.store.disable_user(&ada, server.now()).await.expect("disabled");
    let answer = walker.submit(&server, &consent, "/consent", &[("decision", "allow")]).await;
    let page = walker.follow(&server, answer).await;
    assert!(page.body.contains("name=\"password\""), "{}", page.body);
    let page = walker.sign_in(&server, &page).await;
    assert_eq!(page.status, 400);
    let web = "web".parse().expect("valid");
    assert!(server.app.store.find_consent(&ada, &web).await.expect("reads").is_empty());
}

#[tokio::test]
async fn an_outage_is_never_said_to_be_a_sign_out() {
    for step in ["request", "password", "consent", "silent", "other tab"] {
        let server = with_web().await;
        let mut walker = Walker::default();
        let page = walker.get(&server, &request(&[])).await;
        let consent =
            if step == "password" { page.clone() } else { walker.sign_in(&server, &page).await };
        let cookies = walker.cookie_line();
        server.app.store.clone().close().await;
        // First while clients are remembered, then when they are not.
        for _ in 0..2 {
            let answer = match step {
                "request" => walker.get(&server, &request(&[])).await,
                "password" => {
                    let fields = [("username", "ada"), ("password", PASSWORD)];
                    walker.submit(&server, &consent, "/sign-in", &fields).await
                }
                "consent" => {
                    walker.submit(&server, &consent, "/consent", &[("decision", "allow")]).await
                }
                "silent" => walker.get(&server, &request(&[("prompt", "none")])).await,
                _ => {
                    let next = request(&[("prompt", "login")]);
                    walker.get(&server, &path("/authorize", &[("x", &next)])).await;
                    walker.get(&server, &next).await
                }
            };
            assert_eq!(answer.status, 503, "{step} {}", answer.body);
            assert_eq!(answer.header("location"), "", "{step}");
            assert_eq!(walker.cookie_line(), cookies, "{step}: nobody loses a cookie");
            server.advance(Duration::from_mins(1));
        }
    }
}
