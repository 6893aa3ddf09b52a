//! Refreshing: every row of the verdict table, as a client sees it.

use std::time::Duration;

use menshen_domain::client::{ClientPolicy, Renewal};
use menshen_store::Target;
use menshen_token::Reason;

use crate::harness::{Answer, SECRET, Server, Tokens, claims, read, refresh_form};

async fn keyed(server: &Server, token: &str, key: &str) -> Answer {
    let call = server.call("POST", "/token").header("idempotency-key", key);
    call.form(&refresh_form("app", token)).send().await
}

#[tokio::test]
async fn the_current_token_gives_the_next_one() {
    let server = Server::with_ada().await;
    let first = server.sign_in().await;
    server.advance(Duration::from_mins(5));
    let answer = server.refresh(&first.refresh).await;
    let second = answer.tokens();
    assert_ne!(first.refresh, second.refresh);
    assert_ne!(first.access, second.access);
    assert_eq!(server.userinfo(&first.access).await.status, 200, "calls in flight must not fail");
    insta::assert_snapshot!(answer.print());
}

#[tokio::test]
async fn a_retry_with_the_same_key_gets_the_same_successor_at_any_time() {
    let server = Server::with_ada().await;
    let first = server.sign_in().await;
    let second = keyed(&server, &first.refresh, "k1").await.tokens();
    server.advance(Duration::from_hours(24));
    let again = keyed(&server, &first.refresh, "k1").await.tokens();
    assert_eq!(second.refresh, again.refresh);
    let token = read(&server, &again.access);
    assert!(token.expires_at > server.now(), "a fresh access token");
    assert_eq!(keyed(&server, &again.refresh, "k2").await.status, 200);
}

#[tokio::test]
async fn a_retry_with_another_key_or_none_ends_the_session() {
    for second_key in [Some("k2"), None] {
        let server = Server::with_ada().await;
        let first = server.sign_in().await;
        let second = keyed(&server, &first.refresh, "k1").await.tokens();
        let answer = match second_key {
            Some(key) => keyed(&server, &first.refresh, key).await,
            None => server.refresh(&first.refresh).await,
        };
        assert_eq!(answer.verdict(), "400 invalid_grant refresh_token_reuse");
        assert_dead(&server, &second, "refresh_token_reuse").await;
    }
}

#[tokio::test]
async fn an_unkeyed_retry_is_answered_within_the_window_and_not_after() {
    let server = Server::with_ada().await;
    let first = server.sign_in().await;
    let second = server.refresh(&first.refresh).await.tokens();
    server.advance(Duration::from_secs(20));
    let again = server.refresh(&first.refresh).await.tokens();
    assert_eq!(second.refresh, again.refresh);
    // The window is not extended by using it.
    server.advance(Duration::from_secs(11));
    let late = server.refresh(&first.refresh).await;
    assert_eq!(late.verdict(), "400 invalid_grant refresh_token_reuse");
    assert_dead(&server, &second, "refresh_token_reuse").await;
}

#[tokio::test]
async fn without_a_window_an_unkeyed_retry_ends_the_session() {
    let server = Server::start().await;
    server.add_user("ada").await;
    server.add_app("app", |policy| policy.retry_window_ms = 0).await;
    let first = server.sign_in().await;
    server.refresh(&first.refresh).await.tokens();
    let again = server.refresh(&first.refresh).await;
    assert_eq!(again.verdict(), "400 invalid_grant refresh_token_reuse");
}

#[tokio::test]
async fn a_token_two_generations_old_ends_this_session_only() {
    let server = Server::with_ada().await;
    let other_device = server.sign_in().await;
    let first = server.sign_in().await;
    let second = keyed(&server, &first.refresh, "k1").await.tokens();
    let third = keyed(&server, &second.refresh, "k2").await.tokens();
    let replay = keyed(&server, &first.refresh, "k1").await;
    assert_eq!(replay.verdict(), "400 invalid_grant refresh_token_reuse");
    assert_dead(&server, &third, "refresh_token_reuse").await;
    assert_eq!(server.refresh(&other_device.refresh).await.status, 200);
}

#[tokio::test]
async fn a_confidential_client_may_retry_at_any_time() {
    let server = Server::start().await;
    server.add_user("ada").await;
    server.add_confidential("web", |_| ()).await;
    let mut form = crate::harness::sign_in_form("web").to_vec();
    form.push(("client_secret", SECRET));
    let code = server.post("/authorize-challenge", &form).await.text("authorization_code");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("code_verifier", crate::harness::VERIFIER),
    ];
    let first =
        server.call("POST", "/token").basic("web", SECRET).form(&form).send().await.tokens();
    let refresh = |token: String| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
        server.call("POST", "/token").basic("web", SECRET).form(&form).send()
    };
    let second = refresh(first.refresh.clone()).await.tokens();
    server.advance(Duration::from_hours(24));
    assert_eq!(refresh(first.refresh).await.tokens().refresh, second.refresh);
}

