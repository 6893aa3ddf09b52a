//! Devices that show a code, and people who type it: `/device_authorization`, `/device` and the
//! grant (RFC 8628).

use std::fmt::Write as _;
use std::time::Duration;

use menshen_domain::client::{Client, ClientMetadata, ClientPolicy};
use serde_json::json;

use crate::harness::{Answer, Server, claims};
use crate::proof::Device as Key;
use crate::walk::{Walker, path};

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A server with `ada`, `bob` and the public third-party client `tv`.
async fn with_tv() -> Server {
    let server = Server::start().await;
    server.add_user("ada").await;
    server.add_user("bob").await;
    add_tv(&server, "tv", |_| ()).await;
    server
}

async fn add_tv(server: &Server, id: &str, adjust: impl FnOnce(&mut ClientPolicy)) {
    let mut policy = ClientPolicy {
        scope: "openid profile offline_access".parse().expect("a scope"),
        resources: [("https://films.example".to_owned(), "profile".parse().expect("a scope"))]
            .into(),
        ..ClientPolicy::default()
    };
    adjust(&mut policy);
    let mut client =
        Client::new(id.parse().expect("an id"), "Television".to_owned(), policy, server.now());
    client.metadata = ClientMetadata {
        grant_types: vec![DEVICE_CODE.to_owned(), "refresh_token".to_owned()],
        ..ClientMetadata::default()
    };
    client.metadata.check(&client.policy).expect("sound");
    server.app.store.create_client(&client).await.expect("created");
}

struct Device {
    device_code: String,
    user_code: String,
}

