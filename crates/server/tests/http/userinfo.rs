//! Who the bearer is: `/userinfo`.

use menshen_store::Target;
use menshen_token::Reason;
use serde_json::json;

use crate::harness::{SECRET, Server, read};

#[tokio::test]
async fn it_answers_get_and_post_alike() {
    let server = Server::with_ada().await;
    let tokens = server.sign_in().await;
    let got = server.userinfo(&tokens.access).await;
    let posted = server.call("POST", "/userinfo").bearer(&tokens.access).send().await;
    assert_eq!(got.print(), posted.print());
    insta::assert_snapshot!(got.print());
}

#[tokio::test]
async fn it_says_what_is_true_now() {
    let server = Server::with_ada().await;
    let tokens = server.sign_in().await;
    let ada = server.user("ada").id;
    let claims = json!({ "tenant": "south", "sub": "mallory" });
    let claims = claims.as_object().expect("an object");
    let roles = ["writer".to_owned()];
    server.advance(std::time::Duration::from_secs(1));
    let changed = server.app.store.change_claims(&ada, Some(&roles), Some(claims), server.now());
    changed.await.expect("changed");
    assert_eq!(server.userinfo(&tokens.access).await.verdict(), "401 invalid_token");
    let renewed = server.refresh(&tokens.refresh).await.tokens();
    let answer = server.userinfo(&renewed.access).await.json();
    let expected = json!({
        "sub": "user-ada", "preferred_username": "ada", "roles": ["writer"], "tenant": "south",
    });
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn an_ended_session_has_no_bearer() {
    let server = Server::with_ada().await;
    let tokens = server.sign_in().await;
    let sid = read(&server, &tokens.access).session_id.expect("a session");
    let target = Target::Session(sid);
    server.app.store.revoke(&target, Reason::Logout, server.now()).await.expect("revoked");
    insta::assert_snapshot!(server.userinfo(&tokens.access).await.print());
}

#[tokio::test]
async fn a_client_that_acts_for_itself_is_no_user() {
    let server = Server::start().await;
    server.add_confidential("robot", |_| ()).await;
    let form = [("grant_type", "client_credentials")];
    let call = server.call("POST", "/token").basic("robot", SECRET).form(&form);
    let access = call.send().await.tokens().access;
    assert_eq!(server.userinfo(&access).await.verdict(), "401 invalid_token");
}

#[tokio::test]
async fn without_a_token_the_challenge_names_no_error() {
    let server = Server::start().await;
    insta::assert_snapshot!(server.call("GET", "/userinfo").send().await.print());
}

#[tokio::test]
async fn there_is_one_way_to_send_a_token() {
    let server = Server::with_ada().await;
    let access = server.sign_in().await.access;
    let call = || server.call("GET", "/userinfo");
    let twice = call().bearer(&access).bearer(&access).send().await;
    assert_eq!(twice.verdict(), "400 invalid_request");
    for scheme in ["DPoP", "Basic", "Token"] {
        let answer = call().header("authorization", format!("{scheme} {access}")).send().await;
        assert_eq!(answer.status, 401, "{scheme}");
    }
    let lower = call().header("authorization", format!("bearer  {access}")).send().await;
    assert_eq!(lower.status, 200);
    let query = server.call("GET", &format!("/userinfo?access_token={access}")).send().await;
    assert_eq!(query.status, 401, "a token in a URL is a token in a log");
    let body = || server.call("POST", "/userinfo").form(&[("access_token", &access)]);
    assert_eq!(body().send().await.status, 200, "RFC 6750 section 2.2");
    assert_eq!(body().bearer("x").send().await.status, 401, "the header counts");
}
