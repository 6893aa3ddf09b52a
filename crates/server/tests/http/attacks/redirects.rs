//! Where a browser is sent: to addresses that the client has registered, letter by letter, and to
//! pages of ours. Every trick ends on a page of ours.

use menshen_domain::client::Client;

use crate::authorize::{CALLBACK, come_back, request, with_web};
use crate::harness::{Answer, ISSUER, Server};
use crate::walk::{Walker, path, sent};

/// A page of ours, that leads nowhere.
fn assert_page(answer: &Answer, why: &str) {
    assert_eq!(answer.header("location"), "", "{why}");
    assert!((400..500).contains(&answer.status), "{why} {}", answer.status);
    assert!(answer.header("content-type").starts_with("text/html"), "{why}");
    let leads_away = |tag: &str| {
        let targets = ["href=\"", "action=\""].into_iter().filter_map(|attribute| {
            tag.split(attribute).nth(1).and_then(|rest| rest.split('"').next())
        });
        let mut foreign =
            targets.filter(|target| !target.starts_with(['/', '#']) || target.starts_with("//"));
        foreign.next().is_some()
    };
    assert!(!answer.body.split('<').any(leads_away), "{why}: {}", answer.body);
}

#[tokio::test]
async fn an_address_is_registered_letter_by_letter() {
    let server = with_web().await;
    let mut walker = Walker::default();
    come_back(&mut walker, &server, &request(&[])).await;
    for trick in [
        "https://evil.example/callback",
        "https://web.example.evil.example/callback",
        "https://evil.example/https://web.example/callback",
        "https://web.example/callback/more",
        "https://web.example/callback.evil.example",
        "https://web.example/callbac",
        "https://web.example/callback?next=https://evil.example",
        "https://web.example/callback&next=https://evil.example",
        "https://web.example/callback#",
        "https://web.example/callback#https://evil.example",
        "https://web.example@evil.example/callback",
        "https://evil.example#@web.example/callback",
        "https://user:pass@web.example/callback",
        "https://evil.example\\@web.example/callback",
        "https://web.example/%63allback",
        "https://web.example/callback%2f..%2fother",
        "https://web.example/x/../callback",
        "https://web.example//callback",
        "https://web.example:443/callback",
        "https://web.example:8443/callback",
        "https://WEB.example/callback",
        "HTTPS://web.example/callback",
        "http://web.example/callback",
        "//web.example/callback",
        "/callback",
        "callback",
        "https://web.example/callback ",
        " https://web.example/callback",
        "https://web.example/callback\r\nSet-Cookie: a=b",
        "https://web.example/callback\0",
        "https://web.example/call\u{212a}back",
        "https://web.example\u{ff0f}callback",
        "https://localhost/callback",
        "javascript:alert(1)//https://web.example/callback",
        "data:text/html,https://web.example/callback",
    ] {
        for mode in ["query", "fragment", "form_post"] {
            let asked = request(&[("redirect_uri", trick), ("response_mode", mode)]);
            assert_page(&walker.get(&server, &asked).await, trick);
        }
        let silent = request(&[("redirect_uri", trick), ("prompt", "none")]);
        assert_page(&walker.get(&server, &silent).await, trick);
        let broken = request(&[("redirect_uri", trick), ("response_type", "smoke")]);
        assert_page(&walker.get(&server, &broken).await, trick);
    }
}

#[tokio::test]
async fn a_parameter_is_given_once() {
    let server = with_web().await;
    let mut walker = Walker::default();
    come_back(&mut walker, &server, &request(&[])).await;
    for (name, value) in [
        ("redirect_uri", "https://evil.example/callback"),
        ("redirect_uri", CALLBACK),
        ("redirect%5furi", "https://evil.example/callback"),
        ("client_id", "web"),
        ("response_type", "code"),
        ("scope", "openid"),
        ("state", "other"),
        ("nonce", "other"),
        ("code_challenge", "x"),
        ("code_challenge_method", "plain"),
    ] {
        for twice in [
            format!("{}&{name}={value}", request(&[])),
            request(&[]).replacen('?', &format!("?{name}={value}&"), 1),
        ] {
            assert_page(&walker.get(&server, &twice).await, name);
            let body = twice.split_once('?').expect("a query").1.to_owned();
            let call = server.call("POST", "/authorize");
            let form = "application/x-www-form-urlencoded";
            assert_page(&call.raw(form, body).send().await, name);
        }
    }
}

#[tokio::test]
async fn only_the_port_of_a_loopback_address_is_free() {
    let server = Server::start().await;
    server.add_user("ada").await;
    let native = |client: &mut Client| {
        let uris = ["http://127.0.0.1/cb", "http://[::1]/cb", "com.example.app:/cb"];
        client.metadata.redirect_uris = uris.map(str::to_owned).to_vec();
        client.policy.first_party = true;
    };
    server.register("native", native).await;
    let mut walker = Walker::default();
    let asked = |uri: &str| request(&[("client_id", "native"), ("redirect_uri", uri)]);
    for good in ["http://127.0.0.1:49152/cb", "http://[::1]:1/cb", "com.example.app:/cb"] {
        let answer = come_back(&mut walker, &server, &asked(good)).await;
        assert!(answer.header("location").starts_with(&format!("{good}?code=")), "{good}");
    }
    for trick in [
        "http://localhost:49152/cb",
        "http://localhost/cb",
        "https://127.0.0.1:49152/cb",
        "http://127.0.0.1:49152@evil.example/cb",
        "http://127.0.0.1.evil.example:49152/cb",
        "http://127.0.0.1:evil.example/cb",
        "http://127.0.0.1:49152/cb?to=evil.example",
        "http://127.0.0.1:49152/cb/../evil",
        "http://127.1:49152/cb",
        "http://2130706433:49152/cb",
        "http://0x7f000001/cb",
        "http://[::ffff:127.0.0.1]/cb",
        "http://[0:0:0:0:0:0:0:1]/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:999999/cb",
        "com.example.app:/cb/evil",
        "com.example.app:/cb?x",
        "com.example.app.evil:/cb",
    ] {
        assert_page(&walker.get(&server, &asked(trick)).await, trick);
    }
}

