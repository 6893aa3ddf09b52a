//! A server to talk to, and answers that print themselves.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::digest;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, header};
use axum_server::tls::TlsInfo;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use menshen_domain::client::{Client, ClientMetadata, ClientPolicy};
use menshen_domain::credential::{HashingCost, PasswordHasher};
use menshen_domain::sealed::KeyEncryptionKey;
use menshen_domain::{Secret, User};
use menshen_server::config::{Config, Sources};
use menshen_server::{App, Entropy};
use menshen_store::{ClientChange, Store, StoreOptions};
use menshen_token::{AccessToken, Algorithm, Clock as _, ManualClock, Timestamp, UserId};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

pub(crate) const ISSUER: &str = "https://id.example";

/// Cheap enough to hash hundreds of times.
pub(crate) const CHEAP: HashingCost = HashingCost { memory_kib: 32, passes: 1, lanes: 1 };

/// The example of RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The secret of every confidential client here.
pub(crate) const SECRET: &str = "the secret of the client: 100% & more";

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Randomness that is the same on every run.
#[derive(Debug, Default)]
struct Counted(AtomicU64);

impl Entropy for Counted {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(32) {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            let bytes = digest::digest(&digest::SHA256, &number.to_be_bytes());
            chunk.copy_from_slice(&bytes.as_ref()[..chunk.len()]);
        }
    }
}

