//! A database of the first release: whoever was signed in stays so.

use std::time::Duration;

use menshen_domain::mac_key::MacKeyId;
use menshen_domain::refresh_token::{self, Generation, Presentation, Presented, Refusal, Seed};
use menshen_domain::session::Authentication;
use menshen_domain::{Secret, SecretHash};
use menshen_store::{CodeRefusal, FeedStream, OneTime, Redeemed, Redemption, Refreshed, Target};
use menshen_token::{ClientId, GrantId, Jwk, Reason, Revocation, Seq, SessionId, UserId};
use rstest::rstest;
use sqlx::any::AnyConnectOptions;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{ConnectOptions, Connection, SqlStr};

use crate::database::{Database, Kind};
use crate::scene::{
    ALL, START, Scene, bytes, client_id, code, issued, keys, redemption, scope, token,
};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// As the first release wrote a policy that says all it can.
const POLICY: &str = r#"{"first_party":false,"scope":"openid read","audience":[],
    "algorithm":"EdDSA","access_token_lifetime_ms":600000,"renewal":"refresh_token",
    "retry_window_ms":30000,"idle_lifetime_ms":604800000,"absolute_lifetime_ms":2592000000,
    "require_dpop":false,"sessions":"single_device","keeps_offline_access":true}"#;

/// A session and its grant, as the first release knew them.
struct Old {
    session_id: SessionId,
    grant_id: GrantId,
    seed: Seed,
    client_id: ClientId,
}

impl Old {
    fn of(client: &str) -> Self {
        Self {
            session_id: SessionId::from_bytes(bytes()),
            grant_id: GrantId::from_bytes(bytes()),
            seed: Seed::from_random([bytes(), bytes()].concat().try_into().expect("32 bytes")),
            client_id: client_id(client),
        }
    }

    /// The refresh token that was current, of generation 3.
    fn present(&self) -> Presentation {
        let keys = keys();
        let token = refresh_token::derive(keys.current(), self.grant_id, &self.seed, Generation(3));
        Presentation {
            token: Presented::parse(&keys, token.expose()).expect("ours"),
            client_id: self.client_id.clone(),
            proof: None,
            retry_key_hash: None,
        }
    }

    /// Rows of a session opened at the start and refreshed an hour later; ended two hours later,
    /// each for a reason or not at all.
    fn rows(&self, user: &UserId, ended: [Option<Reason>; 2]) -> String {
        let Self { session_id, grant_id, seed, client_id } = self;
        let at = |time: Duration| (START + time).as_millis();
        let end = |reason: Option<Reason>| match reason {
            Some(reason) => format!("{}, '{reason}'", at(HOUR * 2)),
            None => "NULL, NULL".to_owned(),
        };
        let [session_end, grant_end] = ended.map(end);
        let outlives = if ended[0] == ended[1] { "NULL".to_owned() } else { at(HOUR).to_string() };
        let key = keys().current().id().to_string();
        let (start, rotated, idle, old) =
            (at(Duration::ZERO), at(HOUR), at(DAY * 7 + HOUR), at(DAY * 30));
        format!(
            "INSERT INTO sessions VALUES ('{session_id}', '{user}', '{client_id}', 'Ada''s phone', \
             'ios', '192.0.2.1', '[\"pwd\"]', {start}, {start}, {start}, {old}, {session_end}); \
             INSERT INTO grants VALUES ('{grant_id}', '{session_id}', '{user}', '{client_id}', \
             'openid read', '[\"https://api.example\"]', '{seed}', '{key}', 3, {rotated}, NULL, NULL, \
             {idle}, {old}, {outlives}, {rotated}, {expiry}, {idle}, {grant_end});",
            seed = seed.to_stored(),
            expiry = at(HOUR + Duration::from_mins(10)),
        )
    }
}

