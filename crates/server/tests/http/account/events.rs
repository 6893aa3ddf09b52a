//! The stream of a session's own events: who may listen, what is said and what is not, and how many
//! may listen at a time.

use std::time::Duration;

use axum::body::BodyDataStream;
use axum::http::HeaderMap;
use futures_util::StreamExt as _;
use menshen_domain::client::AccessTokenFormat;
use menshen_store::Target;
use menshen_token::{Algorithm, Jti, Reason};
use serde_json::{Value, json};

use crate::harness::{Call, SECRET, Server, Tokens, claims, read, refresh_form, sign_in_form};
use crate::proof::Device;

const PATH: &str = "/account/events";
const HOUR_MS: u64 = 60 * 60 * 1_000;
const PATIENCE: Duration = Duration::from_secs(10);

/// A stream as an app reads it.
struct Stream {
    headers: HeaderMap,
    body: BodyDataStream,
    unread: String,
}

impl Stream {
    async fn open(call: Call) -> Self {
        let (parts, body) = call.open().await.into_parts();
        assert_eq!(parts.status, 200);
        Self { headers: parts.headers, body: body.into_data_stream(), unread: String::new() }
    }

    /// A stream that listens.
    async fn of(server: &Server, access_token: &str) -> Self {
        let mut stream = Self::open(ask(server, access_token)).await;
        let (name, data) = stream.next().await.expect("it listens");
        assert_eq!((name.as_str(), data["sid"].is_string()), ("ready", true), "{data}");
        stream
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        let end = loop {
            if let Some(end) = self.unread.find("\n\n") {
                break end;
            }
            let chunk = tokio::time::timeout(PATIENCE, self.body.next()).await;
            let chunk = chunk.expect("it goes on or ends")?.expect("no error");
            self.unread.push_str(std::str::from_utf8(&chunk).expect("whole characters"));
        };
        let event: String = self.unread.drain(..end + 2).collect();
        let (name, data) = event.trim_end().split_once('\n').expect("two lines");
        let name = name.strip_prefix("event: ").expect("a name");
        let data = data.strip_prefix("data: ").expect("data");
        Some((name.to_owned(), serde_json::from_str(data).expect("JSON")))
    }

    /// The last event's name and reason.
    async fn last(&mut self) -> (String, String) {
        let (name, data) = self.next().await.expect("something to say");
        assert_eq!(self.next().await, None, "nothing comes after it");
        (name, data["reason"].as_str().unwrap_or_default().to_owned())
    }

    /// What is there to be read without waiting for more.
    async fn is_silent(&mut self) -> bool {
        tokio::select! {
            biased;
            said = self.next() => panic!("{said:?}"),
            () = std::future::ready(()) => true,
        }
    }
}

fn ask(server: &Server, access_token: &str) -> Call {
    server.call("GET", PATH).bearer(access_token)
}

fn ended(reason: Reason) -> (String, String) {
    ("session_ended".to_owned(), reason.as_str().to_owned())
}

fn renew() -> (String, String) {
    ("access_token_revoked".to_owned(), String::new())
}

async fn end(server: &Server, target: Target, reason: Reason) {
    server.app.store.revoke(&target, reason, server.now()).await.expect("ended");
}

fn session_of(server: &Server, tokens: &Tokens) -> Target {
    Target::Session(read(server, &tokens.access).session_id.expect("a session"))
}

/// Waits until the node has read the log as far as it goes.
async fn caught_up(server: &Server, listener: &Tokens) {
    // A stream of another session hears of its end only after all that came before it.
    let mut other = Stream::of(server, &listener.access).await;
    end(server, session_of(server, listener), Reason::Admin).await;
    assert_eq!(other.last().await, ended(Reason::Admin));
}

