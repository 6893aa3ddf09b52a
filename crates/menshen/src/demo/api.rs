//! The protected API, a process of its own: the verifier's layer in front of one route.

use std::io::{BufRead as _, stdin};

use anyhow::{Context as _, Result};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use menshen_verifier::{Credentials, Readiness, Verified, Verifier};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::cast::{API, API_SCOPE};
use crate::serve::parent;

/// What the API must know, as one line of JSON on its standard input: a secret has no place
/// among the arguments, where `ps` would show it.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Setup {
    /// Whose tokens it takes.
    pub(super) issuer: String,
    /// The secret of its client.
    pub(super) client_secret: String,
}

/// What it answers on its standard output, as one line of JSON.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Address {
    /// Its base URL.
    pub(super) url: String,
}

/// Serves until its parent is gone.
pub(crate) async fn run() -> Result<()> {
    let mut line = String::new();
    stdin().lock().read_line(&mut line).context("failed to read the setup")?;
    let setup: Setup = serde_json::from_str(&line).context("failed to read the setup")?;
    let verifier = Verifier::builder(setup.issuer)
        .audience(API)
        .credentials(Credentials::client(API, setup.client_secret))
        .start()
        .context("failed to start the verifier")?;
    let listener = TcpListener::bind("127.0.0.1:0").await.context("failed to listen")?;
    let address = Address { url: format!("http://{}", listener.local_addr()?) };
    anstream::println!("{}", serde_json::to_string(&address)?);
    axum::serve(listener, routes(&verifier))
        .with_graceful_shutdown(parent::gone())
        .await
        .context("failed to serve")
}

fn routes(verifier: &Verifier) -> Router {
    let readiness = verifier.clone();
    Router::new()
        .route("/orders", get(orders))
        .layer(verifier.layer().require_scope(API_SCOPE))
        .route("/readyz", get(async move || ready(readiness.readiness())))
}

async fn orders(user: Verified) -> Json<Value> {
    Json(json!({ "orders": ["a kettle", "two cups"], "user": user.subject() }))
}

fn ready(readiness: Readiness) -> (StatusCode, String) {
    let status =
        if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, readiness.to_string())
}