#[tokio::test]
async fn a_sign_in_leads_to_pages_of_ours_only() {
    let server = with_web().await;
    for trick in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/account@evil.example",
        "/account/..//evil.example",
        "/authorize/../..//evil.example",
        "javascript:alert(1)",
        "/account\r\nLocation: https://evil.example",
        "/%2f%2fevil.example",
        "https:evil.example",
        "",
    ] {
        let mut walker = Walker::default();
        let page = walker.get(&server, &path("/sign-in", &[("next", trick)])).await;
        assert!(!page.body.contains("evil.example"), "{trick} {}", page.body);
        let fields = [("username", "ada"), ("password", crate::harness::PASSWORD), ("next", trick)];
        let answer = walker.submit(&server, &page, "/sign-in", &fields).await;
        assert_eq!(answer.header("location"), format!("{ISSUER}/account"), "{trick}");
        let page = walker.get(&server, "/sign-in").await;
        for form in ["/sign-in/chosen", "/sign-in/other"] {
            let csrf = crate::walk::forms(&page.body).remove(0).fields;
            let csrf = csrf.into_iter().find(|(name, _)| name == "csrf").expect("a token").1;
            let answer = walker.post(&server, form, &[("csrf", &csrf), ("next", trick)]).await;
            let own = ["", &format!("{ISSUER}/account")].contains(&answer.header("location"));
            assert!(own && !answer.body.contains("evil.example"), "{form} {trick}");
        }
    }
}

#[tokio::test]
async fn what_a_client_sends_along_writes_no_headers_and_no_html() {
    let server = with_web().await;
    let mut walker = Walker::default();
    let hostile = "\r\nSet-Cookie: evil=1\r\n\r\n\"><script>alert(1)</script>{{7*7}}'";
    let extra = [("state", hostile), ("login_hint", hostile), ("ui_locales", hostile)];
    let page = walker.get(&server, &request(&extra)).await;
    assert!(!page.body.contains("<script>alert"), "{}", page.body);
    let consent = walker.sign_in(&server, &page).await;
    assert!(!consent.body.contains("<script>alert"), "{}", consent.body);
    let answer = walker.submit(&server, &consent, "/consent", &[("decision", "allow")]).await;
    assert_eq!(sent(&answer)["state"], hostile);
    assert!(answer.headers.get_all("set-cookie").iter().next().is_none());
    assert!(answer.header("location").bytes().all(|byte| byte.is_ascii_graphic()));
    let form = walker.get(&server, &request(&[extra[0], ("response_mode", "form_post")])).await;
    assert!(!form.body.contains("<script>alert"), "{}", form.body);
    let shown = crate::walk::forms(&form.body).remove(0).fields;
    let state = shown.into_iter().find(|(name, _)| name == "state").expect("it is given back").1;
    assert!(state.contains("<script>alert(1)</script>"), "{state}");
    for broken in [("client_id", hostile), ("redirect_uri", hostile), ("request_uri", hostile)] {
        assert_page(&walker.get(&server, &request(&[broken])).await, broken.0);
        let page = walker.get(&server, &request(&[broken])).await;
        assert!(!page.body.contains("<script>alert"), "{}", page.body);
    }
}

#[tokio::test]
async fn the_name_of_a_client_is_text() {
    let server = Server::start().await;
    server.add_user("ada").await;
    let hostile = "<img src=x onerror=alert(1)>\"'&\u{202e}";
    let web = |client: &mut Client| {
        client.name = hostile.to_owned();
        client.metadata.redirect_uris = vec![CALLBACK.to_owned()];
    };
    server.register("web", web).await;
    let mut walker = Walker::default();
    let page = walker.get(&server, &request(&[])).await;
    let consent = walker.sign_in(&server, &page).await;
    let silent = request(&[("response_mode", "form_post"), ("prompt", "none")]);
    let form = walker.get(&server, &silent).await;
    for page in [page, consent, form] {
        assert_eq!(page.status, 200);
        assert!(!page.body.contains("<img src=x"), "{}", page.body);
    }
}

#[tokio::test]
async fn what_is_too_long_is_refused_early() {
    let server = with_web().await;
    let mut walker = Walker::default();
    for length in [3_000, 60_000] {
        let long = "x".repeat(length);
        let answer = walker.get(&server, &request(&[("state", &long), ("prompt", "none")])).await;
        let told = sent(&answer);
        assert_eq!((told["error"].as_str(), told.get("state")), ("invalid_request", None));
        let answer = walker.get(&server, &request(&[("nonce", &long), ("prompt", "none")])).await;
        assert_eq!(sent(&answer)["error"], "invalid_request");
    }
    let body = format!("client_id=web&state={}", "x".repeat(70_000));
    let call = server.call("POST", "/authorize").raw("application/x-www-form-urlencoded", body);
    assert_eq!(call.send().await.status, 413);
    let many: Vec<String> = (0..70).map(|n| format!("p{n}=1")).collect();
    let many = format!("{}&{}", request(&[]), many.join("&"));
    assert_page(&walker.get(&server, &many).await, "too many");
}