#[tokio::test]
async fn another_client_gets_nothing_kills_nothing_and_learns_nothing() {
    let server = Server::with_ada().await;
    server.add_app("thief", |_| ()).await;
    let first = server.sign_in().await;
    let second = keyed(&server, &first.refresh, "k1").await.tokens();
    for stolen in [&first.refresh, &second.refresh] {
        let answer = server.post("/token", &refresh_form("thief", stolen)).await;
        assert_eq!(answer.verdict(), "400 invalid_grant");
    }
    assert_eq!(keyed(&server, &second.refresh, "k2").await.status, 200);
    let sid = read(&server, &first.access).session_id.expect("a session");
    let target = Target::Session(sid);
    server.app.store.revoke(&target, Reason::Logout, server.now()).await.expect("revoked");
    let answer = server.post("/token", &refresh_form("thief", &second.refresh)).await;
    assert_eq!(answer.verdict(), "400 invalid_grant", "the reason is the owner's to know");
    let owner = keyed(&server, &second.refresh, "k3").await;
    assert_eq!(owner.verdict(), "400 invalid_grant logout");
    insta::assert_snapshot!(owner.print());
}

#[tokio::test]
async fn a_damaged_token_is_refused_and_harms_nobody() {
    let server = Server::with_ada().await;
    let tokens = server.sign_in().await;
    let genuine = &tokens.refresh;
    let flipped = |at: usize| {
        let mut bytes = genuine.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).expect("ASCII")
    };
    let next = genuine.replacen(".0.", ".1.", 1);
    let zero = genuine.replacen(".0.", ".00.", 1);
    let mut damaged: Vec<String> = (0..genuine.len()).map(flipped).collect();
    damaged.extend([next, zero, format!("{genuine}="), format!("{genuine}."), "mrt_".to_owned()]);
    for token in damaged.iter().filter(|token| *token != genuine) {
        assert_eq!(server.refresh(token).await.verdict(), "400 invalid_grant", "{token}");
    }
    assert_eq!(server.refresh(genuine).await.status, 200);
}

#[tokio::test]
async fn a_session_dies_of_disuse_and_of_age_and_says_so() {
    let lifetimes = |policy: &mut ClientPolicy| {
        policy.idle_lifetime_ms = 3_600_000;
        policy.absolute_lifetime_ms = 2 * 3_600_000;
    };
    let server = Server::start().await;
    server.add_user("ada").await;
    server.add_app("app", lifetimes).await;
    let unused = server.sign_in().await;
    let mut used = server.sign_in().await;
    for _ in 0..2 {
        server.advance(Duration::from_mins(59));
        used = server.refresh(&used.refresh).await.tokens();
    }
    let answer = server.refresh(&unused.refresh).await;
    assert_eq!(answer.verdict(), "400 invalid_grant idle_timeout");
    server.advance(Duration::from_mins(2));
    let answer = server.refresh(&used.refresh).await;
    assert_eq!(answer.verdict(), "400 invalid_grant absolute_timeout");
}

#[tokio::test]
async fn a_narrowed_scope_is_for_that_access_token_only() {
    let server = Server::with_ada().await;
    let first = server.sign_in().await;
    let mut form = refresh_form("app", &first.refresh).to_vec();
    form.push(("scope", "openid"));
    let narrow = server.post("/token", &form).await;
    assert_eq!(narrow.text("scope"), "openid");
    assert_eq!(claims(&narrow.text("access_token"))["scope"], "openid");
    let next = server.refresh(&narrow.text("refresh_token")).await;
    assert_eq!(next.text("scope"), "openid profile account");
}

#[tokio::test]
async fn asking_for_too_much_takes_nothing_away() {
    let server = Server::start().await;
    server.add_user("ada").await;
    server.add_app("app", |policy| policy.retry_window_ms = 0).await;
    let first = server.sign_in().await;
    for scope in ["openid admin", "quo\"te"] {
        let mut form = refresh_form("app", &first.refresh).to_vec();
        form.push(("scope", scope));
        assert_eq!(server.post("/token", &form).await.verdict(), "400 invalid_scope");
    }
    assert_eq!(server.refresh(&first.refresh).await.status, 200);
}

#[tokio::test]
async fn an_idempotency_key_is_one_line_of_visible_characters() {
    let server = Server::with_ada().await;
    let first = server.sign_in().await;
    let form = refresh_form("app", &first.refresh);
    let call = || server.call("POST", "/token");
    let long = "k".repeat(256);
    let bad = [
        call().header("idempotency-key", ""),
        call().header("idempotency-key", "two words"),
        call().header("idempotency-key", "caf\u{e9}"),
        call().header("idempotency-key", &long),
        call().header("idempotency-key", "k1").header("idempotency-key", "k1"),
    ];
    for call in bad {
        assert_eq!(call.form(&form).send().await.verdict(), "400 invalid_request");
    }
    let good = call().header("idempotency-key", &long[1..]).form(&form).send().await;
    assert_eq!(good.status, 200, "a refused request took the token");
}

#[tokio::test]
async fn a_client_that_may_not_renew_gets_no_refresh_token() {
    let server = Server::start().await;
    server.add_user("ada").await;
    server.add_app("app", |policy| policy.renewal = Renewal::None).await;
    assert_eq!(server.sign_in().await.refresh, "");
}

/// Both tokens are refused, and the client that owned them learns why.
async fn assert_dead(server: &Server, tokens: &Tokens, reason: &str) {
    assert_eq!(server.userinfo(&tokens.access).await.status, 401);
    let refused = server.refresh(&tokens.refresh).await;
    assert_eq!(refused.verdict(), format!("400 invalid_grant {reason}"));
}