/// A server to talk to.
pub(crate) struct Server {
    pub(crate) app: App,
    pub(crate) clock: Arc<ManualClock>,
    entropy: Arc<Counted>,
    router: Router,
    _folder: TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    pub(crate) async fn start_with(adjust: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let flag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let data = folder.path().to_str().expect("a path in UTF-8");
        let flags = vec![flag("issuer", ISSUER), flag("data", data)];
        let mut config = Config::load(&Sources { flags, ..Sources::default() }).expect("valid");
        config.hashing_cost = CHEAP;
        config.hashing_threads = 1;
        adjust(&mut config);
        let options = StoreOptions {
            url: config.store_url.clone(),
            connections: 2,
            access_token_ceiling: config.access_token_ceiling,
        };
        let store = Store::open(&options).await.expect("a store");
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_767_225_600)));
        // Two servers share their randomness only when they have the same name.
        let entropy = Arc::new(Counted::default());
        entropy.0.store(config.issuer().len() as u64 * 1_000_000, Ordering::Relaxed);
        let app = App::assemble(
            config,
            store,
            KeyEncryptionKey::new(&[7; 32]),
            clock.clone(),
            entropy.clone(),
        );
        let app = app.await.expect("an app");
        Self { router: menshen_server::router(app.clone()), app, clock, entropy, _folder: folder }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How often randomness was drawn.
    pub(crate) fn draws(&self) -> u64 {
        self.entropy.0.load(Ordering::Relaxed)
    }

    pub(crate) fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    /// Adds a user with [`PASSWORD`].
    pub(crate) async fn add_user(&self, username: &str) -> UserId {
        let hash = PasswordHasher::new(CHEAP)
            .expect("a valid cost")
            .hash(&Secret::new(PASSWORD.to_owned()), [1; 16]);
        let user = self.user(username);
        self.app.store.create_user(&user, Some(&hash)).await.expect("created");
        user.id
    }

    pub(crate) fn user(&self, username: &str) -> User {
        User {
            id: format!("user-{username}").parse().expect("valid"),
            username: username.parse().expect("valid"),
            roles: vec!["reader".to_owned()],
            claims: json!({ "tenant": "north" }).as_object().expect("an object").clone(),
            tokens_not_before: Timestamp::default(),
            sign_in_epoch: 0,
            created_at: self.now(),
            disabled_at: None,
        }
    }

    /// Adds a public first-party client; its tokens are signed with `EdDSA`.
    pub(crate) async fn add_app(&self, id: &str, adjust: impl FnOnce(&mut ClientPolicy)) {
        self.add_client(id, None, adjust).await;
    }

    /// Adds a client with [`SECRET`].
    pub(crate) async fn add_confidential(&self, id: &str, adjust: impl FnOnce(&mut ClientPolicy)) {
        self.add_client(id, Some(Secret::new(SECRET.to_owned())), adjust).await;
    }

    /// Adds a client with [`SECRET`] and something to say about itself.
    pub(crate) async fn add_web(
        &self,
        id: &str,
        metadata: ClientMetadata,
        adjust: impl FnOnce(&mut ClientPolicy),
    ) {
        self.add_confidential(id, adjust).await;
        let change = ClientChange { metadata: Some(metadata), ..ClientChange::default() };
        let id = id.parse().expect("a client id");
        self.app.store.change_client(&id, &change).await.expect("changed");
    }

    async fn add_client(
        &self,
        id: &str,
        secret: Option<Secret>,
        adjust: impl FnOnce(&mut ClientPolicy),
    ) {
        let mut policy = ClientPolicy {
            first_party: true,
            scope: "openid profile account".parse().expect("a scope"),
            algorithm: Algorithm::EdDSA,
            ..ClientPolicy::default()
        };
        adjust(&mut policy);
        let id = id.parse().expect("a client id");
        let name = format!("{id}");
        let mut client = Client::new(id, name, policy, self.now());
        client.secret_hash = secret.map(|secret| secret.hash());
        self.app.store.create_client(&client).await.expect("created");
    }

    /// Adds a client that says more about itself.
    pub(crate) async fn register(&self, id: &str, adjust: impl FnOnce(&mut Client)) {
        let policy = ClientPolicy {
            scope: "openid profile".parse().expect("a scope"),
            algorithm: Algorithm::EdDSA,
            ..ClientPolicy::default()
        };
        let name = id.to_owned();
        let mut client = Client::new(id.parse().expect("valid"), name, policy, self.now());
        adjust(&mut client);
        self.app.store.create_client(&client).await.expect("created");
    }

    /// A server with the user `ada` and the public client `app`.
    pub(crate) async fn with_ada() -> Self {
        let server = Self::start().await;
        server.add_user("ada").await;
        server.add_app("app", |_| ()).await;
        server
    }

    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        Call {
            router: self.router.clone(),
            peer: "192.0.2.7:50000".parse().expect("an address"),
            request: Request::builder().method(method).uri(path),
            body: Body::empty(),
        }
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.call("POST", path).form(form).send().await
    }

    /// Signs `ada` in with the client `app`.
    pub(crate) async fn sign_in(&self) -> Tokens {
        self.sign_in_with("app").await
    }

    pub(crate) async fn sign_in_with(&self, client_id: &str) -> Tokens {
        self.tokens(client_id).await.tokens()
    }

    /// All that signing `ada` in gives.
    pub(crate) async fn tokens(&self, client_id: &str) -> Answer {
        let code = self.code(client_id).await;
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", client_id),
            ("code", &code),
            ("code_verifier", VERIFIER),
        ];
        self.post("/token", &form).await
    }

    /// A code for `ada`.
    pub(crate) async fn code(&self, client_id: &str) -> String {
        let answer = self.post("/authorize-challenge", &sign_in_form(client_id)).await;
        answer.text("authorization_code")
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Answer {
        let form = refresh_form("app", refresh_token);
        self.post("/token", &form).await
    }

    /// The status of `/userinfo` for a bearer token.
    pub(crate) async fn userinfo(&self, access_token: &str) -> Answer {
        self.call("GET", "/userinfo").bearer(access_token).send().await
    }
}