/// What else was there.
fn other_rows(user: &UserId, session: SessionId) -> String {
    let start = START.as_millis();
    let later = (START + DAY).as_millis();
    let hash = |text: &str| SecretHash::of(text.as_bytes()).as_str().to_owned();
    let jwk = serde_json::to_string(&Jwk::ed25519(&[3; 32])).expect("serializes");
    format!(
        "INSERT INTO authorization_codes VALUES ('{code}', 'app', '{user}', 'openid', NULL, NULL, \
         NULL, NULL, NULL, '[\"pwd\"]', {start}, 0, {later}, NULL), \
         ('{redeemed}', 'app', '{user}', 'openid', NULL, NULL, NULL, NULL, NULL, '[\"pwd\"]', \
         {start}, 0, {later}, '{session}'); \
         UPDATE revocation_head SET seq = 1; \
         INSERT INTO revocations VALUES (1, 'sid', '{session}', NULL, 'logout', {start}, {later}); \
         INSERT INTO signing_keys VALUES ('key', 'EdDSA', '{jwk}', 'sealed', {start}, {start}, \
         NULL, NULL); \
         INSERT INTO mac_keys VALUES ('{mac_key}', 'sealed', {start}); \
         INSERT INTO consumed VALUES ('dpop_proof', '{proof}', {later}); \
         INSERT INTO login_attempts VALUES ('address:192.0.2.1', {start}, {start}); \
         INSERT INTO familiar_addresses VALUES ('{user}', '192.0.2.1', {start}); \
         INSERT INTO feed_streams VALUES ('stream', 'api', 1, {start});",
        code = hash("code"),
        redeemed = hash("redeemed"),
        proof = hash("proof"),
        mac_key = MacKeyId::from_bytes([1; 8]),
    )
}

/// A database with the schema of the first release and a row in every table.
async fn first_release(kind: Kind, user: &UserId, sessions: &str, ended: SessionId) -> Database {
    let database = Database::create(kind).await;
    if kind == Kind::Sqlite {
        let path = database.url.strip_prefix("sqlite://").expect("a path");
        std::fs::File::create(path).expect("created");
    }
    sqlx::any::install_default_drivers();
    let url: AnyConnectOptions = database.url.parse().expect("valid");
    let mut connection = url.connect().await.expect("connects");
    let core = SqlStr::from_static(include_str!("../../../migrations/0001_core.sql"));
    let core = Migration::new(1, "core".into(), MigrationType::Simple, core, false);
    Migrator::with_migrations(vec![core]).run(&mut connection).await.expect("migrates");
    connection.close().await.expect("closes");
    let start = START.as_millis();
    let parties = format!(
        "INSERT INTO users VALUES ('{user}', 'ada', '[\"reader\"]', '{{\"team\":7}}', \
         '$argon2id$x', 0, 0, {start}, NULL); \
         INSERT INTO clients VALUES ('app', 'App', NULL, '{POLICY}', {start}, NULL), \
         ('sync', 'Sync', '{secret}', '{{}}', {start}, NULL);",
        secret = SecretHash::of(b"secret").as_str(),
    );
    database.tamper(&format!("{parties}{sessions}{}", other_rows(user, ended))).await;
    database
}

