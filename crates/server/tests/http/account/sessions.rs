//! The account endpoints: signing out with whatever is at hand, seeing where one is signed in,
//! changing the password.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Answer, CHALLENGE, PASSWORD, Server, Tokens, VERIFIER, claims};

const DAY: Duration = Duration::from_hours(24);

async fn logout(server: &Server, form: &[(&str, &str)]) -> Answer {
    server.post("/account/logout", form).await
}

/// Signs somebody in with the client `app`.
pub(crate) async fn sign_in_as(server: &Server, username: &str) -> Tokens {
    let form = [
        ("client_id", "app"),
        ("username", username),
        ("password", PASSWORD),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let code = server.post("/authorize-challenge", &form).await.text("authorization_code");
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    server.post("/token", &form).await.tokens()
}

fn ended(answer: &Answer) -> (u64, u64) {
    let body = answer.json();
    let count = |what: &str| body["ended"][what].as_u64().unwrap_or(u64::MAX);
    (count("sessions"), count("grants"))
}

/// A whole first answer: tokens and the logout handle.
async fn first_answer(server: &Server) -> Value {
    let code = server.code("app").await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    server.post("/token", &form).await.json()
}

#[tokio::test]
async fn any_thing_at_hand_signs_the_device_out() {
    let server = Server::with_ada().await;
    for held in ["access_token", "refresh_token", "logout_handle"] {
        let answer = first_answer(&server).await;
        let (held, other) = (answer[held].as_str().expect("given"), &answer);
        let receipt = logout(&server, &[("token", held)]).await;
        assert_eq!((receipt.status, ended(&receipt)), (200, (1, 1)), "{}", receipt.body);
        assert_eq!(receipt.header("cache-control"), "no-store");
        let access = other["access_token"].as_str().expect("given");
        let refresh = other["refresh_token"].as_str().expect("given");
        assert_eq!(server.userinfo(access).await.status, 401);
        assert_eq!(server.refresh(refresh).await.verdict(), "400 invalid_grant logout");
        let again = logout(&server, &[("token", held)]).await;
        assert_eq!((again.status, ended(&again)), (200, (0, 0)), "{}", again.body);
    }
}

#[tokio::test]
async fn the_authorization_header_is_as_good_as_a_parameter() {
    let server = Server::with_ada().await;
    let tokens = server.sign_in().await;
    let receipt = server.call("POST", "/account/logout").bearer(&tokens.access).send().await;
    assert_eq!((receipt.status, ended(&receipt)), (200, (1, 1)));
    assert_eq!(server.userinfo(&tokens.access).await.status, 401);
}

#[tokio::test]
async fn a_superseded_refresh_token_signs_out_and_does_not_count_as_reuse() {
    let server = Server::with_ada().await;
    let first = server.sign_in().await;
    let second = server.refresh(&first.refresh).await.tokens();
    let third = server.refresh(&second.refresh).await.tokens();
    assert_eq!(ended(&logout(&server, &[("token", &first.refresh)]).await), (1, 1));
    assert_eq!(server.refresh(&third.refresh).await.verdict(), "400 invalid_grant logout");
}

#[tokio::test]
async fn tokens_that_expired_long_ago_still_sign_out() {
    let server = Server::with_ada().await;
    let answer = first_answer(&server).await;
    server.advance(2 * DAY);
    let access = answer["access_token"].as_str().expect("given");
    assert_eq!(server.userinfo(access).await.status, 401);
    assert_eq!(ended(&logout(&server, &[("token", access)]).await), (1, 1));
    server.advance(300 * DAY);
    let refresh = answer["refresh_token"].as_str().expect("given");
    let handle = answer["logout_handle"].as_str().expect("given");
    for held in [refresh, handle] {
        assert_eq!(logout(&server, &[("token", held)]).await.status, 200);
    }
}

#[tokio::test]
async fn only_the_named_session_ends_and_everywhere_ends_all() {
    let server = Server::with_ada().await;
    let (phone, tablet) = (server.sign_in().await, server.sign_in().await);
    let third = server.sign_in().await;
    assert_eq!(ended(&logout(&server, &[("token", &phone.refresh)]).await), (1, 1));
    assert_eq!(server.userinfo(&tablet.access).await.status, 200);
    let everywhere = [("token", tablet.refresh.as_str()), ("depth", "everywhere")];
    assert_eq!(ended(&logout(&server, &everywhere).await), (2, 2));
    let verdict = server.refresh(&third.refresh).await.verdict();
    assert_eq!(verdict, "400 invalid_grant logout_everywhere");
}

#[tokio::test]
async fn everywhere_asks_for_a_live_token_that_speaks_for_the_account() {
    let server = Server::with_ada().await;
    server
        .add_app("visitor", |policy| {
            policy.first_party = true;
            policy.scope = "openid".parse().expect("a scope");
        })
        .await;
    let answer = first_answer(&server).await;
    let member = |name: &str| answer[name].as_str().expect("given").to_owned();
    let everywhere = |token: String| {
        let server = &server;
        async move {
            let form = [("token", token.as_str()), ("depth", "everywhere")];
            logout(server, &form).await.verdict()
        }
    };
    assert_eq!(everywhere(member("logout_handle")).await, "403 insufficient-scope");
    // In the form it is held, but nobody has proved to be allowed to send it.
    assert_eq!(everywhere(member("access_token")).await, "401 missing-token");
    let stranger = server.sign_in_with("visitor").await;
    let call = server.call("POST", "/account/logout").bearer(&stranger.access);
    assert_eq!(
        call.form(&[("depth", "everywhere")]).send().await.verdict(),
        "403 insufficient-scope"
    );
    let superseded = member("refresh_token");
    server.refresh(&superseded).await.tokens();
    assert_eq!(everywhere(superseded).await, "401 invalid-token");
    let call = server.call("POST", "/account/logout").bearer(&member("access_token"));
    let receipt = call.form(&[("depth", "everywhere")]).send().await;
    assert_eq!((receipt.status, ended(&receipt)), (200, (2, 2)), "{}", receipt.body);
}

#[tokio::test]
async fn an_app_that_gives_its_grant_back_ends_the_session_it_opened() {
    let server = Server::with_ada().await;
    let tokens = server.sign_in().await;
    let receipt = logout(&server, &[("token", &tokens.refresh), ("depth", "app")]).await;
    assert_eq!((receipt.status, ended(&receipt)), (200, (1, 1)), "{}", receipt.body);
    assert_eq!(server.userinfo(&tokens.access).await.status, 401);
}

#[tokio::test]
async fn a_logout_that_cannot_be_understood_is_refused() {
    let server = Server::with_ada().await;
    let answer = first_answer(&server).await;
    let handle = answer["logout_handle"].as_str().expect("given");
    let access = answer["access_token"].as_str().expect("given");
    // The tenth character from the end: one that carries six bits of the signature.
    let (kept, rest) = access.split_at(access.len() - 10);
    let other = if rest.starts_with('A') { "B" } else { "A" };
    let flipped = format!("{kept}{other}{}", &rest[1..]);
    let post = || server.call("POST", "/account/logout");
    let cases = [
        (post(), "401 missing-token"),
        (post().form(&[("depth", "device")]), "401 missing-token"),
        (post().header("authorization", "Basic YTpi"), "401 missing-token"),
        (post().form(&[("token", "garbage")]), "400 invalid-request"),
        (post().form(&[("token", "mrt_aaaaaaaa.x.0.y.z")]), "400 invalid-request"),
        (
            post().form(&[("token", "mlh_aaaaaaaa.AAAAAAAAAAAAAAAAAAAAAA.AAAA")]),
            "400 invalid-request",
        ),
        (post().form(&[("token", &flipped)]), "400 invalid-request"),
        (post().bearer(&flipped), "400 invalid-request"),
        (post().bearer(access).bearer(access), "400 invalid-request"),
        (post().form(&[("token", handle), ("depth", "galaxy")]), "400 invalid-request"),
        (post().form(&[("token", handle), ("depth", "app")]), "400 invalid-request"),
        (post().form(&[("token", handle), ("token", handle)]), "400 invalid-request"),
        (post().raw("application/json", "{}"), "415 unsupported-media-type"),
        (post().raw("application/x-www-form-urlencoded", "token=%ff"), "400 invalid-request"),
        (post().raw("application/x-www-form-urlencoded", "a".repeat(70_000)), "413 too-large"),
        (server.call("GET", "/account/logout"), "405 method-not-allowed"),
    ];
    for (number, (call, expected)) in cases.into_iter().enumerate() {
        assert_eq!(call.send().await.verdict(), expected, "case {number}");
    }
    assert_eq!(server.userinfo(access).await.status, 200);
}

#[tokio::test]
async fn a_user_sees_where_they_are_signed_in_and_ends_it_there() {
    let server = Server::with_ada().await;
    let phone = server.sign_in().await;
    server.advance(Duration::from_secs(5));
    let tablet = server.sign_in().await;
    let list = server.call("GET", "/account/sessions").bearer(&tablet.access).send().await;
    let sessions = list.json()["sessions"].as_array().expect("a list").clone();
    assert_eq!(sessions.len(), 2, "{}", list.body);
    assert_eq!(sessions[0]["current"], json!(true));
    assert_eq!(sessions[0]["id"], claims(&tablet.access)["sid"]);
    assert_eq!(sessions[1]["id"], claims(&phone.access)["sid"]);
    assert_eq!(sessions[1]["address"], json!("192.0.2.7"));
    assert_eq!(sessions[1]["created_at"], json!("2026-01-01T00:00:00.000Z"));
    assert_eq!(list.json()["next"], Value::Null);

    let path = format!("/account/sessions/{}", sessions[1]["id"].as_str().expect("an id"));
    let receipt = server.call("DELETE", &path).bearer(&tablet.access).send().await;
    assert_eq!((receipt.status, ended(&receipt)), (200, (1, 1)), "{}", receipt.body);
    assert_eq!(server.refresh(&phone.refresh).await.verdict(), "400 invalid_grant remote_logout");
    let again = server.call("DELETE", &path).bearer(&tablet.access).send().await;
    assert_eq!((again.status, ended(&again)), (200, (0, 0)));
}

#[tokio::test]
async fn sessions_come_in_pages() {
    let server = Server::with_ada().await;
    let mut last = server.sign_in().await;
    for _ in 0..4 {
        server.advance(Duration::from_secs(1));
        last = server.sign_in().await;
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    for _ in 0..3 {
        let path = format!("/account/sessions?limit=2{after}");
        let page = server.call("GET", &path).bearer(&last.access).send().await.json();
        let ids = page["sessions"].as_array().expect("a list").iter();
        seen.extend(ids.map(|session| session["id"].as_str().expect("an id").to_owned()));
        after = page["next"].as_str().map(|next| format!("&after={next}")).unwrap_or_default();
    }
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), after.as_str()), (5, ""));
    for query in ["limit=0", "limit=1001", "limit=x", "page=2", "limit=1&limit=2"] {
        let path = format!("/account/sessions?{query}");
        let answer = server.call("GET", &path).bearer(&last.access).send().await;
        assert_eq!(answer.verdict(), "400 invalid-request", "{query}");
    }
}

