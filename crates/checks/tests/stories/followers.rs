//! However a verifier was cut off, restarted or left behind a compacted log: in the end it
//! refuses exactly what a naive scan of every rule ever appended refuses.

use std::sync::Arc;
use std::time::Duration;

use menshen_server::config::{Config, Sources};
use menshen_server::{Running, SystemEntropy};
use menshen_verifier::token::{
    AccessToken, Entry, KeySet, ManualClock, Seq, SystemClock, authenticate,
};
use menshen_verifier::{Credentials, Policy, Rejection, Verifier, token::Clock as _};
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{App, Dice, Mode, Operator, Proxy, Site, Wire, app_policy, session_of, until};

const SOON: Duration = Duration::from_secs(30);

/// Longer than any rule is remembered: the longest token, its leeway, and the grace of the log.
const LONG: Duration = Duration::from_hours(13);

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verifier_ends_with_what_a_naive_scan_finds(#[values(1, 2, 3, 4)] seed: u64) {
    let mut world = World::begin(seed).await;
    for step in 0..60 {
        // One long absence in each story, in which the log is compacted.
        if step == 30 {
            world.fall_behind().await;
        } else {
            world.step().await;
        }
        world.read_log().await;
    }
    world.compare().await;
}

/// A server whose time is ours, so that its log grows old within a test.
struct World {
    dice: Dice,
    clock: Arc<ManualClock>,
    flags: Vec<(String, String)>,
    server: Running,
    issuer: String,
    site: Site,
    secret: String,
    proxy: Proxy,
    verifiers: Vec<Verifier>,
    users: Vec<String>,
    tokens: Vec<(String, AccessToken)>,
    /// Every rule that was ever appended.
    log: Vec<Entry>,
    cut_off: bool,
    _folder: TempDir,
}

impl World {
    async fn begin(seed: u64) -> Self {
        let folder = TempDir::with_prefix("menshen-story-").expect("a temporary folder");
        let proxy = Proxy::start(([127, 0, 0, 1], 9).into()).await;
        let flags = [
            ("issuer", proxy.url()),
            ("listen", "127.0.0.1:0".to_owned()),
            ("data", folder.path().join("data").display().to_string()),
            ("password.memory", "64".to_owned()),
            ("password.passes", "1".to_owned()),
            ("feed.heartbeat", "100ms".to_owned()),
            ("clean_up.every", "1s".to_owned()),
        ];
        let flags = flags.map(|(key, value)| (key.to_owned(), value)).to_vec();
        let clock = Arc::new(ManualClock::at(SystemClock::new().now()));
        let server = serve(&flags, &clock).await;
        let issuer = server.issuer.clone();
        proxy.lead_to(server.address);
        let secret = server.admin_secret.as_ref().expect("the first start").expose().to_owned();
        let site = Site::new(&format!("http://{}", server.address), Wire::Connections);
        let (dice, cut_off) = (Dice::seeded(seed), false);
        let (verifiers, users, tokens, log) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut world = Self {
            dice,
            clock,
            flags,
            server,
            issuer,
            site,
            secret,
            proxy,
            verifiers,
            users,
            tokens,
            log,
            cut_off,
            _folder: folder,
        };
        let operator = world.operator().await;
        for user in 0..4 {
            world.users.push(operator.add_user(&format!("user-{user}"), "a password").await);
        }
        let policy = json!({ "access_token_lifetime_ms": 12 * 60 * 60 * 1_000 });
        for client in ["one", "two"] {
            operator.add_app(client, &app_policy(&policy)).await;
        }
        for _ in 0..3 {
            world.verifiers.push(world.verifier());
        }
        world
    }

    fn verifier(&self) -> Verifier {
        Verifier::builder(&self.issuer)
            .audience(&self.issuer)
            .credentials(Credentials::client("admin", &self.secret))
            .policy(Policy::Refuse)
            .clock(self.clock.clone())
            .start()
            .expect("it can start")
    }

    /// Somebody with a token of this hour.
    async fn operator(&self) -> Operator {
        Operator::enter(self.site.clone(), &self.secret).await
    }

    async fn step(&mut self) {
        match self.dice.below(12) {
            0..4 => self.sign_in().await,
            4..9 => self.end_something().await,
            9 => self.clock.advance(Duration::from_millis(self.dice.number() % 3_000)),
            10 => {
                self.cut_off = !self.cut_off;
                let broken = if self.dice.coin() { Mode::Cut } else { Mode::Stalled };
                self.proxy.set(if self.cut_off { broken } else { Mode::Open });
            }
            _ => {
                let restarted = self.dice.below(self.verifiers.len());
                self.verifiers[restarted] = self.verifier();
            }
        }
    }

