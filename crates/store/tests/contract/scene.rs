//! Users, clients and sign-ins to tell stories with.

use std::sync::Arc;
use std::time::Duration;

use menshen_domain::client::ClientPolicy;
use menshen_domain::code::{AuthorizationCode, CodeChallenge, OpenIdRequest};
use menshen_domain::mac_key::{MacKey, MacKeyId, MacKeys};
use menshen_domain::refresh_token::{self, Generation, Presentation, Presented, Seed};
use menshen_domain::session::{Authentication, Device};
use menshen_domain::{Client, SecretHash, Session, User};
use menshen_store::{
    BrowserSignIn, Fresh, Issued, Page, Redeemed, Redemption, Refreshed, SignedIn, Store,
};
use menshen_token::{
    AccessToken, ClientId, GrantId, Jti, Scope, SessionId, Thumbprint, Timestamp, UserId,
};

use crate::database::{Database, Kind, next};

/// When every story begins.
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// From RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Where codes for a browser are sent.
const REDIRECT_URI: &str = "https://app.example/cb";

/// How long a session that a browser holds may lie unused, and live at all.
pub(crate) const IDLE: Duration = Duration::from_hours(12);
pub(crate) const ABSOLUTE: Duration = Duration::from_hours(5 * 24);

/// Everything, in one page.
pub(crate) const ALL: Page = Page { after: None, limit: 1_000 };

/// A database with a store on it.
pub(crate) struct Scene {
    pub(crate) store: Store,
    pub(crate) database: Arc<Database>,
}

/// Somebody's browser, by the last sign-in in it.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    pub(crate) session: Session,
    pub(crate) cookie: SecretHash,
}

impl Scene {
    pub(crate) async fn new(kind: Kind) -> Self {
        Self::on(Database::create(kind).await).await
    }

    pub(crate) async fn on(database: Database) -> Self {
        Self { store: database.open().await, database: Arc::new(database) }
    }

    pub(crate) async fn user(&self, name: &str) -> User {
        let user = user(name);
        self.store.create_user(&user, None).await.expect("created");
        user
    }

    pub(crate) async fn client(&self, name: &str, policy: ClientPolicy) -> Client {
        let client = client(name, policy);
        self.store.create_client(&client).await.expect("created");
        client
    }

    /// A user and a first-party client.
    pub(crate) async fn cast(&self) -> (User, Client) {
        let policy = ClientPolicy { first_party: true, ..ClientPolicy::default() };
        (self.user("ada").await, self.client("app", policy).await)
    }

    pub(crate) async fn sign_in(&self, user: &User, client: &Client, now: Timestamp) -> Issued {
        self.sign_in_as(&code(&self.today(user).await, client, now), now).await
    }

    /// For offline use, so that the grant of a third-party client outlives its session.
    pub(crate) async fn sign_in_offline(
        &self,
        user: &User,
        client: &Client,
        now: Timestamp,
    ) -> Issued {
        let scope = scope("openid offline_access");
        let code = code(&self.today(user).await, client, now);
        self.sign_in_as(&AuthorizationCode { scope, ..code }, now).await
    }

    /// In a browser that held no session before.
    pub(crate) async fn sign_in_browser(&self, user: &User, now: Timestamp) -> Browser {
        self.sign_in_browser_as(&browser_sign_in(&self.today(user).await, None, now), now).await
    }

    pub(crate) async fn sign_in_browser_as(
        &self,
        sign_in: &BrowserSignIn,
        now: Timestamp,
    ) -> Browser {
        match self.store.sign_in_browser(sign_in, now).await.expect("answers") {
            SignedIn::Held { session, .. } => {
                Browser { session: *session, cookie: sign_in.cookie_hash.clone() }
            }
            SignedIn::Refused => panic!("refused: {sign_in:?}"),
        }
    }

