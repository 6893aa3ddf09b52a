//! The single-token scheme: an access token is exchanged for the next.

use std::fmt::Write as _;
use std::time::Duration;

use menshen_domain::client::Renewal;
use menshen_store::Target;
use menshen_token::Reason;

use crate::harness::{Answer, Server, claims, read};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Parameters that take the place of the right ones.
type Changes<'a> = &'a [(&'a str, &'a str)];

async fn server() -> Server {
    let server = Server::start().await;
    server.add_user("ada").await;
    server.add_app("app", |policy| policy.renewal = Renewal::AccessToken).await;
    server.add_app("other", |policy| policy.renewal = Renewal::AccessToken).await;
    server.add_app("rotating", |_| ()).await;
    server
}

async fn exchange(server: &Server, token: &str, more: Changes<'_>) -> Answer {
    let mut form = vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("client_id", "app"),
        ("subject_token", token),
        ("subject_token_type", ACCESS_TOKEN),
    ];
    for (name, value) in more {
        form.retain(|(known, _)| known != name);
        form.push((name, value));
    }
    server.post("/token", &form).await
}

#[tokio::test]
async fn a_live_access_token_gives_the_next_one() {
    let server = server().await;
    let first = server.sign_in().await;
    assert_eq!(first.refresh, "", "the scheme has one token");
    server.advance(Duration::from_mins(9));
    let answer = exchange(&server, &first.access, &[]).await;
    insta::assert_snapshot!(answer.print());
    let second = answer.tokens().access;
    assert_eq!(claims(&first.access)["sid"], claims(&second)["sid"]);
    server.advance(Duration::from_mins(9));
    assert_eq!(server.userinfo(&second).await.status, 200);
    assert_eq!(exchange(&server, &first.access, &[]).await.status, 400, "it has expired");
}

#[tokio::test]
async fn a_logout_ends_the_chain() {
    let server = server().await;
    let first = server.sign_in().await.access;
    let second = exchange(&server, &first, &[]).await.tokens().access;
    let sid = read(&server, &first).session_id.expect("a session");
    let target = Target::Session(sid);
    server.app.store.revoke(&target, Reason::Logout, server.now()).await.expect("revoked");
    for token in [&first, &second] {
        let answer = exchange(&server, token, &[]).await;
        assert_eq!(answer.verdict(), "400 invalid_request logout");
    }
}

#[tokio::test]
async fn the_chain_ends_at_the_absolute_limit() {
    let server = Server::start().await;
    server.add_user("ada").await;
    server
        .add_app("app", |policy| {
            policy.renewal = Renewal::AccessToken;
            policy.absolute_lifetime_ms = 30 * 60 * 1_000;
        })
        .await;
    let mut access = server.sign_in().await.access;
    for _ in 0..4 {
        server.advance(Duration::from_mins(7));
        access = exchange(&server, &access, &[]).await.tokens().access;
    }
    assert!(read(&server, &access).expires_at <= server.now() + Duration::from_mins(2));
    server.advance(Duration::from_mins(2));
    assert_eq!(exchange(&server, &access, &[]).await.verdict(), "400 invalid_request");
}

#[tokio::test]
async fn what_is_exchanged_grows_by_nothing() {
    let server = server().await;
    let first = server.sign_in().await.access;
    let narrow = exchange(&server, &first, &[("scope", "openid")]).await;
    assert_eq!(narrow.text("scope"), "openid");
    let narrow = narrow.tokens().access;
    assert_eq!(exchange(&server, &narrow, &[]).await.text("scope"), "openid");
    let wider = exchange(&server, &narrow, &[("scope", "openid profile")]).await;
    assert_eq!(wider.verdict(), "400 invalid_scope");
}

#[tokio::test]
async fn nothing_else_can_be_exchanged() {
    let server = server().await;
    let token = server.sign_in().await.access;
    let rotating = server.sign_in_with("rotating").await.access;
    let mut table = String::new();
    let refresh_token = "urn:ietf:params:oauth:token-type:refresh_token";
    let cases: [(&str, &str, Changes); 9] = [
        ("garbage", "garbage", &[]),
        ("no token", "", &[]),
        ("no type", &token, &[("subject_token_type", "")]),
        ("another type", &token, &[("subject_token_type", refresh_token)]),
        ("another result", &token, &[("requested_token_type", refresh_token)]),
        ("an actor", &token, &[("actor_token", &token)]),
        ("an audience", &token, &[("audience", "https://api.example")]),
        ("of another client", &token, &[("client_id", "other")]),
        ("by a client that rotates", &rotating, &[("client_id", "rotating")]),
    ];
    for (case, token, more) in cases {
        let _ = writeln!(table, "{case}: {}", exchange(&server, token, more).await.verdict());
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn a_change_of_roles_or_a_cut_off_for_all_asks_for_the_next_token_and_ends_nothing() {
    let server = server().await;
    let ada = server.user("ada").id;
    let first = server.sign_in().await.access;
    server.advance(Duration::from_secs(1));
    let (roles, none) = (["writer".to_owned()], serde_json::Map::new());
    server
        .app
        .store
        .change_claims(&ada, Some(&roles), Some(&none), server.now())
        .await
        .expect("changed");
    assert_eq!(server.userinfo(&first).await.status, 401);
    let second = exchange(&server, &first, &[]).await.tokens().access;
    assert_eq!(claims(&second)["roles"], serde_json::json!(["writer"]));
    assert_eq!(server.userinfo(&second).await.status, 200);
    server.advance(Duration::from_secs(1));
    let everything = Target::All { before: server.now() };
    let revoked = server.app.store.revoke(&everything, Reason::AllRevoked, server.now());
    revoked.await.expect("revoked");
    assert_eq!(server.userinfo(&second).await.status, 401);
    let third = exchange(&server, &second, &[]).await.tokens().access;
    assert_eq!(server.userinfo(&third).await.status, 200);
    // The token of a key that leaked may be anybody's work.
    let key = read(&server, &third).key_id;
    server.app.keyring.revoke(&key, server.now()).await.expect("revoked");
    assert_eq!(exchange(&server, &third, &[]).await.verdict(), "400 invalid_request");
}
