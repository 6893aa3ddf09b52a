//! Everyone at once around sessions that browsers hold: nobody gets stuck, and nothing that was
//! given escapes its end.

use std::time::Duration;

use menshen_domain::client::{ClientPolicy, SessionPolicy};
use menshen_domain::refresh_token::Presentation;
use menshen_domain::{Client, User};
use menshen_store::{ClientChange, Issued, Redeemed, Refreshed, SignedIn, Store, Target};
use menshen_token::{Reason, Seq, Timestamp};
use rstest::rstest;
use tokio::task::JoinSet;

use crate::database::{Database, Kind};
use crate::scene::{
    Browser, START, Scene, browser_sign_in, keys, present, redemption, retry_key, scope, token,
};

/// How often each of them does what they do.
const ROUNDS: u32 = 60;

impl Scene {
    /// The same database, as another node sees it.
    async fn other_node(&self) -> Self {
        Self { store: self.database.open().await, database: self.database.clone() }
    }

    /// Signs in in a browser, joins it with every client, refreshes a little; all that was given.
    async fn browse(self, users: [User; 2], clients: Vec<Client>) -> Vec<Issued> {
        let mut given = Vec::new();
        let mut browser: Option<Browser> = None;
        for round in 0..ROUNDS {
            let now = START + Duration::from_millis(u64::from(round));
            // Now and then it is somebody else's turn.
            let user = &users[usize::from(round % 4 == 3)];
            let sign_in = browser_sign_in(user, browser.as_ref(), now);
            let held = match self.store.sign_in_browser(&sign_in, now).await.expect("answers") {
                SignedIn::Held { session, .. } => {
                    Browser { session: *session, cookie: sign_in.cookie_hash }
                }
                SignedIn::Refused => panic!("refused"),
            };
            self.store.find_browser_session(&held.cookie, now).await.expect("reads");
            for client in &clients {
                given.extend(self.enter(&held, client, now).await);
            }
            browser = Some(held);
        }
        self.store.close().await;
        given
    }

    /// Lets a client in, if the session lives for so long, and refreshes.
    async fn enter(&self, browser: &Browser, client: &Client, now: Timestamp) -> Vec<Issued> {
        let mut code = self.joining(browser, client, now).await;
        if client.name == "sync" {
            code.scope = scope("openid offline_access");
        }
        self.store.issue_code(&code).await.expect("issued");
        let redeemed = self.store.redeem_code(&redemption(&code), now).await.expect("judged");
        let Redeemed::Opened { issued, .. } = redeemed else { return Vec::new() };
        let mut given = vec![*issued];
        while given.len() < 4 {
            let last = given.last().expect("at least the first");
            let retry_key_hash = Some(retry_key("a"));
            let presentation = Presentation { retry_key_hash, ..present(last) };
            match self.store.refresh(presentation, &keys(), now).await.expect("judged") {
                Refreshed::Issued(issued) => given.push(*issued),
                Refreshed::Refused(_) => break,
                other => panic!("neither: {other:?}"),
            }
        }
        given
    }

