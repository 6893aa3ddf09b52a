//! What a gateway keeps for browsers: each used once, and nothing left of what has ended.

use std::time::Duration;

use menshen_domain::SecretHash;
use menshen_store::{GatewayLogin, GatewaySession, GatewayTicket, LoggedOut, OneTime};
use rstest::rstest;
use tokio::task::JoinSet;

use crate::database::Kind;
use crate::scene::{START, Scene, bytes};

const MINUTE: Duration = Duration::from_mins(1);

fn hash() -> SecretHash {
    SecretHash::of(&bytes())
}

fn session(subject: &str, sid: Option<&str>) -> GatewaySession {
    GatewaySession {
        hash: hash(),
        issuer: "https://id.example".to_owned(),
        subject: subject.to_owned(),
        sid: sid.map(str::to_owned),
        sealed: "first".to_owned(),
        generation: 0,
        expires_at: START + MINUTE,
    }
}

fn ticket(session: Option<&GatewaySession>) -> GatewayTicket {
    GatewayTicket {
        hash: hash(),
        request: hash(),
        session: session.map(|session| session.hash.clone()),
        sealed: "ada".to_owned(),
        expires_at: START + MINUTE,
    }
}

impl Scene {
    async fn kept(&self, session: GatewaySession) -> GatewaySession {
        self.store.keep_gateway_session(&session, None).await.expect("kept");
        session
    }

    async fn found(&self, session: &GatewaySession) -> Option<GatewaySession> {
        self.store.find_gateway_session(&session.hash, START).await.expect("reads")
    }

    async fn taken(&self, ticket: &GatewayTicket) -> Option<String> {
        let (hash, request) = (&ticket.hash, &ticket.request);
        self.store.take_gateway_ticket(hash, request, START).await.expect("judged")
    }
}

#[rstest]
#[tokio::test]
async fn a_login_comes_back_once(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let login = |sealed: &str| GatewayLogin {
        hash: hash(),
        sealed: sealed.to_owned(),
        expires_at: START + MINUTE,
    };
    let (one, late) = (login("one"), login("late"));
    for login in [&one, &late] {
        scene.store.keep_gateway_login(login).await.expect("kept");
    }
    let mut racing = JoinSet::new();
    for _ in 0..16 {
        let (store, hash) = (scene.store.clone(), one.hash.clone());
        racing.spawn(async move { store.take_gateway_login(&hash, START).await });
    }
    let taken = racing.join_all().await;
    let taken: Vec<String> = taken.into_iter().filter_map(|taken| taken.expect("judged")).collect();
    assert_eq!(taken, ["one"]);
    let taken = scene.store.take_gateway_login(&late.hash, late.expires_at).await;
    assert_eq!(taken.expect("judged"), None);
    assert_eq!(scene.store.delete_expired(late.expires_at, 9).await.expect("deletes"), 1);
}

#[rstest]
#[tokio::test]
async fn a_session_lives_until_it_expires_ends_or_is_replaced(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let first = scene.kept(session("ada", Some("s1"))).await;
    assert_eq!(scene.found(&first).await, Some(first.clone()));
    let second = session("ada", None);
    scene.store.keep_gateway_session(&second, Some(&first.hash)).await.expect("kept");
    assert_eq!(scene.found(&first).await, None, "replaced");
    scene.store.touch_gateway_session(&second.hash, START + MINUTE * 2).await.expect("noted");
    let found = scene.store.find_gateway_session(&second.hash, START + MINUTE).await;
    assert_eq!(found.expect("reads").map(|found| found.expires_at), Some(START + MINUTE * 2));
    let found = scene.store.find_gateway_session(&second.hash, START + MINUTE * 2).await;
    assert_eq!(found.expect("reads"), None, "expired");
    assert!(scene.store.end_gateway_session(&second.hash).await.expect("ended"));
    assert!(!scene.store.end_gateway_session(&second.hash).await.expect("judged"));
    assert_eq!(scene.found(&second).await, None);
}

