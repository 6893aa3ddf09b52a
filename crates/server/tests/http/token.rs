//! Redeeming codes, and clients that act for themselves: `/token`.

use std::time::Duration;

use crate::harness::{SECRET, Server, VERIFIER, claims, read, sign_in_form};

async fn redeem(server: &Server, code: &str) -> crate::harness::Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", code),
        ("code_verifier", VERIFIER),
    ];
    server.post("/token", &form).await
}

#[tokio::test]
async fn a_code_opens_a_session() {
    let server = Server::with_ada().await;
    let code = server.code("app").await;
    insta::assert_snapshot!(redeem(&server, &code).await.print());
}

#[tokio::test]
async fn a_replayed_code_ends_what_it_opened() {
    let server = Server::with_ada().await;
    let code = server.code("app").await;
    let tokens = redeem(&server, &code).await.tokens();
    assert_eq!(
        redeem(&server, &code).await.verdict(),
        "400 invalid_grant authorization_code_reuse"
    );
    assert_eq!(server.userinfo(&tokens.access).await.status, 401);
    let refused = server.refresh(&tokens.refresh).await;
    assert_eq!(refused.verdict(), "400 invalid_grant authorization_code_reuse");
}

#[tokio::test]
async fn a_code_lives_a_minute() {
    let server = Server::with_ada().await;
    let code = server.code("app").await;
    server.advance(Duration::from_secs(59));
    assert_eq!(redeem(&server, &code).await.status, 200);
    let code = server.code("app").await;
    server.advance(Duration::from_mins(1));
    assert_eq!(redeem(&server, &code).await.verdict(), "400 invalid_grant");
}

#[tokio::test]
async fn a_code_is_worth_nothing_to_whoever_does_not_know_the_verifier() {
    let server = Server::with_ada().await;
    server.add_app("other", |_| ()).await;
    server.add_confidential("web", |_| ()).await;
    let code = server.code("app").await;
    let other_verifier = "a".repeat(43);
    let other_code = "a".repeat(43);
    let cases: [(&str, &str, &str, &str); 5] = [
        ("no verifier", "app", &code, ""),
        ("another verifier", "app", &code, &other_verifier),
        ("a short verifier", "app", &code, "short"),
        ("another client", "other", &code, VERIFIER),
        ("another code", "app", &other_code, VERIFIER),
    ];
    for (case, client_id, code, verifier) in cases {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", client_id),
            ("code", code),
            ("code_verifier", verifier),
        ];
        assert_eq!(server.post("/token", &form).await.verdict(), "400 invalid_grant", "{case}");
    }
    assert_eq!(redeem(&server, &code).await.status, 200, "a failed guess used the code up");
    // The downgrade the other way round: a verifier for a code that never had a challenge.
    let form = [("username", "ada"), ("password", crate::harness::PASSWORD)];
    let call = server.call("POST", "/authorize-challenge").basic("web", SECRET).form(&form);
    let code = call.send().await.text("authorization_code");
    let form = [("grant_type", "authorization_code"), ("code", &code), ("code_verifier", VERIFIER)];
    let answer = server.call("POST", "/token").basic("web", SECRET).form(&form).send().await;
    assert_eq!(answer.verdict(), "400 invalid_grant");
}

#[tokio::test]
async fn custom_claims_never_stand_in_for_our_own() {
    let server = Server::with_ada().await;
    let mut user = server.user("mallory");
    user.claims.insert("sub".to_owned(), "user-ada".into());
    user.claims.insert("scope".to_owned(), "admin".into());
    let hash = server.app.store.find_password(&server.user("ada").id).await.expect("read");
    server.app.store.create_user(&user, hash.as_ref()).await.expect("created");
    let mut form = sign_in_form("app");
    form[1].1 = "mallory";
    let code = server.post("/authorize-challenge", &form).await.text("authorization_code");
    let tokens = redeem(&server, &code).await.tokens();
    let said = claims(&tokens.access);
    assert_eq!(
        (&said["sub"], &said["scope"]),
        (&"user-mallory".into(), &"openid profile account".into())
    );
    assert_eq!(said["tenant"], "north");
}

#[tokio::test]
async fn a_client_acts_for_itself() {
    let server = Server::start().await;
    server
        .add_confidential("robot", |policy| {
            policy.scope = "revocations:read jobs".parse().expect("a scope");
            policy.audience = vec!["https://api.example".to_owned()];
        })
        .await;
    let form = [("grant_type", "client_credentials"), ("scope", "jobs")];
    let answer = server.call("POST", "/token").basic("robot", SECRET).form(&form).send().await;
    insta::assert_snapshot!(answer.print());
    let refused = [("grant_type", "client_credentials"), ("scope", "admin")];
    let answer = server.call("POST", "/token").basic("robot", SECRET).form(&refused).send().await;
    assert_eq!(answer.verdict(), "400 invalid_scope");
}