    /// Ends whatever there is, in every way.
    async fn end_again_and_again(self, user: User, sync: Client) {
        for round in 0..ROUNDS {
            let now = START + Duration::from_millis(u64::from(round));
            let sessions = self.store.list_sessions(&user.id, &crate::scene::ALL).await;
            let sessions = sessions.expect("lists");
            if let Some(session) = sessions.get(round as usize % sessions.len().max(1)) {
                let target = Target::Session(session.id);
                self.store.revoke(&target, Reason::Logout, now).await.expect("ended");
            }
            self.store
                .give_consent(&user.id, &sync.id, &scope("openid"), now)
                .await
                .expect("given");
            self.store.withdraw_consent(&user.id, &sync.id, now).await.expect("withdrawn");
            self.store.change_claims(&user.id, Some(&[]), None, now).await.expect("changed");
            self.store.end_expired(now, 100).await.expect("sweeps");
            if round % 8 == 7 {
                let target = Target::Client(sync.id.clone());
                self.store.revoke(&target, Reason::Admin, now).await.expect("ended");
            }
        }
        self.store.close().await;
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_and_their_ends_get_in_nobodys_way(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::on(Database::create_apart(kind).await).await;
    let (ada, app) = scene.cast().await;
    let eve = scene.user("eve").await;
    let sync = scene.client("sync", ClientPolicy::default()).await;
    let sessions = SessionPolicy::Limit(2);
    let bank = scene.client("bank", ClientPolicy { sessions, ..ClientPolicy::default() }).await;
    let clients = vec![app, sync.clone(), bank];
    let (mut browsing, mut ending) = (JoinSet::new(), JoinSet::new());
    for users in [[&ada, &eve], [&eve, &ada], [&ada, &eve], [&ada, &eve]] {
        let node = scene.other_node().await;
        browsing.spawn(node.browse(users.map(User::clone), clients.clone()));
    }
    for user in [&ada, &eve] {
        let node = scene.other_node().await;
        ending.spawn(node.end_again_and_again(user.clone(), sync.clone()));
    }
    let all = async { (browsing.join_all().await.concat(), ending.join_all().await) };
    let (given, _) =
        tokio::time::timeout(Duration::from_mins(2), all).await.expect("nothing is stuck");
    for user in [&ada, &eve] {
        let target = Target::User(user.id.clone());
        scene.store.revoke(&target, Reason::Admin, START).await.expect("ended");
    }
    assert!(given.len() > 100, "only {}", given.len());
    let log = scene.store.revocations_after(Seq(0), 10_000).await.expect("reads");
    for issued in &given {
        let token = token(issued);
        let killed = log.iter().any(|entry| entry.revocation.kills(&token));
        assert!(killed, "still alive: {issued:?}");
        let found = scene.store.find_grant(issued.grant.id).await.expect("reads");
        assert!(found.expect("is there").ended.is_some(), "{issued:?}");
    }
    scene.store.clone().close().await;
    let Scene { store, database } = scene;
    drop(store);
    assert_eq!(database.deadlocks().await, 0);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_in_several_sessions_at_once_waits_for_no_refresh_that_waits_for_it(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
    #[values("withdrawal", "limit")] what: &str,
) {
    let scene = Scene::on(Database::create_apart(kind).await).await;
    let ada = scene.user("ada").await;
    let other_node = scene.other_node().await;
    for round in 0..10 {
        let sync = scene.client(&format!("sync{round}"), ClientPolicy::default()).await;
        let mut refreshing = JoinSet::new();
        for _ in 0..16 {
            let browser = scene.sign_in_browser(&ada, START).await;
            let joined = scene.join(&browser, &sync, START).await;
            refreshing.spawn(keep_refreshing(scene.store.clone(), joined));
        }
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        if what == "withdrawal" {
            let withdrawn = other_node.store.withdraw_consent(&ada.id, &sync.id, START).await;
            assert_eq!(withdrawn.expect("withdrawn").len(), 16);
        } else {
            let sessions = SessionPolicy::SingleDevice;
            let policy = Some(ClientPolicy { sessions, ..ClientPolicy::default() });
            let change = ClientChange { policy, ..ClientChange::default() };
            scene.store.change_client(&sync.id, &change).await.expect("changed");
            other_node.sign_in(&ada, &sync, START).await;
        }
        let log = scene.store.revocations_after(Seq(0), 10_000).await.expect("reads");
        for issued in refreshing.join_all().await.concat() {
            let token = token(&issued);
            assert!(log.iter().any(|entry| entry.revocation.kills(&token)), "alive: {issued:?}");
        }
    }
    other_node.store.close().await;
    scene.store.clone().close().await;
    let Scene { store, database } = scene;
    drop(store);
    assert_eq!(database.deadlocks().await, 0);
}

/// Until it is over; all that was given.
async fn keep_refreshing(store: Store, first: Issued) -> Vec<Issued> {
    let mut given = vec![first];
    loop {
        let last = given.last().expect("at least the first");
        let presentation = Presentation { retry_key_hash: Some(retry_key("a")), ..present(last) };
        match store.refresh(presentation, &keys(), START).await.expect("judged") {
            Refreshed::Issued(issued) => given.push(*issued),
            Refreshed::Refused(_) => return given,
            other => panic!("neither: {other:?}"),
        }
    }
}
