//! Who takes part: a user, an app, and an API, made over the admin API like any others.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use menshen_token::{Clock, SystemClock};
use serde_json::{Value, json};

use super::api::Setup;
use super::narrator::Narrator;
use super::stage::Stage;
use super::wire::{Answer, Wire};
use crate::output::{ACCENT, paint};

/// Her user name.
pub(super) const USER: &str = "ada";
/// Her password.
pub(super) const PASSWORD: &str = "correct horse battery staple";
/// The client id of the app.
pub(super) const APP: &str = "shop-app";
/// The client id of the API, and its name in `aud`.
pub(super) const API: &str = "orders";
/// The scope that the API asks for.
pub(super) const API_SCOPE: &str = "orders:read";

/// Everything that the story needs.
pub(super) struct Cast {
    /// The server.
    pub(super) issuer: String,
    /// The protected route of the API.
    pub(super) orders: String,
    /// The secret of the API's client.
    pub(super) api_secret: String,
    /// For everybody who does not insist on a connection of their own.
    pub(super) wire: Wire,
    /// The time.
    pub(super) clock: Arc<dyn Clock>,
}

impl Cast {
    /// Makes the user and both clients, and starts the API.
    pub(super) async fn assemble(stage: &mut Stage) -> Result<Self> {
        let (wire, issuer) = (Wire::new()?, stage.server.issuer.clone());
        let admin = stage.server.admin.clone();
        let form = [("grant_type", "client_credentials"), ("scope", "admin")];
        let credentials = (admin.client_id.as_str(), admin.client_secret.as_str());
        let answer = wire.post_as(&format!("{issuer}/token"), credentials, &form).await?;
        let token = answer.need("access_token").context("failed to get an admin token")?;

        create(&wire, &issuer, &token, "users", &user()).await?;
        create(&wire, &issuer, &token, "clients", &app()).await?;
        let made = create(&wire, &issuer, &token, "clients", &api()).await?;
        let api_secret = made.need("client_secret")?;

        let setup = Setup { issuer: issuer.clone(), client_secret: api_secret.clone() };
        let url = stage.start_api(&setup).await?;
        let cast = Self {
            issuer,
            orders: format!("{url}/orders"),
            api_secret,
            wire,
            clock: Arc::new(SystemClock::new()),
        };
        cast.wait_until_ready(&format!("{url}/readyz")).await?;
        Ok(cast)
    }

    /// Says who is who.
    pub(super) fn introduce(&self, stage: &Stage, narrator: &Narrator) {
        let ids: Vec<String> = stage.process_ids().iter().map(ToString::to_string).collect();
        narrator.say(&format!("Two processes, {}:", ids.join(" and ")));
        narrator.say(&format!("the server at {}", paint(ACCENT, &self.issuer)));
        narrator.say(&format!("a protected API at {}", paint(ACCENT, &self.orders)));
        narrator.say(
            "The API checks access tokens in its own memory and never asks the server about one. \
             It follows the server's revocation feed.",
        );
    }

    /// Calls the protected API.
    pub(super) async fn call_api(&self, access_token: &str) -> Result<Answer> {
        self.wire.get(&self.orders, access_token).await
    }

    /// Asks the server about an access token, as the API could.
    pub(super) async fn introspect(&self, access_token: &str) -> Result<Answer> {
        let url = format!("{}/introspect", self.issuer);
        self.wire.post_as(&url, (API, &self.api_secret), &[("token", access_token)]).await
    }

    async fn wait_until_ready(&self, url: &str) -> Result<()> {
        let deadline = self.clock.monotonic() + Duration::from_secs(30);
        loop {
            let answer = self.wire.get(url, "").await?;
            if answer.status == 200 {
                return Ok(());
            }
            ensure!(self.clock.monotonic() < deadline, "the API did not get ready in time");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn create(
    wire: &Wire,
    issuer: &str,
    token: &str,
    kind: &str,
    body: &Value,
) -> Result<Answer> {
    let answer = wire.post_json(&format!("{issuer}/admin/{kind}"), token, body).await?;
    ensure!(answer.status == 201, "making {kind} answered {}: {}", answer.status, answer.body);
    Ok(answer)
}

fn user() -> Value {
    json!({ "username": USER, "password": PASSWORD })
}

/// The app sends a key with each refresh, so no retry without one has to be believed.
fn app() -> Value {
    json!({
        "id": APP,
        "name": "The shop's app",
        "confidential": false,
        "policy": {
            "first_party": true,
            "scope": format!("openid {API_SCOPE}"),
            "audience": [API],
            "retry_window_ms": 0,
        },
    })
}

fn api() -> Value {
    json!({
        "id": API,
        "name": "The orders API",
        "confidential": true,
        "policy": { "scope": "revocations:read" },
    })
}