#[tokio::test]
async fn a_stream_says_that_it_listens_and_then_how_it_ended() {
    let server = Server::with_ada().await;
    let tokens = server.sign_in().await;
    let mut stream = Stream::open(ask(&server, &tokens.access)).await;
    let header = |name: &str| stream.headers[name].to_str().expect("text").to_owned();
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("access-control-allow-origin"), "*");
    let sid = claims(&tokens.access)["sid"].clone();
    assert_eq!(stream.next().await, Some(("ready".to_owned(), json!({ "sid": sid }))));
    end(&server, session_of(&server, &tokens), Reason::RemoteLogout).await;
    let told = json!({
        "sid": sid,
        "reason": "remote_logout",
        "reason_description": Reason::RemoteLogout.sentence(),
    });
    assert_eq!(stream.next().await, Some(("session_ended".to_owned(), told)));
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn what_kills_the_token_alone_does_not_end_the_session() {
    let server = Server::with_ada().await;
    let tokens = server.sign_in().await;
    let token = read(&server, &tokens.access);
    let alone = Target::Token { jti: token.jti, expires_at: token.expires_at };
    let before = server.now() + Duration::from_secs(1);
    for target in [alone, Target::All { before }] {
        let tokens = server.refresh(&tokens.refresh).await;
        let access = if tokens.status == 200 { tokens.tokens().access } else { String::new() };
        assert!(!access.is_empty(), "the session lives: {}", tokens.body);
        let mut stream = Stream::of(&server, &access).await;
        let target = match target {
            Target::Token { expires_at, .. } => {
                Target::Token { jti: read(&server, &access).jti, expires_at }
            }
            other => other,
        };
        end(&server, target, Reason::Admin).await;
        assert_eq!(stream.last().await, renew());
    }
}

#[tokio::test]
async fn each_end_that_only_the_rows_tell_of_is_told_too() {
    let server = Server::start().await;
    server.add_user("ada").await;
    for (id, idle, absolute, reason) in [
        ("idle", HOUR_MS, 2 * HOUR_MS, Reason::IdleTimeout),
        ("old", 2 * HOUR_MS, HOUR_MS, Reason::AbsoluteTimeout),
    ] {
        server
            .add_app(id, |policy| {
                policy.idle_lifetime_ms = idle;
                policy.absolute_lifetime_ms = absolute;
            })
            .await;
        let tokens = server.sign_in_with(id).await;
        let mut stream = Stream::of(&server, &tokens.access).await;
        server.advance(Duration::from_mins(59));
        assert!(stream.is_silent().await, "it outlives its token");
        server.advance(Duration::from_mins(2));
        let swept = server.app.store.end_expired(server.now(), 100).await.expect("swept");
        assert_eq!(swept.sessions, 1);
        assert!(server.app.store.head().await.expect("a head").seq.0 == 0, "without an entry");
        assert_eq!(stream.last().await, ended(reason));
    }
}

#[tokio::test]
async fn a_session_past_its_time_has_not_ended_before_it_is_swept() {
    let server = Server::start().await;
    server.add_user("ada").await;
    server.add_app("app", |policy| policy.idle_lifetime_ms = HOUR_MS).await;
    let (tokens, other) = (server.sign_in().await, server.sign_in().await);
    let mut stream = Stream::of(&server, &tokens.access).await;
    server.advance(Duration::from_mins(59));
    server.refresh(&tokens.refresh).await.tokens();
    server.refresh(&other.refresh).await.tokens();
    server.advance(Duration::from_mins(30));
    let later = server.sign_in().await;
    caught_up(&server, &later).await;
    assert!(stream.is_silent().await, "it was used meanwhile");
}

#[tokio::test]
async fn nobody_hears_of_the_end_of_another_session() {
    let server = Server::with_ada().await;
    server.add_app("other", |_| ()).await;
    let (here, there) = (server.sign_in().await, server.sign_in().await);
    let (other_app, last) = (server.sign_in_with("other").await, server.sign_in().await);
    let mut stream = Stream::of(&server, &here.access).await;
    end(&server, session_of(&server, &there), Reason::Logout).await;
    end(&server, session_of(&server, &other_app), Reason::Logout).await;
    end(&server, Target::Client("other".parse().expect("an id")), Reason::ClientDisabled).await;
    let expires_at = server.now() + Duration::from_mins(5);
    let jti = Jti::from_bytes([3; 16]);
    end(&server, Target::Token { jti, expires_at }, Reason::Admin).await;
    caught_up(&server, &last).await;
    assert!(stream.is_silent().await);
    end(&server, session_of(&server, &here), Reason::Logout).await;
    assert_eq!(stream.last().await, ended(Reason::Logout));
}

