//! The server has committed, and the connection dies before the answer: the app asks again and
//! stays signed in. With no key and no window to retry in, it is refused: the control.

use serde_json::json;

use crate::harness::{App, Database, Proxy, Server, Setup, Site, Tokens, Wire, app_policy};

#[tokio::test]
async fn a_lost_answer_is_given_again_to_the_key_that_asked() {
    let story = Story::begin(0).await;
    let first = story.app.sign_in("ada", "a password").await;
    story.lose(&first, Some("attempt-1")).await;
    // Lost a second time: nothing moves, so nothing can be lost twice.
    story.lose(&first, Some("attempt-1")).await;
    let second = Tokens::of(&story.app.refresh(&first.refresh, Some("attempt-1")).await);
    let third = Tokens::of(&story.app.refresh(&second.refresh, Some("attempt-2")).await);
    assert!(story.server.operator().await.is_active(&third.access).await);
    assert_eq!(story.kills().await, 0);
}

#[tokio::test]
async fn a_lost_answer_is_given_again_to_an_app_that_knows_no_keys_within_the_window() {
    let story = Story::begin(30_000).await;
    let first = story.app.sign_in("ada", "a password").await;
    story.lose(&first, None).await;
    let second = Tokens::of(&story.app.refresh(&first.refresh, None).await);
    Tokens::of(&story.app.refresh(&second.refresh, None).await);
    assert_eq!(story.kills().await, 0);
}

#[tokio::test]
async fn without_a_key_and_without_a_window_a_lost_answer_ends_the_session() {
    let story = Story::begin(0).await;
    let first = story.app.sign_in("ada", "a password").await;
    story.lose(&first, None).await;
    let answer = story.app.refresh(&first.refresh, None).await;
    assert!(answer.is_refusal(), "{}", answer.text);
    assert_eq!(answer.text("reason"), "refresh_token_reuse");
    assert_eq!(story.kills().await, 1);
    assert!(!story.server.operator().await.is_active(&first.access).await);
}

#[tokio::test]
async fn another_key_is_another_caller() {
    let story = Story::begin(30_000).await;
    let first = story.app.sign_in("ada", "a password").await;
    story.lose(&first, Some("attempt-1")).await;
    for key in [None, Some("attempt-2")] {
        let answer = story.app.refresh(&first.refresh, key).await;
        assert!(answer.is_refusal(), "{key:?}: {}", answer.text);
        assert_eq!(answer.text("reason"), "refresh_token_reuse");
    }
}

struct Story {
    server: Server,
    proxy: Proxy,
    /// Reaches the server through the proxy.
    app: App,
}

impl Story {
    async fn begin(retry_window_ms: u64) -> Self {
        let server = Setup::on(Database::Sqlite).start().await;
        let operator = server.operator().await;
        operator.add_user("ada", "a password").await;
        let policy = app_policy(&json!({ "retry_window_ms": retry_window_ms }));
        operator.add_app("app", &policy).await;
        let proxy = Proxy::start(server.address).await;
        let app = App::public(Site::new(&proxy.url(), Wire::Connections), "app");
        Self { server, proxy, app }
    }

    /// Refreshes on a connection that has been used before; the answer never arrives.
    async fn lose(&self, tokens: &Tokens, key: Option<&str>) {
        self.app.site.get("/healthz", &[]).await.expect("it answers").ok();
        let (connections, answered) = (self.proxy.connections(), self.answered().await);
        self.proxy.lose_next_answer();
        let lost = self.app.try_refresh(&tokens.refresh, key).await;
        assert!(lost.is_err(), "the answer was to be lost");
        assert_eq!(self.proxy.connections(), connections, "on a connection used before");
        assert_eq!(self.answered().await, answered + 1, "after the server had committed");
    }

    async fn answered(&self) -> u64 {
        self.server.metric("menshen_refreshes_total", "").await
    }

    async fn kills(&self) -> u64 {
        self.server.metric("menshen_refreshes_total", "verdict=\"kill\"").await
    }
}
