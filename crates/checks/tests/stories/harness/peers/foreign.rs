//! An OpenID Connect provider that is not ours: small, but real. Whoever is sent there is Grace, at
//! once.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::extract::{Form, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_token::{Algorithm, jws};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Who we are there.
pub(crate) const CLIENT: &str = "edge-elsewhere";

const KEY_ID: &str = "elsewhere-1";

/// The provider; clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Foreign {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    key: Ed25519KeyPair,
    codes: HashMap<String, HashMap<String, String>>,
    refresh_token: u32,
    refreshes: u32,
    access_token_lifetime: u64,
    /// What is answered to a refresh instead of tokens.
    refusal: Option<(u16, &'static str)>,
}

impl Foreign {
    /// Starts one whose access tokens live so many seconds.
    pub(crate) async fn start(access_token_lifetime: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("an address is free");
        let inner = Inner {
            key: Ed25519KeyPair::generate().expect("the system has randomness"),
            codes: HashMap::new(),
            refresh_token: 0,
            refreshes: 0,
            access_token_lifetime,
            refusal: None,
        };
        let address = listener.local_addr().expect("it listens");
        let foreign = Self { address, inner: Arc::new(Mutex::new(inner)) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(foreign.clone());
        tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        foreign
    }

    /// Its `iss`.
    pub(crate) fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A login of the rules file.
    pub(crate) fn login(&self) -> String {
        format!("[login.elsewhere]\nissuer = \"{}\"\nclient_id = \"{CLIENT}\"\n", self.issuer())
    }

    /// Answers refreshes with this status and error; with tokens again when it is `None`.
    pub(crate) fn refuse(&self, refusal: Option<(u16, &'static str)>) {
        self.lock().refusal = refusal;
    }

    /// How many refresh tokens were presented.
    pub(crate) fn refreshes(&self) -> u32 {
        self.lock().refreshes
    }

    /// Where a browser is sent back to that comes with this request.
    pub(crate) fn consent(&self, request: &Url) -> Url {
        let asked: HashMap<String, String> = request.query_pairs().into_owned().collect();
        let mut inner = self.lock();
        let code = format!("code-{}", inner.codes.len());
        let mut back: Url = asked["redirect_uri"].parse().expect("an address");
        let answer = [("code", code.as_str()), ("state", &asked["state"])];
        back.query_pairs_mut().extend_pairs(answer);
        inner.codes.insert(code, asked);
        back
    }

    /// A logout token with some claims others; `null` takes one out.
    pub(crate) fn logout_token(&self, changes: &Value) -> String {
        let event = "http://schemas.openid.net/event/backchannel-logout";
        let mut claims = json!({
            "iss": self.issuer(), "aud": CLIENT, "sub": "grace", "sid": "s-grace",
            "iat": now(), "exp": now() + 60, "jti": format!("j-{}", rand(self)),
            "events": { event: {} },
        });
        let members = claims.as_object_mut().expect("an object");
        for (name, value) in changes.as_object().into_iter().flatten() {
            if value.is_null() {
                members.remove(name);
            } else {
                members.insert(name.clone(), value.clone());
            }
        }
        self.sign("logout+jwt", &claims)
    }

    /// Signs claims.
    pub(crate) fn sign(&self, kind: &str, claims: &Value) -> String {
        let key_id = KEY_ID.parse().expect("a name");
        let payload = claims.to_string();
        let input = jws::signing_input(Algorithm::EdDSA, &key_id, kind, payload.as_bytes());
        let signature = self.lock().key.sign(input.as_bytes());
        jws::compact(input, signature.as_ref())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn metadata(State(foreign): State<Foreign>) -> Json<Value> {
    let issuer = foreign.issuer();
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
    }))
}

async fn keys(State(foreign): State<Foreign>) -> Json<Value> {
    let x = URL_SAFE_NO_PAD.encode(foreign.lock().key.public_key());
    Json(json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": KEY_ID, "x": x }] }))
}

async fn authorize(
    State(foreign): State<Foreign>,
    Query(asked): Query<HashMap<String, String>>,
) -> Response {
    let request = Url::parse_with_params("http://localhost/authorize", asked).expect("an address");
    let back = foreign.consent(&request).to_string();
    (StatusCode::SEE_OTHER, [(header::LOCATION, back)]).into_response()
}

async fn token(
    State(foreign): State<Foreign>,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let refused = |status: u16, error: &str| {
        let status = StatusCode::from_u16(status).expect("a status");
        (status, Json(json!({ "error": error }))).into_response()
    };
    let nonce = if form["grant_type"] == "refresh_token" {
        let mut inner = foreign.lock();
        inner.refreshes += 1;
        if let Some((status, error)) = inner.refusal {
            return refused(status, error);
        }
        // Each is good once: who presents one again has stolen it.
        if form["refresh_token"] != format!("refresh-{}", inner.refresh_token) {
            return refused(400, "invalid_grant");
        }
        None
    } else {
        let Some(asked) = foreign.lock().codes.remove(&form["code"]) else {
            return refused(400, "invalid_grant");
        };
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()));
        assert_eq!(asked["code_challenge"], challenge, "RFC 7636 section 4.6");
        assert_eq!(asked["redirect_uri"], form["redirect_uri"]);
        Some(asked["nonce"].clone())
    };
    let (refresh_token, lifetime) = {
        let mut inner = foreign.lock();
        inner.refresh_token += 1;
        (inner.refresh_token, inner.access_token_lifetime)
    };
    let claims = json!({
        "iss": foreign.issuer(), "aud": CLIENT, "sub": "grace", "sid": "s-grace",
        "iat": now(), "exp": now() + 60, "auth_time": now(), "nonce": nonce,
    });
    let id_token = foreign.sign("JWT", &claims);
    let mut answer = json!({
        "access_token": format!("opaque-{refresh_token}"),
        "token_type": "Bearer",
        "expires_in": lifetime,
        "refresh_token": format!("refresh-{refresh_token}"),
    });
    if nonce.is_some() {
        answer["id_token"] = id_token.into();
    }
    Json(answer).into_response()
}

fn rand(foreign: &Foreign) -> String {
    let signature = foreign.lock().key.sign(now_nanos().to_string().as_bytes());
    URL_SAFE_NO_PAD.encode(&signature.as_ref()[..12])
}

fn now() -> u64 {
    u64::try_from(now_nanos() / 1_000_000_000).expect("before the year 500,000,000,000")
}

#[expect(clippy::disallowed_methods, reason = "a provider elsewhere has a clock of its own")]
fn now_nanos() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos()
}