    /// Lets a client into the session that a browser holds.
    pub(crate) async fn join(&self, browser: &Browser, client: &Client, now: Timestamp) -> Issued {
        self.sign_in_as(&self.joining(browser, client, now).await, now).await
    }

    /// The same for offline use.
    pub(crate) async fn join_offline(
        &self,
        browser: &Browser,
        client: &Client,
        now: Timestamp,
    ) -> Issued {
        let scope = scope("openid offline_access");
        let code = self.joining(browser, client, now).await;
        self.sign_in_as(&AuthorizationCode { scope, ..code }, now).await
    }

    /// A code by which a client enters the session that a browser holds.
    pub(crate) async fn joining(
        &self,
        browser: &Browser,
        client: &Client,
        now: Timestamp,
    ) -> AuthorizationCode {
        let session = &browser.session;
        let user = self.store.find_user(&session.user_id).await.expect("reads");
        AuthorizationCode {
            session_id: Some(session.id),
            redirect_uri: Some(REDIRECT_URI.to_owned()),
            authentication: session.authentication.clone(),
            ..code(&user.expect("is somebody"), client, now)
        }
    }

    /// The user as they are by now.
    async fn today(&self, user: &User) -> User {
        self.store.find_user(&user.id).await.expect("reads").expect("is somebody")
    }

    pub(crate) async fn sign_in_as(&self, code: &AuthorizationCode, now: Timestamp) -> Issued {
        self.store.issue_code(code).await.expect("issued");
        match self.store.redeem_code(&redemption(code), now).await.expect("redeemed") {
            Redeemed::Opened { issued, .. } => *issued,
            other => panic!("not opened: {other:?}"),
        }
    }

    pub(crate) async fn refresh(&self, presentation: Presentation, now: Timestamp) -> Refreshed {
        self.store.refresh(presentation, &keys(), now).await.expect("judged")
    }

    /// Whether the tokens of this sign-in are honored by nobody any more.
    pub(crate) async fn is_over(&self, issued: &Issued, now: Timestamp) -> bool {
        let refused = match self.refresh(present(issued), now).await {
            Refreshed::Refused(refresh_token::Refusal::Ended(_)) => true,
            Refreshed::Issued(_) => false,
            other => panic!("neither: {other:?}"),
        };
        let revoked = self.store.is_revoked(&token(issued), now).await.expect("answers");
        assert_eq!(refused, revoked.is_some(), "both tokens share one fate");
        refused
    }
}

pub(crate) fn user(name: &str) -> User {
    User {
        id: UserId::from_bytes(bytes()),
        username: name.parse().expect("valid"),
        roles: vec!["reader".to_owned()],
        claims: serde_json::Map::new(),
        tokens_not_before: Timestamp::default(),
        sign_in_epoch: 0,
        created_at: START,
        disabled_at: None,
    }
}

pub(crate) fn client(name: &str, policy: ClientPolicy) -> Client {
    Client::new(client_id(name), name.to_owned(), policy, START)
}

pub(crate) fn client_id(name: &str) -> ClientId {
    name.parse().expect("valid")
}

pub(crate) fn scope(text: &str) -> Scope {
    text.parse().expect("valid")
}

/// A code that lives for a minute.
pub(crate) fn code(user: &User, client: &Client, now: Timestamp) -> AuthorizationCode {
    let challenge: CodeChallenge = CHALLENGE.parse().expect("valid");
    AuthorizationCode {
        hash: SecretHash::of(&bytes()),
        client_id: client.id.clone(),
        user_id: user.id.clone(),
        subject: user.id.clone(),
        session_id: None,
        scope: scope("openid"),
        audience: client.policy.audience.clone(),
        redirect_uri: None,
        openid: OpenIdRequest::default(),
        challenge: Some(challenge),
        confirmation: None,
        device: Device::new(Some("Ada's phone"), Some("ios"), Some("192.0.2.1".to_owned())),
        authentication: Authentication::by_password(now),
        sign_in_epoch: user.sign_in_epoch,
        expires_at: now + Duration::from_mins(1),
    }
}