#[tokio::test]
async fn a_token_that_is_dead_already_opens_nothing() {
    let server = Server::with_ada().await;
    let tokens = server.sign_in().await;
    assert_eq!(ask(&server, &tokens.refresh).send().await.verdict(), "401 invalid-token");
    end(&server, session_of(&server, &tokens), Reason::Logout).await;
    let answer = ask(&server, &tokens.access).send().await;
    assert_eq!(answer.verdict(), "401 invalid-token");
    assert!(answer.header("www-authenticate").contains("invalid_token"));
    assert_eq!(server.call("GET", PATH).send().await.verdict(), "401 missing-token");
    let expired = server.sign_in().await.access;
    server.advance(Duration::from_mins(12));
    assert_eq!(ask(&server, &expired).send().await.verdict(), "401 invalid-token");
}

#[tokio::test]
async fn what_is_not_an_access_token_in_its_header_is_not_looked_at() {
    let server = Server::with_ada().await;
    let access = server.sign_in().await.access;
    let missing = "401 missing-token";
    let query = format!("{PATH}?access_token={access}");
    assert_eq!(server.call("GET", &query).send().await.verdict(), missing);
    for cookie in [format!("access_token={access}"), format!("__Host-session={access}")] {
        let call = server.call("GET", PATH).header("cookie", cookie);
        assert_eq!(call.send().await.verdict(), missing);
    }
    let call =
        server.call("GET", PATH).header("sec-websocket-protocol", format!("bearer, {access}"));
    assert_eq!(web_socket(call).send().await.verdict(), missing, "not even for a WebSocket");
    let twice = ask(&server, &access).bearer(&access).send().await;
    assert_eq!(twice.verdict(), "400 invalid-request");
}

#[tokio::test]
async fn a_token_for_another_service_or_of_no_session_listens_to_nothing() {
    let server = Server::with_ada().await;
    let mut token = read(&server, &server.sign_in().await.access);
    token.audience = vec!["orders".to_owned()];
    let foreign = server.app.keyring.mint(Algorithm::EdDSA, &mut token).expect("minted");
    assert_eq!(ask(&server, &foreign).send().await.verdict(), "401 invalid-token");
    server
        .add_confidential("gate", |policy| policy.scope = "account".parse().expect("valid"))
        .await;
    let form = [("grant_type", "client_credentials"), ("scope", "account")];
    let gate = server.call("POST", "/token").basic("gate", SECRET).form(&form).send().await;
    let gate = gate.text("access_token");
    assert_eq!(ask(&server, &gate).send().await.verdict(), "400 invalid-request");
}

#[tokio::test]
async fn a_token_that_may_not_look_after_the_account_hears_of_its_own_end() {
    let server = Server::with_ada().await;
    server.add_app("visitor", |policy| policy.scope = "openid".parse().expect("a scope")).await;
    let tokens = server.sign_in_with("visitor").await;
    let mut stream = Stream::of(&server, &tokens.access).await;
    end(&server, session_of(&server, &tokens), Reason::Admin).await;
    assert_eq!(stream.last().await, ended(Reason::Admin));
}

#[tokio::test]
async fn references_and_bound_tokens_listen_too() {
    let server = Server::start().await;
    server.add_user("ada").await;
    server.add_app("app", |policy| policy.access_token_format = AccessTokenFormat::Opaque).await;
    let tokens = server.sign_in().await;
    let mut stream = Stream::of(&server, &tokens.access).await;
    server.post("/account/logout", &[("token", &tokens.access)]).await;
    assert_eq!(stream.last().await, ended(Reason::Logout));

    server.add_app("bound", |policy| policy.require_dpop = true).await;
    let device = Device::new(1);
    let form = sign_in_form("bound");
    let proof = device.prove(&server, "/authorize-challenge", "1");
    let code = server.call("POST", "/authorize-challenge").header("dpop", proof).form(&form);
    let code = code.send().await.text("authorization_code");
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "bound"),
        ("code", &code),
        ("code_verifier", crate::harness::VERIFIER),
    ];
    let proof = device.prove(&server, "/token", "2");
    let tokens = server.call("POST", "/token").header("dpop", proof).form(&form).send().await;
    let Tokens { access, refresh } = tokens.tokens();
    let stolen = ask(&server, &access).send().await;
    assert_eq!(stolen.verdict(), "401 invalid-token");
    let proof = |path: &str, jti: &str| {
        let draft = device.draft(&server, path, jti).claim("htm", "GET").with(&access);
        let call = server.call("GET", PATH).header("dpop", device.sign(&draft));
        call.header("authorization", format!("DPoP {access}"))
    };
    let elsewhere = proof("/account/sessions", "3").send().await;
    assert_eq!(elsewhere.verdict(), "401 invalid-dpop-proof");
    let mut stream = Stream::open(proof(PATH, "4")).await;
    assert_eq!(stream.next().await.expect("it listens").0, "ready");
    let again = proof(PATH, "4").send().await;
    assert_eq!(again.verdict(), "401 invalid-dpop-proof", "used up");
    let stolen = server.post("/token", &refresh_form("bound", &refresh)).await;
    assert!(stolen.status >= 400 && stream.is_silent().await, "a thief ends nothing");
}

