//! Which client sends a request: every way of saying so, and of confusing the server about it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

use crate::harness::{Call, SECRET, Server};

const FORM: &[(&str, &str)] = &[("grant_type", "client_credentials")];

async fn table(server: &Server, cases: Vec<(&str, Call)>) -> String {
    let mut table = String::new();
    for (case, call) in cases {
        let answer = call.send().await;
        assert_eq!(answer.status == 401, answer.headers.contains_key("www-authenticate"), "{case}");
        let _ = writeln!(table, "{case}: {}", answer.verdict());
    }
    assert!(server.now().as_millis() > 0);
    table
}

#[tokio::test]
async fn a_client_proves_who_it_is_in_one_way() {
    let server = Server::with_ada().await;
    server.add_confidential("robot", |_| ()).await;
    server.add_confidential("barred", |_| ()).await;
    let barred = "barred".parse().expect("valid");
    server.app.store.disable_client(&barred, server.now()).await.expect("disabled");
    let call = || server.call("POST", "/token");
    let form = |more: &[(&'static str, &'static str)]| [FORM, more].concat();
    let header = |text: &str| call().header("authorization", text).form(FORM);
    let raw = |text: &str| header(&format!("Basic {}", STANDARD.encode(text)));
    let encoded = "the+secret+of+the+client%3A+100%25+%26+more";
    let cases = vec![
        ("basic", call().basic("robot", SECRET).form(FORM)),
        ("basic, another case", raw(&format!("robot:{encoded}"))),
        ("basic, not form-encoded", raw(&format!("robot:{SECRET}"))),
        ("post", call().form(&form(&[("client_id", "robot"), ("client_secret", SECRET)]))),
        (
            "basic and its own client_id",
            call().basic("robot", SECRET).form(&form(&[("client_id", "robot")])),
        ),
        (
            "basic and post",
            call()
                .basic("robot", SECRET)
                .form(&form(&[("client_id", "robot"), ("client_secret", SECRET)])),
        ),
        (
            "basic and another client_id",
            call().basic("robot", SECRET).form(&form(&[("client_id", "app")])),
        ),
        ("two headers", call().basic("robot", SECRET).basic("robot", SECRET).form(FORM)),
        ("wrong secret", call().basic("robot", "wrong").form(FORM)),
        ("no secret", call().form(&form(&[("client_id", "robot")]))),
        ("empty secret", call().basic("robot", "").form(FORM)),
        ("unknown client", call().basic("nobody", SECRET).form(FORM)),
        ("disabled client", call().basic("barred", SECRET).form(FORM)),
        ("a public client with a secret", call().basic("app", SECRET).form(FORM)),
        ("a public client with an empty one", call().basic("app", "").form(FORM)),
        ("an id that is none", call().basic("two words", SECRET).form(FORM)),
        ("a bearer token", header("Bearer abc")),
        ("no scheme", header("robot")),
        ("not base64", header("Basic ???")),
        ("no colon", raw("robot")),
        ("a broken escape", raw("robot:%zz")),
        ("not UTF-8", raw("robot:%ff")),
        ("an assertion", call().form(&form(&[("client_id", "robot"), ("client_assertion", "x")]))),
        ("nothing", call().form(FORM)),
    ];
    insta::assert_snapshot!(table(&server, cases).await);
}

#[tokio::test]
async fn every_failure_of_a_client_looks_the_same() {
    let server = Server::start().await;
    server.add_confidential("robot", |_| ()).await;
    let mut answers = Vec::new();
    for (id, secret) in [("robot", "wrong"), ("nobody", "wrong"), ("robot", "")] {
        let answer = server.call("POST", "/token").basic(id, secret).form(FORM).send().await;
        answers.push(answer.print());
    }
    assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:#?}");
    insta::assert_snapshot!(answers[0]);
}

#[tokio::test]
async fn a_new_secret_is_the_only_one() {
    let server = Server::start().await;
    server.add_confidential("robot", |_| ()).await;
    let hash = menshen_domain::SecretHash::of(b"new");
    let id = "robot".parse().expect("valid");
    assert!(server.app.store.replace_client_secret(&id, &hash, None).await.expect("replaced"));
    let old = server.call("POST", "/token").basic("robot", SECRET).form(FORM).send().await;
    assert_eq!(old.verdict(), "401 invalid_client");
    let new = server.call("POST", "/token").basic("robot", "new").form(FORM).send().await;
    assert_eq!(new.status, 200);
}