#[rstest]
#[tokio::test]
async fn whoever_was_signed_in_with_the_first_release_stays_so(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let ada = UserId::from_bytes(bytes());
    let (live, offline, over) = (Old::of("app"), Old::of("sync"), Old::of("app"));
    let logout = Some(Reason::Logout);
    let rows = [
        live.rows(&ada, [None, None]),
        offline.rows(&ada, [logout, None]),
        over.rows(&ada, [logout, logout]),
    ];
    let database = first_release(kind, &ada, &rows.concat(), over.session_id).await;
    // Two nodes at once.
    let (store, other_node) = tokio::join!(database.open(), database.open());
    other_node.close().await;
    let scene = Scene { store, database: database.into() };
    parties_are_there(&scene, &ada).await;
    the_rest_is_there(&scene, &over).await;

    let sessions = scene.store.list_sessions(&ada, &ALL).await.expect("lists");
    let [session] = sessions.as_slice() else { panic!("{sessions:?}") };
    let authentication = Authentication { acr: None, ..Authentication::by_password(START) };
    assert_eq!((session.id, session.client_id.as_ref()), (live.session_id, Some(&live.client_id)));
    assert_eq!((&session.authentication, session.idle_lifetime), (&authentication, None));
    assert_eq!((session.created_at, session.last_seen_at), (START, START + HOUR));
    assert_eq!(session.device.name.as_deref(), Some("Ada's phone"));

    let now = START + HOUR * 3;
    for old in [&live, &offline] {
        let refreshed = issued(scene.refresh(old.present(), now).await);
        let grant = &refreshed.grant;
        assert_eq!((grant.id, grant.session_id), (old.grant_id, old.session_id));
        assert_eq!((grant.generation, &grant.subject), (Generation(4), &ada));
        assert_eq!((&grant.authentication, &grant.scope), (&authentication, &scope("openid read")));
        assert_eq!(grant.audience, ["https://api.example"]);
        assert_eq!(grant.outlives_session, old.session_id == offline.session_id);
        let revoked = scene.store.is_revoked(&token(&refreshed), now).await.expect("answers");
        assert_eq!(revoked, None);
    }
    let refused = scene.refresh(over.present(), now).await;
    let expected = Refusal::Ended(Reason::Logout);
    assert!(matches!(refused, Refreshed::Refused(refusal) if refusal == expected), "{refused:?}");

    // The policy for one device knows the session that is from before.
    let user = scene.store.find_user(&ada).await.expect("reads").expect("is there");
    let app = scene.store.find_client(&live.client_id).await.expect("reads").expect("is there");
    let again = scene.sign_in(&user, &app, now).await;
    let ended = scene.store.find_session(live.session_id).await.expect("reads").expect("is there");
    assert_eq!(ended.ended.map(|ended| ended.reason), Some(Reason::SignedInElsewhere));
    // And what ended is forgotten with all that belongs to it.
    let target = Target::Grant(offline.grant_id);
    scene.store.revoke(&target, Reason::TokenRevoked, now).await.expect("ended");
    scene.store.delete_expired(now + DAY * 31, 100).await.expect("deletes");
    for old in [&live, &offline, &over] {
        assert_eq!(scene.store.find_session(old.session_id).await.expect("reads"), None);
        assert!(scene.store.find_grant(old.grant_id).await.expect("reads").is_none());
    }
    assert!(!scene.is_over(&again, now).await);
}

async fn parties_are_there(scene: &Scene, ada: &UserId) {
    let store = &scene.store;
    let found = store.find_user_by_username(&"ada".parse().expect("valid")).await.expect("reads");
    let (user, password) = found.expect("is there");
    assert_eq!((&user.id, &user.roles[..]), (ada, &["reader".to_owned()][..]));
    assert_eq!(user.claims["team"], 7);
    assert!(password.is_some());
    let app = store.find_client(&client_id("app")).await.expect("reads").expect("is there");
    assert!(!app.is_confidential() && app.metadata.redirect_uris.is_empty());
    assert_eq!(app.policy.scope, scope("openid read"));
    let sync = store.find_client(&client_id("sync")).await.expect("reads").expect("is there");
    assert!(sync.authenticates(&Secret::new("secret".to_owned())));
}

async fn the_rest_is_there(scene: &Scene, over: &Old) {
    let store = &scene.store;
    let log = store.revocations_after(Seq(0), 9).await.expect("reads");
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].revocation, Revocation::Session(over.session_id));
    assert_eq!(store.head().await.expect("reads").seq, Seq(1));
    assert_eq!(store.list_signing_keys().await.expect("lists").len(), 1);
    assert_eq!(store.list_mac_keys().await.expect("lists").len(), 1);
    assert!(!store.consume(OneTime::DpopProof, "proof", START + DAY).await.expect("answers"));
    let stream =
        FeedStream { id: "stream".to_owned(), verifier: "api".to_owned(), acknowledged: Seq(1) };
    assert_eq!(store.list_streams(START).await.expect("lists"), [stream]);
    // Whoever was in the middle of signing in begins anew.
    let user = store.find_user_by_username(&"ada".parse().expect("valid")).await.expect("reads");
    let app = store.find_client(&client_id("app")).await.expect("reads").expect("is there");
    let code = code(&user.expect("is there").0, &app, START);
    for text in ["code", "redeemed"] {
        let old = Redemption { code: SecretHash::of(text.as_bytes()), ..redemption(&code) };
        let redeemed = store.redeem_code(&old, START).await.expect("judged");
        assert!(matches!(redeemed, Redeemed::Refused(CodeRefusal::Unknown)), "{redeemed:?}");
    }
}