#[tokio::test]
async fn a_session_of_somebody_else_is_like_one_that_never_was() {
    let server = Server::with_ada().await;
    let ada = server.sign_in().await;
    server.add_user("eve").await;
    let eve = sign_in_as(&server, "eve").await;
    let foreign = claims(&ada.access)["sid"].as_str().expect("a session").to_owned();
    let mut answers = Vec::new();
    for id in [foreign.as_str(), "AAAAAAAAAAAAAAAAAAAAAA", "nonsense"] {
        let path = format!("/account/sessions/{id}");
        answers.push(server.call("DELETE", &path).bearer(&eve.access).send().await);
    }
    assert!(answers.iter().all(|answer| answer.verdict() == "404 not-found"));
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    assert_eq!(server.userinfo(&ada.access).await.status, 200);
}

#[tokio::test]
async fn the_account_is_for_tokens_that_may_speak_for_it() {
    let server = Server::with_ada().await;
    server.add_app("visitor", |policy| policy.scope = "openid".parse().expect("a scope")).await;
    let token = server.sign_in_with("visitor").await.access;
    for (method, path) in [
        ("GET", "/account/sessions"),
        ("DELETE", "/account/sessions/AAAAAAAAAAAAAAAAAAAAAA"),
        ("POST", "/account/password"),
    ] {
        let call = || server.call(method, path);
        assert_eq!(call().send().await.verdict(), "401 missing-token", "{path}");
        assert_eq!(call().bearer("x").send().await.verdict(), "401 invalid-token", "{path}");
        assert_eq!(
            call().bearer(&token).send().await.verdict(),
            "403 insufficient-scope",
            "{path}"
        );
    }
}

