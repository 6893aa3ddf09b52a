//! `/logout`: an app sends somebody who wants to sign out, or somebody else pretends to be one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_domain::client::ClientMetadata;
use menshen_domain::session::Ended;
use menshen_token::{Algorithm, Reason, SessionId};

use crate::authorize::{CALLBACK, come_back, redeem, request};
use crate::harness::{Answer, ISSUER, SECRET, Server, claims};
use crate::walk::{Walker, forms, path, sent};

const OUT: &str = "https://web.example/out?kept=%41";

/// Somebody who is signed in to the app `web` by a browser.
struct Scene {
    server: Server,
    walker: Walker,
    /// The app's tokens.
    access: String,
    refresh: String,
    hint: String,
}

impl Scene {
    async fn begin() -> Self {
        Self::with(|_| ()).await
    }

    async fn with(adjust: impl FnOnce(&mut ClientMetadata)) -> Self {
        let server = Server::start().await;
        server.add_user("ada").await;
        server.add_user("bob").await;
        let mut metadata = ClientMetadata {
            redirect_uris: vec![CALLBACK.to_owned()],
            post_logout_redirect_uris: vec![OUT.to_owned(), "com.web.example:/out".to_owned()],
            ..ClientMetadata::default()
        };
        adjust(&mut metadata);
        server.add_web("web", metadata, |_| ()).await;
        let mut walker = Walker::default();
        let tokens = enter(&mut walker, &server).await;
        let text = |name| tokens.text(name);
        let (access, refresh, hint) =
            (text("access_token"), text("refresh_token"), text("id_token"));
        Self { server, walker, access, refresh, hint }
    }

    async fn go(&mut self, query: &[(&str, &str)]) -> Answer {
        self.walker.get(&self.server, &path("/logout", query)).await
    }

    async fn ended(&self) -> Option<Reason> {
        let id: SessionId =
            claims(&self.hint)["sid"].as_str().expect("a text").parse().expect("an id");
        let session = self.server.app.store.find_session(id).await.expect("reads");
        session.expect("is there").ended.map(|Ended { reason, .. }| reason)
    }

    /// Nothing has ended, and nobody is sent anywhere.
    async fn stays(&self, answer: &Answer, why: &str) {
        assert!(answer.status == 200 || answer.status == 400, "{why}: {}", answer.status);
        assert_eq!((answer.header("location"), answer.header("refresh")), ("", ""), "{why}");
        assert_eq!(self.ended().await, None, "{why}");
        assert!(self.walker.session().is_some(), "{why}");
    }
}

/// Signs `ada` in to `web`; what the app gets.
async fn enter(walker: &mut Walker, server: &Server) -> Answer {
    let answer = come_back(walker, server, &request(&[])).await;
    redeem(server, &sent(&answer)["code"]).await
}

fn asks(answer: &Answer) -> bool {
    answer.status == 200 && forms(&answer.body).iter().any(|form| form.action == "/logout/confirm")
}

/// The address that the form of a page goes on to.
fn carried(page: &Answer) -> Option<String> {
    let fields = forms(&page.body).remove(0).fields;
    let uri = fields.into_iter().find(|(name, _)| name == "post_logout_redirect_uri");
    uri.map(|(_, uri)| uri)
}

#[tokio::test]
async fn the_id_token_of_the_session_ends_it_and_leads_back() {
    let mut scene = Scene::begin().await;
    let state = "0123456789 &=?#%+/\u{e9}".repeat(8);
    let hint = scene.hint.clone();
    let query = [("id_token_hint", &*hint), ("post_logout_redirect_uri", OUT), ("state", &state)];
    let answer = scene.go(&query).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(answer.header("location").starts_with(&format!("{OUT}&state=")));
    let sent = sent(&answer);
    assert_eq!((sent.len(), &sent["state"], &*sent["kept"]), (2, &state, "A"));
    assert_eq!(scene.ended().await, Some(Reason::Logout));
    assert_eq!(scene.walker.session(), None);
    assert_eq!(scene.server.userinfo(&scene.access).await.status, 401);
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*scene.refresh)];
    let call = scene.server.call("POST", "/token").basic("web", SECRET).form(&form);
    assert_eq!(call.send().await.verdict(), "400 invalid_grant logout");
    let silent = scene.walker.get(&scene.server, &request(&[("prompt", "none")])).await;
    assert_eq!(crate::walk::sent(&silent)["error"], "login_required");

    // Once more, signed out already: back to the app again.
    let answer = scene.go(&query[..2]).await;
    assert_eq!((answer.status, answer.header("location")), (303, OUT));
}