#[tokio::test]
async fn a_public_client_cannot_act_for_itself() {
    let server = Server::with_ada().await;
    let form = [("grant_type", "client_credentials"), ("client_id", "app")];
    assert_eq!(server.post("/token", &form).await.verdict(), "400 unauthorized_client");
}

#[tokio::test]
async fn a_client_disabled_a_moment_ago_gains_no_token_that_lives() {
    let server = Server::start().await;
    server.add_confidential("robot", |_| ()).await;
    let form = [("grant_type", "client_credentials")];
    let ask = || server.call("POST", "/token").basic("robot", SECRET).form(&form).send();
    assert_eq!(ask().await.status, 200);
    let id = "robot".parse().expect("valid");
    let receipt = server.app.store.disable_client(&id, server.now()).await.expect("disabled");
    let rule = receipt.expect("there").appended.expect("appended").revocation;
    // The cache does not know yet: this is the race that another node always runs.
    let raced = ask().await.tokens();
    assert!(rule.kills(&read(&server, &raced.access)), "{rule:?}");
    server.advance(Duration::from_secs(1));
    assert_eq!(ask().await.verdict(), "401 invalid_client");
}

#[tokio::test]
async fn every_algorithm_signs_as_soon_as_a_client_wants_it() {
    for algorithm in menshen_token::Algorithm::ALL {
        let server = Server::start().await;
        server.add_confidential("robot", |policy| policy.algorithm = algorithm).await;
        let form = [("grant_type", "client_credentials")];
        let answer = server.call("POST", "/token").basic("robot", SECRET).form(&form).send().await;
        read(&server, &answer.tokens().access);
    }
}

#[tokio::test]
async fn the_lifetime_told_is_the_lifetime_left() {
    let server = Server::with_ada().await;
    server.add_confidential("robot", |_| ()).await;
    server.advance(Duration::from_millis(750));
    let code = server.code("app").await;
    let form = [("grant_type", "client_credentials")];
    let robot = server.call("POST", "/token").basic("robot", SECRET).form(&form).send().await;
    for answer in [redeem(&server, &code).await, robot] {
        let token = read(&server, &answer.text("access_token"));
        let told = answer.json()["expires_in"].as_u64().expect("a number");
        assert!(server.now() + Duration::from_secs(told) <= token.expires_at, "{told}");
        assert!(told >= 598, "{told}");
    }
}

#[tokio::test]
async fn the_server_ceiling_bounds_every_lifetime() {
    let server =
        Server::start_with(|config| config.access_token_ceiling = Duration::from_mins(1)).await;
    server.add_user("ada").await;
    let long = |policy: &mut menshen_domain::client::ClientPolicy| {
        policy.access_token_lifetime_ms = 3_600_000;
    };
    server.add_app("app", long).await;
    server.add_confidential("robot", long).await;
    let form = [("grant_type", "client_credentials")];
    let robot = server.call("POST", "/token").basic("robot", SECRET).form(&form).send().await;
    for access in [robot.tokens().access, server.sign_in().await.access] {
        let token = read(&server, &access);
        assert!(token.expires_at <= server.now() + Duration::from_mins(1));
    }
}

#[tokio::test]
async fn a_token_that_a_client_takes_after_a_cut_off_lives() {
    let server = Server::start().await;
    let admin = |policy: &mut menshen_domain::client::ClientPolicy| {
        policy.scope = "admin".parse().expect("a scope");
    };
    server.add_confidential("ops", admin).await;
    let form = [("grant_type", "client_credentials")];
    let ask = async || {
        let call = server.call("POST", "/token").basic("ops", SECRET).form(&form);
        call.send().await.tokens().access
    };
    let lives = async |token: &str| {
        server.call("GET", "/admin/users").bearer(token).send().await.status == 200
    };
    let first = ask().await;
    server.advance(Duration::from_millis(2));
    let call = server.call("POST", "/admin/revocations").bearer(&first);
    let answer = call.raw("application/json", r#"{"kind":"all_before"}"#).send().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    server.advance(Duration::from_millis(2));
    assert!(!lives(&first).await);
    assert!(lives(&ask().await).await, "born dead");
    // The same by another node, of which this one hears by the log.
    server.advance(Duration::from_millis(2));
    let target = menshen_store::Target::All { before: server.now() };
    let reason = menshen_token::Reason::AllRevoked;
    server.app.store.revoke(&target, reason, server.now()).await.expect("revoked");
    server.advance(Duration::from_millis(2));
    let heard = async {
        while !lives(&ask().await).await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), heard).await.expect("heard of");
}

#[tokio::test]
async fn a_token_that_nobody_would_look_at_is_not_given() {
    let server = Server::with_ada().await;
    let (ada, long) = (server.user("ada").id, "x".repeat(14_000));
    let claims = serde_json::json!({ "x": long });
    let claims = claims.as_object().expect("an object");
    server.app.store.change_claims(&ada, None, Some(claims), server.now()).await.expect("changed");
    let code = server.code("app").await;
    assert_eq!(redeem(&server, &code).await.verdict(), "500 server_error");
}