#[tokio::test]
async fn a_grant_that_outlives_its_session_hears_of_its_own_end_alone() {
    let server = Server::with_ada().await;
    let (tokens, other) = (server.sign_in().await, server.sign_in().await);
    let mut token = read(&server, &tokens.access);
    let (session, grant) = (token.session_id.take(), token.grant_id.expect("a grant"));
    let access = server.app.keyring.mint(Algorithm::EdDSA, &mut token).expect("minted");
    let mut stream = Stream::open(ask(&server, &access)).await;
    assert_eq!(stream.next().await, Some(("ready".to_owned(), json!({ "sid": null }))));
    let rule = Target::Grant(read(&server, &other.access).grant_id.expect("a grant"));
    end(&server, rule, Reason::TokenRevoked).await;
    caught_up(&server, &server.sign_in().await).await;
    assert!(session.is_some() && stream.is_silent().await);
    end(&server, Target::Grant(grant), Reason::ConsentWithdrawn).await;
    assert_eq!(stream.last().await, ended(Reason::ConsentWithdrawn));
}

#[tokio::test]
async fn what_cannot_be_answered_is_said_as_everywhere() {
    let server = Server::with_ada().await;
    let access = server.sign_in().await.access;
    let post = server.call("POST", PATH).bearer(&access).send().await;
    assert_eq!(post.verdict(), "405 method-not-allowed");
    let json = ask(&server, &access).header("accept", "application/json").send().await;
    assert_eq!(json.verdict(), "406 not-acceptable");
    // Over this router nothing can be upgraded.
    let handshake = web_socket(ask(&server, &access)).send().await;
    assert_eq!(handshake.verdict(), "400 invalid-request");
    for answer in [post, json, handshake] {
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
}

fn web_socket(call: Call) -> Call {
    let call = call.header("connection", "upgrade").header("upgrade", "websocket");
    let call = call.header("sec-websocket-version", "13");
    call.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

#[tokio::test]
async fn a_session_has_so_many_streams_and_others_have_theirs() {
    let server = Server::with_ada().await;
    let (greedy, modest) = (server.sign_in().await, server.sign_in().await);
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(Stream::of(&server, &greedy.access).await);
    }
    let renewed = server.refresh(&greedy.refresh).await.tokens().access;
    for access in [&greedy.access, &renewed] {
        let refused = ask(&server, access).send().await;
        assert_eq!(refused.verdict(), "429 too-many-streams");
        assert_eq!(refused.header("retry-after"), "30");
    }
    let mut stream = Stream::of(&server, &modest.access).await;
    drop(streams.pop());
    let again = Stream::of(&server, &renewed).await;
    end(&server, session_of(&server, &modest), Reason::Logout).await;
    assert_eq!(stream.last().await, ended(Reason::Logout));
    end(&server, session_of(&server, &greedy), Reason::Admin).await;
    for mut stream in streams.into_iter().chain([again]) {
        assert_eq!(stream.last().await, ended(Reason::Admin), "each of them is told");
    }
}

#[tokio::test]
async fn a_node_has_so_many_streams() {
    let server = Server::start_with(|config| config.session_event_streams = 2).await;
    server.add_user("ada").await;
    server.add_app("app", |_| ()).await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        streams.push(Stream::of(&server, &server.sign_in().await.access).await);
    }
    let tokens = server.sign_in().await;
    let refused = ask(&server, &tokens.access).send().await;
    assert_eq!(
        (refused.verdict().as_str(), refused.header("retry-after")),
        ("503 unavailable", "30")
    );
    drop(streams.pop());
    Stream::of(&server, &tokens.access).await;
}

#[tokio::test]
async fn nobody_can_listen_while_the_store_is_away() {
    let server = Server::with_ada().await;
    let access = server.sign_in().await.access;
    server.app.store.clone().close().await;
    let answer = ask(&server, &access).send().await;
    assert_eq!((answer.verdict().as_str(), answer.header("retry-after")), ("503 unavailable", "1"));
}