#[tokio::test]
async fn without_an_address_the_page_says_what_was_ended() {
    let mut scene = Scene::begin().await;
    let hint = scene.hint.clone();
    let answer = scene.go(&[("id_token_hint", &hint), ("ui_locales", "en")]).await;
    assert_eq!((answer.status, answer.header("location")), (200, ""));
    assert!(answer.body.contains("ada"), "{}", answer.body);
    assert!(!answer.body.contains("<iframe") && answer.header("refresh").is_empty());
    assert_eq!(scene.ended().await, Some(Reason::Logout));
}

#[tokio::test]
async fn who_brings_no_id_token_is_asked() {
    let by_name = [("client_id", "web"), ("post_logout_redirect_uri", OUT), ("state", "a state")];
    for (query, expected) in [
        (&[] as &[(&str, &str)], ""),
        (&[("state", "only")], ""),
        (&[("post_logout_redirect_uri", OUT)], ""),
        (&[("client_id", "web"), ("post_logout_redirect_uri", "https://evil.example/")], ""),
        (&by_name, "https://web.example/out?kept=%41&state=a+state"),
    ] {
        let mut scene = Scene::begin().await;
        let page = scene.go(query).await;
        assert!(asks(&page), "{query:?}: {}", page.body);
        scene.stays(&page, "asked").await;
        let policy = page.header("content-security-policy");
        let leads_back = policy.contains("form-action 'self' https:");
        assert_eq!(carried(&page).is_some(), !expected.is_empty());
        assert_eq!(leads_back, !expected.is_empty(), "{policy}");

        let (server, walker) = (&scene.server, &mut scene.walker);
        let stay = [("decision", "stay")];
        let stayed = walker.submit(server, &page, "/logout/confirm", &stay).await;
        assert_eq!(stayed.header("location"), format!("{ISSUER}/account"));
        let out = [("decision", "sign_out")];
        let answer = walker.submit(server, &page, "/logout/confirm", &out).await;
        assert_eq!(answer.header("location"), expected, "{query:?}: {}", answer.body);
        assert_eq!(answer.status, if expected.is_empty() { 200 } else { 303 });
        assert_eq!(scene.ended().await, Some(Reason::Logout));
        assert_eq!(scene.walker.session(), None);
    }
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_is_not_registered_letter_by_letter() {
    let mut scene = Scene::begin().await;
    let other = ClientMetadata {
        post_logout_redirect_uris: vec!["https://other.example/out".to_owned()],
        ..ClientMetadata::default()
    };
    scene.server.add_web("other", other, |_| ()).await;
    let hint = scene.hint.clone();
    for trick in [
        "https://web.example/out",
        "https://web.example/out?kept=A",
        "https://web.example/out?kept=%41&more=1",
        "https://web.example/out?kept=%41#",
        "https://web.example/out/?kept=%41",
        "https://web.example/out/../out?kept=%41",
        "https://web.example:443/out?kept=%41",
        "https://web.example.evil.example/out?kept=%41",
        "https://web.example@evil.example/out?kept=%41",
        "https://evil.example/?https://web.example/out?kept=%41",
        "HTTPS://web.example/out?kept=%41",
        "http://web.example/out?kept=%41",
        "//web.example/out?kept=%41",
        "https://web.example/%6fut?kept=%41",
        "https://web.example/out?kept=%41\r\nx: y",
        " https://web.example/out?kept=%41",
        "javascript:alert(1)//https://web.example/out?kept=%41",
        "data:text/html,out",
        "com.web.example:/outside",
        "https://other.example/out",
        CALLBACK,
    ] {
        let query = [("id_token_hint", &*hint), ("post_logout_redirect_uri", trick)];
        let page = scene.go(&query).await;
        assert!(asks(&page), "{trick}: {}", page.body);
        scene.stays(&page, trick).await;
        assert_eq!(carried(&page), None, "{trick}");
        let nobody = scene.server.call("GET", &path("/logout", &query)).send().await;
        assert_eq!((nobody.status, nobody.header("location")), (400, ""), "{trick}");
        assert!(nobody.body.contains("post_logout_redirect_uri is not registered"));
        let by_name = [("client_id", "web"), ("post_logout_redirect_uri", trick)];
        let page = scene.go(&by_name).await;
        let confirm = [("decision", "sign_out"), ("client_id", "web")];
        let confirm = [&confirm[..], &by_name[1..]].concat();
        let answer = {
            let (server, walker) = (&scene.server, &mut scene.walker.clone());
            walker.submit(server, &page, "/logout/confirm", &confirm).await
        };
        assert_eq!(answer.header("location"), "", "{trick}");
        enter_again(&mut scene).await;
    }
}

/// Signs in again, after a clone of the browser has signed out.
async fn enter_again(scene: &mut Scene) {
    scene.walker = Walker::default();
    let tokens = enter(&mut scene.walker, &scene.server).await;
    scene.hint = tokens.text("id_token");
}

#[tokio::test]
async fn an_id_token_that_is_not_ours_is_none() {
    let mut scene = Scene::begin().await;
    let elsewhere = Server::start_with(|config| {
        config.issuer = "https://other.example/".parse().expect("a URL");
    });
    let elsewhere = elsewhere.await;
    elsewhere.add_user("ada").await;
    elsewhere.add_app("app", |_| ()).await;
    let foreign = elsewhere.tokens("app").await.text("id_token");
    let hint = scene.hint.clone();
    let parts: Vec<&str> = hint.split('.').collect();
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let mut changed = claims(&hint);
    changed["sub"] = "user-bob".into();
    let none = encode(r#"{"alg":"none","typ":"JWT"}"#);
    let header =
        String::from_utf8(URL_SAFE_NO_PAD.decode(parts[0]).expect("base64url")).expect("text");
    let symmetric = encode(&header.replace("RS256", "HS256"));
    // By our key, and yet none of our ID tokens.
    let mut of_another = claims(&hint);
    of_another["iss"] = "https://other.example".into();
    let signed = |token_type: &str, claims: &serde_json::Value| {
        let keyring = &scene.server.app.keyring;
        keyring.sign(Algorithm::RS256, token_type, claims.to_string().as_bytes()).expect("signs")
    };
    let other_issuer = signed("JWT", &of_another);
    let logout_token = signed("logout+jwt", &claims(&hint));
    for (name, forged) in [
        ("of another issuer", other_issuer),
        ("a logout token", logout_token),
        ("foreign", foreign),
        ("none", format!("{none}.{}.", parts[1])),
        ("none, signed", format!("{none}.{}.{}", parts[1], parts[2])),
        ("symmetric", format!("{symmetric}.{}.{}", parts[1], parts[2])),
        ("changed", format!("{}.{}.{}", parts[0], encode(&changed.to_string()), parts[2])),
        ("cut", hint[..hint.len() - 4].to_owned()),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("an access token", scene.access.clone()),
        ("nonsense", "nonsense".to_owned()),
    ] {
        let query = [("id_token_hint", &*forged), ("post_logout_redirect_uri", OUT)];
        let page = scene.go(&query).await;
        assert!(asks(&page), "{name}: {}", page.body);
        scene.stays(&page, name).await;
        assert_eq!(carried(&page), None, "{name}");
        let nobody = scene.server.call("GET", &path("/logout", &query)).send().await;
        assert_eq!((nobody.status, nobody.header("location")), (200, ""), "{name}");
        scene.stays(&page, name).await;
    }
    let query =
        [("id_token_hint", &*hint), ("client_id", "other"), ("post_logout_redirect_uri", OUT)];
    let page = scene.go(&query).await;
    assert!(asks(&page), "the client is another");
    scene.stays(&page, "the client is another").await;
}

#[tokio::test]
async fn an_id_token_may_be_long_expired() {
    let mut scene = Scene::begin().await;
    scene.server.advance(std::time::Duration::from_hours(7));
    let hint = scene.hint.clone();
    let query =
        [("id_token_hint", &*hint), ("client_id", "web"), ("post_logout_redirect_uri", OUT)];
    let answer = scene.go(&query).await;
    assert_eq!((answer.status, answer.header("location")), (303, OUT), "{}", answer.body);
    assert_eq!(scene.ended().await, Some(Reason::Logout));
}

#[tokio::test]
async fn the_id_token_of_another_session_signs_nobody_out_unasked() {
    let mut scene = Scene::begin().await;
    let theirs = scene.hint.clone();
    // Somebody else takes the browser over, which ends the session that ada had in it.
    let page = scene.walker.get(&scene.server, &request(&[("prompt", "login")])).await;
    let page = scene.walker.submit(&scene.server, &page, "/sign-in/other", &[]).await;
    scene.walker.sign_in_as(&scene.server, &page, "bob").await;
    assert_eq!(scene.ended().await, Some(Reason::AccountSwitched));
    let cookie = scene.walker.session().map(str::to_owned);
    let query = [("id_token_hint", &*theirs), ("post_logout_redirect_uri", OUT)];
    let page = scene.go(&query).await;
    assert!(asks(&page) && page.body.contains("bob"), "{}", page.body);
    assert_eq!(scene.walker.session().map(str::to_owned), cookie);
    let (server, walker) = (&scene.server, &mut scene.walker);
    let decision = [("decision", "sign_out")];
    let answer = walker.submit(server, &page, "/logout/confirm", &decision).await;
    assert_eq!((answer.status, answer.header("location")), (303, OUT));
    assert_eq!(walker.session(), None);
}

#[tokio::test]
async fn a_form_of_somebody_else_signs_nobody_out() {
    let mut scene = Scene::begin().await;
    let page = scene.go(&[]).await;
    let csrf = forms(&page.body)[0].fields.iter().find(|(name, _)| name == "csrf").cloned();
    let (_, csrf) = csrf.expect("the form has one");
    let cases: [(&[(&str, &str)], &str); 3] = [
        (&[("decision", "sign_out")], "same-origin"),
        (&[("decision", "sign_out"), ("csrf", "guessed")], "same-origin"),
        (&[("decision", "sign_out"), ("csrf", &csrf)], "cross-site"),
    ];
    for (form, site) in cases {
        let call = scene.server.call("POST", "/logout/confirm");
        let call = call.header("cookie", scene.walker.cookie_line()).header("sec-fetch-site", site);
        let answer = call.form(form).send().await;
        assert_eq!(answer.status, 403, "{form:?}");
        assert_eq!(scene.ended().await, None);
    }
    // The token of one browser is nothing in another.
    let mut thief = Walker::default();
    enter(&mut thief, &scene.server).await;
    let form = [("decision", "sign_out"), ("csrf", &*csrf)];
    assert_eq!(thief.post(&scene.server, "/logout/confirm", &form).await.status, 403);
}

#[tokio::test]
async fn a_form_of_an_app_comes_back_as_an_address() {
    let mut scene = Scene::begin().await;
    let hint = scene.hint.clone();
    let form =
        [("id_token_hint", &*hint), ("post_logout_redirect_uri", OUT), ("state", "&=\u{e9}")];
    // Without cookies, as a browser sends the form of another site.
    let answer = scene.server.post("/logout", &form).await;
    assert_eq!(answer.status, 303);
    assert_eq!(scene.ended().await, None);
    let answer = scene.walker.follow(&scene.server, answer).await;
    assert_eq!(answer.header("location"), format!("{OUT}&state=%26%3D%C3%A9"));
    assert_eq!(scene.ended().await, Some(Reason::Logout));
}

#[tokio::test]
async fn what_is_given_twice_is_a_mistake() {
    let scene = Scene::begin().await;
    let hint = &scene.hint;
    let twice = format!(
        "/logout?id_token_hint={hint}&post_logout_redirect_uri=a&post_logout_redirect_uri=b"
    );
    let answer = scene.server.call("GET", &twice).send().await;
    assert_eq!((answer.status, answer.header("location")), (400, ""));
    scene.stays(&answer, "twice").await;
}

#[tokio::test]
async fn an_id_token_ends_a_session_that_no_browser_holds() {
    let server = Server::with_ada().await;
    let tokens = server.tokens("app").await;
    let query = [("id_token_hint", &*tokens.text("id_token"))];
    let answer = server.call("GET", &path("/logout", &query)).send().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(server.userinfo(&tokens.text("access_token")).await.status, 401);
}

#[tokio::test]
async fn who_is_signed_out_already_is_told_so() {
    let server = Server::with_ada().await;
    for query in [&[] as &[(&str, &str)], &[("client_id", "app"), ("state", "x")]] {
        let answer = server.call("GET", &path("/logout", query)).send().await;
        assert_eq!((answer.status, answer.header("location")), (200, ""));
        assert!(!asks(&answer) && answer.body.contains("/sign-in"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_disabled_client_gets_nobody_back() {
    let mut scene = Scene::begin().await;
    let id = "web".parse().expect("valid");
    scene.server.app.store.disable_client(&id, scene.server.now()).await.expect("disabled");
    let hint = scene.hint.clone();
    scene.server.advance(std::time::Duration::from_secs(2));
    let query = [("id_token_hint", &*hint), ("post_logout_redirect_uri", OUT)];
    let page = scene.go(&query).await;
    assert!(asks(&page));
    scene.stays(&page, "disabled").await;
}

#[tokio::test]
async fn apps_that_live_in_the_browser_are_loaded_once_more() {
    let uri = "https://web.example/bye?a=b";
    let mut scene =
        Scene::with(|metadata| metadata.frontchannel_logout_uri = Some(uri.to_owned())).await;
    let other = ClientMetadata {
        frontchannel_logout_uri: Some("https://other.example/bye".to_owned()),
        ..ClientMetadata::default()
    };
    scene.server.add_web("other", other, |_| ()).await;
    let (hint, sid) = (scene.hint.clone(), claims(&scene.hint)["sid"].clone());
    let query = [("id_token_hint", &*hint), ("post_logout_redirect_uri", OUT), ("state", "a b")];
    let page = scene.go(&query).await;
    assert_eq!((page.status, page.header("location")), (200, ""), "{}", page.body);
    let frames = page.body.matches("<iframe").count();
    assert_eq!(frames, 1, "the other app was never signed in to");
    let sid = sid.as_str().expect("a text");
    let frame = format!("{uri}&#38;iss=https%3A%2F%2Fid.example&#38;sid={sid}");
    assert!(page.body.contains(&frame), "{}", page.body);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("; frame-src https://web.example"), "{policy}");
    assert!(!policy.contains("script-src"), "{policy}");
    assert_eq!(page.header("refresh"), format!("2; url={OUT}&state=a+b"));
    assert_eq!(scene.walker.session(), None);
    assert_eq!(scene.ended().await, Some(Reason::Logout));
    // There is nothing left to tell.
    let answer = scene.go(&query).await;
    assert_eq!(answer.status, 303);
}