#[rstest]
#[tokio::test]
async fn one_node_at_a_time_exchanges_the_tokens_of_a_session(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let session = scene.kept(session("ada", None)).await;
    let until = START + Duration::from_secs(10);
    let held = (&session.hash, session.generation);
    let lease = async |now| {
        scene.store.lease_gateway_session(held, now, until + MINUTE).await.expect("judged")
    };
    let mut racing = JoinSet::new();
    for _ in 0..16 {
        let (store, session) = (scene.store.clone(), session.clone());
        racing.spawn(
            async move { store.lease_gateway_session((&session.hash, 0), START, until).await },
        );
    }
    let leased = racing.join_all().await;
    assert_eq!(leased.into_iter().filter(|leased| *leased.as_ref().expect("judged")).count(), 1);
    assert!(!lease(START).await, "somebody else has it");
    assert!(lease(until).await, "who had it is gone");
    scene.store.release_gateway_session(held).await.expect("given back");
    assert!(lease(START).await);
    assert!(scene.store.renew_gateway_session(held, "second").await.expect("kept"));
    assert!(!scene.store.renew_gateway_session(held, "stray").await.expect("judged"));
    assert!(!lease(until + MINUTE * 2).await, "of another generation");
    let found = scene.found(&session).await.expect("lives");
    assert_eq!((found.sealed.as_str(), found.generation), ("second", 1));
}

#[rstest]
#[tokio::test]
async fn a_provider_ends_the_sessions_it_names_and_no_others(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let one = scene.kept(session("ada", Some("s1"))).await;
    let two = scene.kept(session("ada", Some("s2"))).await;
    let ben = scene.kept(session("ben", Some("s3"))).await;
    let elsewhere =
        GatewaySession { issuer: "https://other.example".to_owned(), ..session("ada", Some("s1")) };
    let elsewhere = scene.kept(elsewhere).await;
    let end = async |subject: Option<&str>, sid: Option<&str>| {
        let ended = LoggedOut {
            issuer: one.issuer.clone(),
            subject: subject.map(str::to_owned),
            sid: sid.map(str::to_owned),
        };
        scene.store.end_gateway_sessions(&ended).await.expect("ended")
    };
    assert_eq!(end(None, None).await, [], "nothing named is nothing ended");
    assert_eq!(end(Some("ben"), Some("s1")).await, []);
    assert_eq!(end(Some("ada"), Some("s1")).await, std::slice::from_ref(&one.hash));
    assert_eq!(end(None, Some("s3")).await, std::slice::from_ref(&ben.hash));
    assert_eq!(end(Some("ada"), None).await, std::slice::from_ref(&two.hash));
    assert!(scene.found(&elsewhere).await.is_some());
    let consume = async || {
        scene.store.consume(OneTime::LogoutToken, "j1", START + MINUTE).await.expect("judged")
    };
    assert!(consume().await);
    assert!(!consume().await);
}

#[rstest]
#[tokio::test]
async fn a_ticket_opens_one_thing_once_and_dies_with_its_session(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let session = scene.kept(session("ada", None)).await;
    let (free, bound, late) = (ticket(None), ticket(Some(&session)), ticket(None));
    for ticket in [&free, &bound, &late] {
        assert!(scene.store.keep_gateway_ticket(ticket).await.expect("kept"));
    }
    let other = GatewayTicket { request: hash(), ..free.clone() };
    assert_eq!(scene.taken(&other).await, None, "for another request");
    let mut racing = JoinSet::new();
    for _ in 0..32 {
        let (store, ticket) = (scene.store.clone(), free.clone());
        racing.spawn(async move {
            store.take_gateway_ticket(&ticket.hash, &ticket.request, START).await
        });
    }
    let taken = racing.join_all().await;
    let taken: Vec<String> = taken.into_iter().filter_map(|taken| taken.expect("judged")).collect();
    assert_eq!(taken, ["ada"]);
    let at = late.expires_at;
    let taken = scene.store.take_gateway_ticket(&late.hash, &late.request, at).await;
    assert_eq!(taken.expect("judged"), None, "expired");
    scene.store.end_gateway_session(&session.hash).await.expect("ended");
    assert_eq!(scene.taken(&bound).await, None, "its session has ended");
    let stray = ticket(Some(&session));
    assert!(!scene.store.keep_gateway_ticket(&stray).await.expect("judged"));
}