async fn change_password(server: &Server, token: &str, body: &Value) -> Answer {
    let call = server.call("POST", "/account/password").bearer(token);
    call.raw("application/json", body.to_string()).send().await
}

#[tokio::test]
async fn a_changed_password_signs_everybody_out() {
    let server = Server::with_ada().await;
    let (phone, tablet) = (server.sign_in().await, server.sign_in().await);
    let body = json!({ "current_password": PASSWORD, "new_password": "another good one" });
    let receipt = change_password(&server, &phone.access, &body).await;
    assert_eq!((receipt.status, ended(&receipt)), (200, (2, 2)), "{}", receipt.body);
    for tokens in [phone, tablet] {
        assert_eq!(server.userinfo(&tokens.access).await.status, 401);
        let verdict = server.refresh(&tokens.refresh).await.verdict();
        assert_eq!(verdict, "400 invalid_grant password_changed");
    }
    let old = server.post("/authorize-challenge", &crate::harness::sign_in_form("app")).await;
    assert_eq!(old.verdict(), "400 access_denied");
}

#[tokio::test]
async fn a_password_is_not_changed_without_the_current_one() {
    let server = Server::with_ada().await;
    let token = server.sign_in().await.access;
    let cases = [
        (
            json!({ "current_password": "wrong", "new_password": "long enough" }),
            "403 wrong-password",
        ),
        (
            json!({ "current_password": "x".repeat(2_000), "new_password": "long enough" }),
            "403 wrong-password",
        ),
        (json!({ "current_password": PASSWORD, "new_password": "short" }), "400 invalid-request"),
        (
            json!({ "current_password": PASSWORD, "new_password": "x".repeat(1_025) }),
            "400 invalid-request",
        ),
        (json!({ "current_password": PASSWORD }), "400 invalid-request"),
        (
            json!({ "current_password": PASSWORD, "new_password": "long enough", "x": 1 }),
            "400 invalid-request",
        ),
        (json!([]), "400 invalid-request"),
    ];
    for (body, expected) in cases {
        assert_eq!(change_password(&server, &token, &body).await.verdict(), expected, "{body}");
    }
    assert_eq!(server.userinfo(&token).await.status, 200);
}

#[tokio::test]
async fn guessing_the_current_password_is_slowed_down() {
    let server = Server::with_ada().await;
    let token = server.sign_in().await.access;
    let body = json!({ "current_password": "guess", "new_password": "long enough" });
    for _ in 0..100 {
        let answer = change_password(&server, &token, &body).await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").parse::<u64>().expect("seconds") > 0);
            return;
        }
        assert_eq!(answer.verdict(), "403 wrong-password");
    }
    panic!("a hundred guesses went through");
}

#[tokio::test]
async fn an_expired_token_of_a_client_makes_no_rule() {
    let server = Server::start().await;
    server.add_confidential("robot", |_| ()).await;
    let form = [("grant_type", "client_credentials")];
    let call = server.call("POST", "/token").basic("robot", crate::harness::SECRET).form(&form);
    let access = call.send().await.tokens().access;
    server.advance(Duration::from_hours(1));
    for depth in ["app", "device"] {
        let answer = logout(&server, &[("token", &access), ("depth", depth)]).await;
        assert_eq!((answer.status, ended(&answer)), (200, (0, 0)));
        assert_eq!(answer.json()["position"], json!(0), "nothing was appended");
    }
}
