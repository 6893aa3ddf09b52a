//! A client's back end that wants to be told of logouts, and does not always behave.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Form, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// How it answers.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// With a status.
    Status(u16),
    /// With a redirect.
    Redirect(String),
    /// Never.
    Silence,
}

/// What it was told, and whether it confirmed that.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// The whole form.
    pub(crate) form: Vec<(String, String)>,
    /// The claims of the logout token, not verified.
    pub(crate) claims: Value,
    /// Whether the answer was a success.
    pub(crate) confirmed: bool,
}

impl Told {
    /// The session it is about.
    pub(crate) fn session(&self) -> &str {
        self.claims["sid"].as_str().unwrap_or_default()
    }

    /// The logout token.
    pub(crate) fn token(&self) -> &str {
        self.form.first().map_or("", |(_, token)| token)
    }
}

/// A receiver; clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    manner: Manner,
    told: Vec<Told>,
    serving: Option<AbortHandle>,
}

impl Receiver {
    /// One that is down.
    pub(crate) fn down(address: SocketAddr) -> Self {
        let inner = Inner { manner: Manner::Status(200), told: Vec::new(), serving: None };
        Self { address, inner: Arc::new(Mutex::new(inner)) }
    }

    /// One that is up.
    pub(crate) async fn up(address: SocketAddr, manner: Manner) -> Self {
        let receiver = Self::down(address);
        receiver.behave(manner);
        receiver.start().await;
        receiver
    }

    /// Its `backchannel_logout_uri`.
    pub(crate) fn uri(&self) -> String {
        format!("http://{}/logout?from=menshen", self.address)
    }

    /// Begins to listen.
    pub(crate) async fn start(&self) {
        let listener = TcpListener::bind(self.address).await.expect("the address is free");
        let router = axum::Router::new().fallback(post(hear)).with_state(self.clone());
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        self.lock().serving = Some(serving.abort_handle());
    }

    /// Changes how it answers.
    pub(crate) fn behave(&self, manner: Manner) {
        self.lock().manner = manner;
    }

    /// What it was told so far.
    pub(crate) fn told(&self) -> Vec<Told> {
        self.lock().told.clone()
    }

    /// How often it has confirmed the logout of a session.
    pub(crate) fn confirmations(&self, session: &str) -> usize {
        let told = self.told();
        told.iter().filter(|told| told.confirmed && told.session() == session).count()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn hear(
    State(receiver): State<Receiver>,
    Form(form): Form<Vec<(String, String)>>,
) -> Response {
    let payload = form.first().and_then(|(_, token)| token.split('.').nth(1)).unwrap_or_default();
    let payload = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    let claims = serde_json::from_slice(&payload).unwrap_or_default();
    let manner = {
        let mut inner = receiver.lock();
        let manner = inner.manner.clone();
        let confirmed = matches!(manner, Manner::Status(200..=299));
        inner.told.push(Told { form, claims, confirmed });
        manner
    };
    match manner {
        Manner::Status(status) => StatusCode::from_u16(status).expect("a status").into_response(),
        Manner::Redirect(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Manner::Silence => std::future::pending().await,
    }
}