async fn begin(server: &Server) -> Device {
    let answer = server.post("/device_authorization", &[("client_id", "tv")]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    Device { device_code: answer.text("device_code"), user_code: answer.text("user_code") }
}

async fn ask(server: &Server, device: &Device) -> Answer {
    let form = [
        ("grant_type", DEVICE_CODE),
        ("client_id", "tv"),
        ("device_code", device.device_code.as_str()),
    ];
    server.post("/token", &form).await
}

/// Types the code and signs in; the page that asks whether it is this device.
async fn type_in(walker: &mut Walker, server: &Server, user_code: &str) -> Answer {
    let page = walker.get(server, "/device").await;
    assert_eq!(page.status, 200, "{}", page.body);
    let answer = walker.submit(server, &page, "/device", &[("user_code", user_code)]).await;
    let page = walker.follow(server, answer).await;
    if page.body.contains("name=\"password\"") {
        return walker.sign_in(server, &page).await;
    }
    page
}

async fn decide(walker: &mut Walker, server: &Server, page: &Answer, decision: &str) -> Answer {
    walker.submit(server, page, "/device", &[("decision", decision)]).await
}

#[tokio::test]
async fn somebody_lets_a_television_in() {
    let server = with_tv().await;
    let answer = server.post("/device_authorization", &[("client_id", "tv")]).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    let mut members = answer.json();
    let code = answer.text("user_code");
    assert_eq!(
        answer.text("verification_uri_complete"),
        format!("https://id.example/device?user_code={code}")
    );
    for drawn in ["device_code", "user_code", "verification_uri_complete"] {
        members[drawn] = json!("<drawn>");
    }
    insta::assert_snapshot!(format!("{members:#}"));
    let device = Device { device_code: answer.text("device_code"), user_code: code };
    assert_eq!(ask(&server, &device).await.verdict(), "400 authorization_pending");

    let mut walker = Walker::default();
    let typed = device.user_code.to_lowercase().replace('-', " ");
    let page = type_in(&mut walker, &server, &typed).await;
    assert!(page.body.contains(&device.user_code), "it is shown to compare: {}", page.body);
    assert!(page.body.contains("Television"), "{}", page.body);
    let done = decide(&mut walker, &server, &page, "allow").await;
    assert_eq!(done.status, 200, "{}", done.body);
    server.advance(Duration::from_secs(5));
    let tokens = ask(&server, &device).await;
    let first = tokens.tokens();
    assert!(!first.refresh.is_empty() && !tokens.text("id_token").is_empty(), "{}", tokens.body);
    let said = claims(&first.access);
    assert_eq!((&said["sub"], &said["client_id"]), (&json!("user-ada"), &json!("tv")));
    assert_eq!(server.userinfo(&first.access).await.status, 200);
    let form =
        [("grant_type", "refresh_token"), ("client_id", "tv"), ("refresh_token", &first.refresh)];
    let renewed = server.post("/token", &form).await;
    assert_eq!(renewed.status, 200, "{}", renewed.body);
    assert_eq!(ask(&server, &device).await.verdict(), "400 invalid_grant", "once");
    assert_eq!(server.userinfo(&first.access).await.status, 200, "and nothing ends");
    let sessions =
        server.app.store.list_sessions(&"user-ada".parse().expect("an id"), &all()).await;
    let names: Vec<_> = sessions.expect("lists").into_iter().map(|s| s.device.name).collect();
    assert!(names.contains(&Some("Television".to_owned())), "{names:?}");
    let consents = server.app.store.list_consents(&"user-ada".parse().expect("an id")).await;
    assert_eq!(consents.expect("lists").len(), 1, "it can be taken back");
}

fn all() -> menshen_store::Page {
    menshen_store::Page { after: None, limit: 100 }
}

#[tokio::test]
async fn who_asks_too_often_has_to_be_slower_each_time() {
    let server = with_tv().await;
    let device = begin(&server).await;
    let mut verdicts = Vec::new();
    for pause in [0, 5, 1, 5, 10, 1, 15] {
        server.advance(Duration::from_secs(pause));
        verdicts.push(ask(&server, &device).await.text("error"));
    }
    let (pending, slower) = ("authorization_pending", "slow_down");
    assert_eq!(verdicts, [pending, pending, slower, slower, slower, slower, slower]);
    server.advance(Duration::from_mins(1));
    assert_eq!(ask(&server, &device).await.text("error"), pending);
    server.advance(Duration::from_mins(10));
    assert_eq!(ask(&server, &device).await.verdict(), "400 expired_token");
}

#[tokio::test]
async fn somebody_says_no() {
    let server = with_tv().await;
    let device = begin(&server).await;
    let mut walker = Walker::default();
    let page = type_in(&mut walker, &server, &device.user_code).await;
    let done = decide(&mut walker, &server, &page, "deny").await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert_eq!(ask(&server, &device).await.verdict(), "400 access_denied");
    let again = decide(&mut walker, &server, &page, "allow").await;
    assert_eq!(again.status, 400, "it is decided: {}", again.body);
    assert_eq!(ask(&server, &device).await.verdict(), "400 access_denied");
}

#[tokio::test]
async fn a_picture_leads_to_the_page_with_the_code_filled_in() {
    let server = with_tv().await;
    let device = begin(&server).await;
    let picture = server.call("GET", &path("/device/qr", &[("user_code", &device.user_code)]));
    let picture = picture.send().await;
    assert_eq!((picture.status, picture.header("content-type")), (200, "image/svg+xml"));
    assert!(picture.body.contains("<svg"), "{}", picture.body);
    let other = server.call("GET", "/device/qr?user_code=BCDF-GHJK").send().await;
    assert_eq!(other.status, 200, "whose it is, it does not tell");
    for bad in ["/device/qr", "/device/qr?user_code=x", "/device/qr?user_code=%3Csvg%3E"] {
        assert_eq!(server.call("GET", bad).send().await.status, 404, "{bad}");
    }
    let complete = path("/device", &[("user_code", &device.user_code)]);
    let mut walker = Walker::default();
    let page = walker.get(&server, &complete).await;
    assert!(page.body.contains(&format!("value=\"{}\"", device.user_code)), "{}", page.body);
    let answer = walker.submit(&server, &page, "/device", &[]).await;
    let page = walker.follow(&server, answer).await;
    let page = walker.sign_in(&server, &page).await;
    assert!(page.body.contains("value=\"allow\""), "{}", page.body);
    let page = walker.get(&server, &complete).await;
    assert!(page.body.contains("value=\"allow\""), "whoever is signed in is asked at once");
}

#[tokio::test]
async fn nobody_can_be_made_to_let_a_device_in() {
    let server = with_tv().await;
    let device = begin(&server).await;
    let mut walker = Walker::default();
    let page = type_in(&mut walker, &server, &device.user_code).await;
    let code = device.user_code.as_str();
    let forged = [("user_code", code), ("decision", "allow")];
    let without = walker.post(&server, "/device", &forged).await;
    assert_eq!(without.status, 403, "no CSRF token: {}", without.body);
    // Of another browser.
    let mut thief = Walker::default();
    let own = thief.get(&server, "/device").await;
    let forms = crate::walk::forms(&own.body);
    let csrf = forms[0].fields.iter().find(|(name, _)| name == "csrf").expect("there").1.clone();
    let stolen = [("csrf", csrf.as_str()), forged[0], forged[1]];
    assert_eq!(walker.post(&server, "/device", &stolen).await.status, 403);
    // By a link alone nothing is decided.
    let link = path("/device", &[("user_code", code), ("decision", "allow")]);
    assert!(walker.get(&server, &link).await.body.contains("value=\"allow\""));
    assert_eq!(ask(&server, &device).await.verdict(), "400 authorization_pending");
    // A page that was shown to Ada decides nothing for Bob.
    let again = walker.get(&server, "/sign-in?next=/account").await;
    walker.sign_in_as(&server, &again, "bob").await;
    let shown = decide(&mut walker, &server, &page, "allow").await;
    assert!(shown.body.contains("value=\"allow\""), "he is asked himself: {}", shown.body);
    server.advance(Duration::from_secs(5));
    assert_eq!(ask(&server, &device).await.verdict(), "400 authorization_pending");
    // Nor does anybody who is not signed in.
    let mut nobody = Walker::default();
    let enter = nobody.get(&server, "/device").await;
    let more = [("user_code", code), ("decision", "allow"), ("session", "x")];
    let sent = nobody.submit(&server, &enter, "/device", &more).await;
    assert!(sent.header("location").contains("/sign-in?"), "{}", sent.body);
}

#[tokio::test]
async fn codes_cannot_be_guessed() {
    let server = with_tv().await;
    let device = begin(&server).await;
    let mut walker = Walker::default();
    let page = walker.get(&server, "/device").await;
    let mut told = std::collections::BTreeSet::new();
    let letters = [
        "B", "C", "D", "F", "G", "H", "J", "K", "L", "M", "N", "P", "Q", "R", "S", "T", "V", "W",
        "X", "Z",
    ];
    for letter in letters {
        let guess = letter.repeat(8);
        let answer = walker.submit(&server, &page, "/device", &[("user_code", &guess)]).await;
        told.insert(answer.status);
    }
    assert_eq!(told, [400].into(), "every wrong code is told the same");
    let right = [("user_code", device.user_code.as_str())];
    let answer = walker.submit(&server, &page, "/device", &right).await;
    assert_eq!(answer.status, 429, "even the right one has to wait: {}", answer.body);
    server.advance(Duration::from_mins(3));
    let answer = walker.submit(&server, &page, "/device", &right).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let answer = walker.submit(&server, &page, "/device", &right).await;
    assert_eq!(answer.status, 303, "right ones are not counted: {}", answer.body);
}

#[tokio::test]
async fn an_account_guesses_no_faster_from_many_addresses() {
    let server = with_tv().await;
    let mut walker = Walker::default();
    let device = begin(&server).await;
    type_in(&mut walker, &server, &device.user_code).await;
    let account = menshen_store::Quoted::UserCodesOf("user-ada".parse().expect("an id"));
    let quota = menshen_domain::throttle::Quota { most: 20, within: Duration::from_hours(1) };
    for _ in 0..20 {
        let taken = server.app.store.take_from_quota(&account, quota, server.now()).await;
        taken.expect("answers");
    }
    let page = walker.get(&server, &path("/device", &[("user_code", "BCDF-GHJK")])).await;
    assert_eq!(page.status, 429, "{}", page.body);
}

#[tokio::test]
async fn a_code_is_bound_to_the_key_that_was_shown() {
    let server = with_tv().await;
    let (key, other) = (Key::new(1), Key::new(2));
    let call = server.call("POST", "/device_authorization");
    let call = call.header("dpop", key.prove(&server, "/device_authorization", "a"));
    let answer = call.form(&[("client_id", "tv")]).send().await;
    let device =
        Device { device_code: answer.text("device_code"), user_code: answer.text("user_code") };
    let mut walker = Walker::default();
    let page = type_in(&mut walker, &server, &device.user_code).await;
    decide(&mut walker, &server, &page, "allow").await;
    let with = async |proof: Option<String>| {
        let mut call = server.call("POST", "/token");
        if let Some(proof) = proof {
            call = call.header("dpop", proof);
        }
        let form = [
            ("grant_type", DEVICE_CODE),
            ("client_id", "tv"),
            ("device_code", device.device_code.as_str()),
        ];
        call.form(&form).send().await
    };
    assert_eq!(with(None).await.verdict(), "400 invalid_dpop_proof");
    let foreign = other.prove(&server, "/token", "b");
    assert_eq!(with(Some(foreign)).await.verdict(), "400 invalid_dpop_proof");
    let tokens = with(Some(key.prove(&server, "/token", "c"))).await;
    assert_eq!((tokens.status, tokens.text("token_type")), (200, "DPoP".to_owned()));
}

#[tokio::test]
async fn what_is_not_for_this_client_is_refused() {
    let server = with_tv().await;
    add_tv(&server, "other", |_| ()).await;
    server.add_app("app", |_| ()).await;
    let device = begin(&server).await;
    let mut table = String::new();
    for form in [
        &[("client_id", "app")] as &[(&str, &str)],
        &[("client_id", "nobody")],
        &[],
        &[("client_id", "tv"), ("scope", "admin")],
        &[("client_id", "tv"), ("resource", "https://elsewhere.example")],
        &[("client_id", "tv"), ("resource", "https://films.example")],
        &[("client_id", "tv"), ("dpop_jkt", "x")],
        &[("client_id", "tv"), ("client_id", "tv")],
    ] {
        let answer = server.post("/device_authorization", form).await;
        let _ = writeln!(table, "{form:?}: {}", answer.verdict());
    }
    for (client, code) in
        [("other", device.device_code.as_str()), ("app", "x"), ("tv", "x"), ("tv", "")]
    {
        let form = [("grant_type", DEVICE_CODE), ("client_id", client), ("device_code", code)];
        let _ = writeln!(table, "token {client}: {}", server.post("/token", &form).await.verdict());
    }
    for method in ["GET", "PUT", "DELETE"] {
        let call = server.call(method, "/device_authorization").send().await;
        let _ = writeln!(table, "{method}: {}", call.verdict());
    }
    let json = server.call("POST", "/device_authorization").raw("application/json", "{}");
    let _ = writeln!(table, "JSON: {}", json.send().await.verdict());
    let long = format!("client_id=tv&x={}", "x".repeat(65 * 1024));
    let call = server.call("POST", "/device_authorization");
    let long = call.raw("application/x-www-form-urlencoded", long).send().await;
    let _ = writeln!(table, "long: {}", long.verdict());
    insta::assert_snapshot!(table);
}