pub(crate) fn sign_in_form(client_id: &str) -> [(&str, &str); 5] {
    [
        ("client_id", client_id),
        ("username", "ada"),
        ("password", PASSWORD),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

pub(crate) fn refresh_form<'a>(client_id: &'a str, token: &'a str) -> [(&'a str, &'a str); 3] {
    [("grant_type", "refresh_token"), ("client_id", client_id), ("refresh_token", token)]
}

/// SHA-256 in hexadecimal, as HTTP Digest writes it.
pub(crate) fn hex_hash(text: &str) -> String {
    let hashed = digest::digest(&digest::SHA256, text.as_bytes());
    hashed.as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A request in the making.
pub(crate) struct Call {
    router: Router,
    peer: SocketAddr,
    request: axum::http::request::Builder,
    body: Body,
}

impl Call {
    pub(crate) fn sent_from(mut self, address: &str) -> Self {
        self.peer = SocketAddr::new(address.parse().expect("an address"), 50_000);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.request = self.request.header(name, value.as_ref());
        self
    }

    /// Over a connection whose other end has shown this certificate.
    pub(crate) fn certificate(mut self, der: &[u8]) -> Self {
        let mut info = TlsInfo::default();
        info.peer_certificates = vec![der.to_vec()];
        self.request = self.request.extension(Arc::new(info));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn basic(self, id: &str, secret: &str) -> Self {
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let (id, secret): (String, String) = (encode(id), encode(secret));
        self.header("authorization", format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))))
    }

    pub(crate) fn form(self, form: &[(&str, &str)]) -> Self {
        let body: String =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.raw("application/x-www-form-urlencoded", body)
    }

    pub(crate) fn raw(mut self, content_type: &str, body: impl Into<Body>) -> Self {
        self.request = self.request.header(header::CONTENT_TYPE, content_type);
        self.body = body.into();
        self
    }

    /// The answer whose body has not been read yet.
    pub(crate) async fn open(self) -> axum::response::Response {
        let mut request = self.request.body(self.body).expect("a valid request");
        request.extensions_mut().insert(ConnectInfo(self.peer));
        self.router.oneshot(request).await.expect("the router answers")
    }

    pub(crate) async fn send(self) -> Answer {
        let (parts, body) = self.open().await.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.expect("a whole body");
        let body = String::from_utf8(body.to_vec()).expect("a body in UTF-8");
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

/// What the server said.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// What a sign-in gave.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// A text member of the body; empty when it is not there.
    pub(crate) fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn tokens(&self) -> Tokens {
        assert_eq!(self.status, 200, "{}", self.body);
        Tokens { access: self.text("access_token"), refresh: self.text("refresh_token") }
    }

    /// Status and error code in one line, for tables.
    pub(crate) fn verdict(&self) -> String {
        let (error, reason) = (self.text("error"), self.text("reason"));
        let code = if error.is_empty() { self.text("code") } else { error };
        format!("{} {code} {reason}", self.status).trim_end().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap_or("not text"))
    }

    /// The whole answer, with what is drawn at random replaced by its name.
    pub(crate) fn print(&self) -> String {
        let mut text = format!("HTTP {}\n", self.status);
        let telling = [
            "content-type",
            "cache-control",
            "www-authenticate",
            "dpop-nonce",
            "retry-after",
            "allow",
        ];
        for name in telling.into_iter().filter(|name| self.headers.contains_key(*name)) {
            let value = if name == "dpop-nonce" { "<nonce>" } else { self.header(name) };
            let _ = writeln!(text, "{name}: {value}");
        }
        text.push('\n');
        match serde_json::from_str::<Value>(&self.body) {
            Ok(mut body) => {
                let token = self.text("access_token");
                redact(&mut body);
                let _ = writeln!(text, "{body:#}");
                if !token.is_empty() {
                    let mut claims = claims(&token);
                    redact(&mut claims);
                    let _ = writeln!(text, "\nThe access token says:\n{claims:#}");
                }
            }
            Err(_) => text.push_str(&self.body),
        }
        text
    }
}

/// Replaces what differs from run to run.
fn redact(body: &mut Value) {
    let drawn = [
        "access_token",
        "refresh_token",
        "id_token",
        "logout_handle",
        "authorization_code",
        "jti",
        "sid",
        "grant",
    ];
    for name in drawn {
        if let Some(value) = body.get_mut(name) {
            *value = Value::from(format!("<{name}>"));
        }
    }
}

/// What an access token says, unverified.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("three parts");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&payload).expect("JSON")
}

/// What an access token says, verified.
pub(crate) fn read(server: &Server, token: &str) -> AccessToken {
    menshen_token::authenticate(token, &server.app.keyring.public()).expect("genuine")
}
