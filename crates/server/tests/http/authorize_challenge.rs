//! Signing in: `/authorize-challenge`.

use std::fmt::Write as _;
use std::time::Duration;

use menshen_domain::Secret;
use menshen_domain::credential::{HashingCost, PasswordHasher};

use crate::harness::{CHALLENGE, PASSWORD, SECRET, Server, sign_in_form};

#[tokio::test]
async fn a_right_password_gives_a_code() {
    let server = Server::with_ada().await;
    let answer = server.post("/authorize-challenge", &sign_in_form("app")).await;
    assert_eq!(answer.text("authorization_code").len(), 43);
    insta::assert_snapshot!(answer.print());
}

#[tokio::test]
async fn a_user_name_is_the_same_in_any_case() {
    let server = Server::with_ada().await;
    let mut form = sign_in_form("app");
    form[1].1 = " ADA ";
    assert_eq!(server.post("/authorize-challenge", &form).await.status, 200);
}

#[tokio::test]
async fn nobody_learns_whether_a_user_exists() {
    let server = Server::with_ada().await;
    let passwordless = server.user("eve");
    server.app.store.create_user(&passwordless, None).await.expect("created");
    let barred = server.add_user("bob").await;
    server.app.store.disable_user(&barred, server.now()).await.expect("disabled");
    let cases = [("ada", "wrong"), ("nobody", PASSWORD), ("eve", PASSWORD), ("bob", PASSWORD)];
    let mut answers = Vec::new();
    for (username, password) in cases {
        let mut form = sign_in_form("app");
        (form[1].1, form[2].1) = (username, password);
        let answer = server.post("/authorize-challenge", &form).await;
        answers.push((answer.status, format!("{:?}", answer.headers), answer.body));
    }
    assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:#?}");
    insta::assert_snapshot!(answers[0].2, @r#"{"error":"access_denied","error_description":"the user name or password is wrong"}"#);
}

#[tokio::test]
async fn guessing_is_slowed_down_for_known_and_unknown_names_alike() {
    let server = Server::with_ada().await;
    let mut waits = Vec::new();
    for (number, username) in ["ada", "nobody"].into_iter().enumerate() {
        let mut form = sign_in_form("app");
        (form[1].1, form[2].1) = (username, "wrong");
        let address = format!("192.0.2.{number}");
        let mut attempts = 0;
        let refused = loop {
            let call = server.call("POST", "/authorize-challenge").sent_from(&address);
            let answer = call.form(&form).send().await;
            if answer.status == 429 {
                break answer;
            }
            attempts += 1;
            assert!(attempts < 100, "nobody slows this down");
        };
        waits.push((attempts, refused.header("retry-after").to_owned(), refused.body));
    }
    assert_eq!(waits[0], waits[1]);
    assert!(waits[0].1.parse::<u64>().expect("seconds") >= 1);
}

#[tokio::test]
async fn an_attack_from_elsewhere_does_not_lock_the_owner_out() {
    let server = Server::with_ada().await;
    server.code("app").await;
    let mut form = sign_in_form("app");
    form[2].1 = "wrong";
    let mut refused = 0;
    for _ in 0..60 {
        let call = server.call("POST", "/authorize-challenge").sent_from("198.51.100.1");
        refused += u32::from(call.form(&form).send().await.status == 429);
    }
    assert!(refused > 50, "the attacker is slowed down");
    // At home, and on the first day of a holiday.
    for address in ["127.0.0.1", "203.0.113.1"] {
        let owner = server.call("POST", "/authorize-challenge").sent_from(address);
        let owner = owner.form(&sign_in_form("app")).send().await;
        assert_eq!(owner.status, 200, "{}", owner.body);
    }
}

#[tokio::test]
async fn a_throttled_attempt_may_go_ahead_after_the_wait() {
    let server = Server::with_ada().await;
    let mut form = sign_in_form("app");
    form[2].1 = "wrong";
    let mut last = server.post("/authorize-challenge", &form).await;
    for _ in 0..100 {
        if last.status == 429 {
            break;
        }
        last = server.post("/authorize-challenge", &form).await;
    }
    let wait = last.header("retry-after").parse().expect("seconds");
    server.advance(Duration::from_secs(wait));
    assert_eq!(server.post("/authorize-challenge", &sign_in_form("app")).await.status, 200);
}

#[tokio::test]
async fn what_is_asked_for_must_be_allowed_and_well_formed() {
    let server = Server::with_ada().await;
    server.add_confidential("web", |_| ()).await;
    server.add_app("stranger", |policy| policy.first_party = false).await;
    let mut table = String::new();
    let long = "x".repeat(1025);
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("no user name", &[("username", "")]),
        ("no password", &[("password", "")]),
        ("a password too long", &[("password", &long)]),
        ("a control character", &[("username", "a\u{7}")]),
        ("no challenge", &[("code_challenge", "")]),
        ("no challenge, no method", &[("code_challenge", ""), ("code_challenge_method", "")]),
        ("plain", &[("code_challenge_method", "plain")]),
        ("no method", &[("code_challenge_method", "")]),
        ("a short challenge", &[("code_challenge", "abc")]),
        (
            "a padded challenge",
            &[("code_challenge", concat!("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "="))],
        ),
        ("less scope", &[("scope", "openid")]),
        ("more scope", &[("scope", "openid admin")]),
        ("a malformed scope", &[("scope", "open\"id")]),
        ("a malformed dpop_jkt", &[("dpop_jkt", "abc")]),
        ("a client that is not ours", &[("client_id", "stranger")]),
        ("an unknown client", &[("client_id", "unknown")]),
        ("no client", &[("client_id", "")]),
        ("a confidential client without its secret", &[("client_id", "web")]),
    ];
    for (case, changes) in cases {
        let mut form = sign_in_form("app").to_vec();
        for (name, value) in *changes {
            form.retain(|(known, _)| known != name);
            form.push((name, value));
        }
        let answer = server.post("/authorize-challenge", &form).await;
        let _ =
            writeln!(table, "{case}: {}: {}", answer.verdict(), answer.text("error_description"));
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn a_client_that_authenticates_may_do_without_a_challenge() {
    let server = Server::with_ada().await;
    server.add_confidential("web", |_| ()).await;
    let form = [("username", "ada"), ("password", PASSWORD)];
    let answer = server.call("POST", "/authorize-challenge").basic("web", SECRET).form(&form);
    let code = answer.send().await.text("authorization_code");
    let form = [("grant_type", "authorization_code"), ("code", code.as_str())];
    let answer = server.call("POST", "/token").basic("web", SECRET).form(&form).send().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn a_hash_of_yesterdays_cost_is_replaced_at_sign_in() {
    let server = Server::with_ada().await;
    let old = HashingCost { memory_kib: 64, passes: 1, lanes: 1 };
    let old = PasswordHasher::new(old)
        .expect("a valid cost")
        .hash(&Secret::new(PASSWORD.to_owned()), [9; 16]);
    let user = server.user("olga");
    server.app.store.create_user(&user, Some(&old)).await.expect("created");
    let mut form = sign_in_form("app");
    form[1].1 = "olga";
    assert_eq!(server.post("/authorize-challenge", &form).await.status, 200);
    let kept = server.app.store.find_password(&user.id).await.expect("read").expect("there");
    assert!(kept.as_str().starts_with("$argon2id$v=19$m=32,"), "{kept:?}");
    assert_eq!(server.post("/authorize-challenge", &form).await.status, 200);
}

#[tokio::test]
async fn a_forwarded_address_counts_only_from_a_trusted_proxy() {
    let server = Server::start_with(|config| {
        config.trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
    });
    let server = server.await;
    let ada = server.add_user("ada").await;
    server.add_app("app", |_| ()).await;
    let cases = [
        ("10.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.5, 10.9.9.9", "203.0.113.5"),
        ("10.0.0.1", "203.0.113.5:4711", "203.0.113.5"),
        ("10.0.0.1", "garbage", "10.0.0.1"),
        ("192.0.2.7", "203.0.113.5", "192.0.2.7"),
    ];
    for (peer, forwarded, expected) in cases {
        let call = server.call("POST", "/authorize-challenge").sent_from(peer);
        let call = call.header("x-forwarded-for", forwarded).form(&sign_in_form("app"));
        let code = call.send().await.text("authorization_code");
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("code", code.as_str()),
            ("code_verifier", crate::harness::VERIFIER),
        ];
        assert_eq!(server.post("/token", &form).await.status, 200);
        server.advance(Duration::from_secs(1));
        let page = menshen_store::Page { after: None, limit: 1 };
        let newest = server.app.store.list_sessions(&ada, &page).await.expect("read");
        assert_eq!(newest[0].device.address.as_deref(), Some(expected), "{peer} {forwarded}");
    }
    assert_eq!(CHALLENGE.len(), 43);
}

#[tokio::test]
async fn a_network_that_the_operator_exempts_never_has_to_wait() {
    let exempt = |config: &mut menshen_server::Config| {
        config.throttle_exempt_networks = vec!["192.0.2.0/24".parse().expect("a network")];
    };
    let server = Server::start_with(exempt).await;
    server.add_user("ada").await;
    server.add_app("app", |_| ()).await;
    let wrong = |address| {
        let mut form = sign_in_form("app");
        form[2].1 = "wrong";
        server.call("POST", "/authorize-challenge").sent_from(address).form(&form)
    };
    for _ in 0..40 {
        assert_eq!(wrong("192.0.2.7").send().await.verdict(), "400 access_denied");
    }
    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(wrong("198.51.100.7").send().await.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
}