    async fn sign_in(&mut self) {
        let client = if self.dice.coin() { "one" } else { "two" };
        let username = format!("user-{}", self.dice.below(self.users.len()));
        let app = App::public(self.site.clone(), client);
        let access = app.sign_in(&username, "a password").await.access;
        let keys = self.site.get("/jwks", &[]).await.expect("it answers").ok();
        let keys = KeySet::from_json(keys.text.as_bytes()).expect("a JWK set");
        let claims = authenticate(&access, &keys).expect("genuine");
        self.tokens.push((access, claims));
    }

    async fn end_something(&mut self) {
        let operator = self.operator().await;
        let user = self.users[self.dice.below(self.users.len())].clone();
        let Some((access, claims)) = self.tokens.last() else { return };
        let answer = match self.dice.below(12) {
            0..3 => operator.end_session(&session_of(access)).await,
            3..5 => App::public(self.site.clone(), claims.client_id.as_str()).revoke(access).await,
            5..8 => {
                let rule = json!({ "kind": "jti", "value": claims.jti });
                operator.post("/admin/revocations", &rule).await
            }
            8 => operator.change_roles(&user, &[&self.dice.name()]).await,
            9 => operator.end_sessions_of(&user).await,
            10 => {
                operator.disable_client("two").await.ok();
                operator.post("/admin/clients/two/enable", &Value::Null).await
            }
            _ => {
                let answer = operator.revoke_all().await;
                // Until the clients have been read again, their tokens are dead ones.
                self.clock.advance(Duration::from_secs(2));
                answer
            }
        };
        answer.ok();
    }

    /// Cuts everybody off until every rule that they hold has left the log, and the server knows
    /// no more than what is in the log.
    async fn fall_behind(&mut self) {
        self.sign_in().await;
        self.end_something().await;
        self.read_log().await;
        self.cut_off = true;
        self.proxy.set(Mode::Cut);
        let before = self.log.last().map_or(Seq(0), |entry| entry.seq);
        self.clock.advance(LONG);
        let operator = self.operator().await;
        until("the log is compacted", SOON, async || {
            let (entries, _) = operator.log_after(0).await;
            entries.iter().all(|entry| entry["seq"].as_u64() > Some(before.0))
        })
        .await;
        let restarted = serve(&self.flags, &self.clock).await;
        self.proxy.lead_to(restarted.address);
        self.site = Site::new(&format!("http://{}", restarted.address), Wire::Connections);
        std::mem::replace(&mut self.server, restarted).shut_down().await;
        for _ in 0..4 {
            self.sign_in().await;
            self.end_something().await;
        }
    }

    async fn read_log(&mut self) {
        let known = self.log.last().map_or(0, |entry| entry.seq.0);
        let (entries, _) = self.operator().await.log_after(known).await;
        for entry in entries {
            self.log.push(serde_json::from_value(entry).expect("an entry of the feed"));
        }
        let positions = self.log.iter().map(|entry| entry.seq.0);
        assert!(positions.eq(1..=self.log.len() as u64), "a position was skipped");
    }

    async fn compare(&mut self) {
        self.sign_in().await;
        self.proxy.set(Mode::Open);
        let head = self.log.last().map_or(Seq(0), |entry| entry.seq);
        let now = self.clock.now();
        let (mut alive, mut dead) = (0, 0);
        for (number, verifier) in self.verifiers.iter().enumerate() {
            until("the verifier has caught up", SOON, async || {
                verifier.readiness().is_ready() && verifier.status().applied == Some(head)
            })
            .await;
            for (access, claims) in self.tokens.iter().filter(|(_, it)| it.expires_at > now) {
                let killed = self.log.iter().any(|entry| entry.revocation.kills(claims));
                let answer = verifier.verify(access);
                let agrees = match &answer {
                    Ok(_) => !killed,
                    Err(Rejection::Revoked) => killed,
                    Err(_) => false,
                };
                assert!(agrees, "verifier {number}: killed {killed}, {answer:?}, {claims:?}");
                *if killed { &mut dead } else { &mut alive } += 1;
            }
        }
        assert!(alive > 0 && dead > 0, "too little happened: {alive} alive, {dead} dead");
    }
}

async fn serve(flags: &[(String, String)], clock: &Arc<ManualClock>) -> Running {
    let sources = Sources { file: None, environment: Vec::new(), flags: flags.to_vec() };
    let config = Config::load(&sources).expect("settings that there are");
    let running = menshen_server::run(config, clock.clone(), Arc::new(SystemEntropy)).await;
    running.expect("it starts")
}