/// A sign-in in a browser, by password.
pub(crate) fn browser_sign_in(
    user: &User,
    before: Option<&Browser>,
    now: Timestamp,
) -> BrowserSignIn {
    BrowserSignIn {
        raises: None,
        user_id: user.id.clone(),
        sign_in_epoch: user.sign_in_epoch,
        authentication: Authentication::by_password(now),
        device: Device::new(Some("Firefox"), Some("web"), Some("192.0.2.1".to_owned())),
        session_id: SessionId::from_bytes(bytes()),
        cookie_hash: SecretHash::of(&bytes()),
        previous: before.map(|browser| browser.cookie.clone()),
        idle_lifetime: IDLE,
        absolute_lifetime: ABSOLUTE,
    }
}

pub(crate) fn redemption(code: &AuthorizationCode) -> Redemption {
    Redemption {
        code: code.hash.clone(),
        client_id: code.client_id.clone(),
        redirect_uri: code.redirect_uri.clone(),
        verifier: Some(VERIFIER.to_owned()),
        proof: code.confirmation.clone(),
        resources: Vec::new(),
        fresh: Fresh {
            session_id: SessionId::from_bytes(bytes()),
            grant_id: GrantId::from_bytes(bytes()),
            seed: Seed::from_random([bytes(), bytes()].concat().try_into().expect("32 bytes")),
            mac_key_id: keys().current().id().clone(),
        },
    }
}

pub(crate) fn keys() -> MacKeys {
    MacKeys::new(MacKey::new(MacKeyId::from_bytes([1; 8]), &[2; 32]), Vec::new())
}

/// Presents the refresh token that was issued, by the client it was issued to.
pub(crate) fn present(issued: &Issued) -> Presentation {
    present_generation(issued, issued.grant.generation)
}

pub(crate) fn present_generation(issued: &Issued, generation: Generation) -> Presentation {
    let grant = &issued.grant;
    let keys = keys();
    let token = refresh_token::derive(keys.current(), grant.id, &grant.seed, generation);
    Presentation {
        token: Presented::parse(&keys, token.expose()).expect("ours"),
        client_id: grant.client_id.clone(),
        proof: grant.confirmation.clone(),
        retry_key_hash: None,
    }
}

pub(crate) fn retry_key(text: &str) -> SecretHash {
    SecretHash::of(text.as_bytes())
}

/// The access token that the server would mint.
pub(crate) fn token(issued: &Issued) -> AccessToken {
    let grant = &issued.grant;
    AccessToken {
        key_id: "key".parse().expect("valid"),
        issuer: "https://menshen.example".to_owned(),
        subject: grant.subject.clone(),
        audience: vec!["https://api.example".to_owned()],
        expires_at: issued.access_expires_at,
        issued_at: grant.issued_at,
        not_before: None,
        jti: Jti::from_bytes(bytes()),
        client_id: grant.client_id.clone(),
        session_id: (!grant.outlives_session).then_some(grant.session_id),
        grant_id: Some(grant.id),
        scope: grant.scope.clone(),
        auth_time: None,
        acr: None,
        amr: Vec::new(),
        roles: issued.user.roles.clone(),
        confirmation: None,
        actor: None,
        custom: serde_json::Map::new(),
    }
}

pub(crate) fn thumbprint() -> Thumbprint {
    menshen_token::Jwk::ed25519(&[7; 32]).thumbprint()
}

pub(crate) fn jti() -> Jti {
    Jti::from_bytes(bytes())
}

/// 16 bytes that no other test of this process has.
pub(crate) fn bytes() -> [u8; 16] {
    (u128::from(next()).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).to_be_bytes()
}

pub(crate) fn issued(refreshed: Refreshed) -> Issued {
    match refreshed {
        Refreshed::Issued(issued) => *issued,
        other => panic!("nothing issued: {other:?}"),
    }
}
