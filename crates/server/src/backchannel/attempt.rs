//! One attempt to deliver a logout, and what follows from it.

use std::error::Error;
use std::time::Duration;

use menshen_domain::{Client, LogoutDelivery};
use menshen_store::StoreError;
use url::Url;

use super::logout_token;
use crate::app::App;
use crate::error::OAuthError;
use crate::outbound::Refused;

/// The most characters that are kept of what was in the way.
const MAX_PROBLEM_CHARACTERS: usize = 200;

/// How often it is tried to write down that a client has confirmed a logout, and the pause between:
/// it should not be told again because the database was away for a moment.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// Why a logout was not delivered.
#[derive(Debug, thiserror::Error)]
enum Problem {
    /// There is nobody any more who wants to know.
    #[error("the client does not want to be told any more")]
    NobodyThere,
    /// The client's address is none.
    #[error("its back-channel logout URI is no URL")]
    NoUrl,
    /// Something of ours failed.
    #[error("the logout token could not be made")]
    Ours(#[source] OAuthError),
    /// The database does not say whom to tell.
    #[error("the client could not be looked up")]
    Store(#[from] StoreError),
    /// The client was not reached.
    #[error("{0}")]
    Unreached(#[from] Refused),
    /// The client did not confirm it.
    #[error("it answered with status {0}")]
    Status(u16),
}

/// Tries once, and writes down what came of it.
///
/// # Errors
///
/// The store's; then somebody tries again when the lease is over.
pub(super) async fn attempt(app: &App, delivery: &LogoutDelivery) -> Result<(), StoreError> {
    let problem = match send(app, delivery).await {
        Ok(()) => return finish(app, delivery).await,
        Err(problem) => problem,
    };
    let (now, [jitter]) = (app.now(), app.random());
    let retry_at = match problem {
        Problem::NobodyThere => None,
        _ => delivery.retry_at(now, app.config.backchannel_retry_after, jitter),
    };
    let description = describe(&problem);
    if let Some(due_at) = retry_at {
        tracing::info!(
            client.id = %delivery.client_id, session.id = %delivery.session_id,
            attempts = delivery.attempts, problem = description,
            "a logout was not delivered, will try again"
        );
        count("delayed");
        app.store.delay_delivery(delivery, &description, due_at).await
    } else {
        tracing::warn!(
            client.id = %delivery.client_id, session.id = %delivery.session_id,
            attempts = delivery.attempts, problem = description,
            "a logout was not delivered, and is given up"
        );
        count("abandoned");
        app.store.abandon_delivery(delivery, &description, now).await
    }
}

async fn send(app: &App, delivery: &LogoutDelivery) -> Result<(), Problem> {
    let known = app.clients.find(&app.store, app.clock.as_ref(), &delivery.client_id).await?;
    let client = known.filter(|client| client.disabled_at.is_none()).ok_or(Problem::NobodyThere)?;
    let url = address(&client)?;
    let token = logout_token::mint(app, delivery, &client, app.now()).await;
    let token = token.map_err(Problem::Ours)?;
    let status = app.outbound.post_form(&url, &[("logout_token", &token)]).await?;
    if status.is_success() { Ok(()) } else { Err(Problem::Status(status.as_u16())) }
}

fn address(client: &Client) -> Result<Url, Problem> {
    let uri = client.metadata.backchannel_logout_uri.as_deref().ok_or(Problem::NobodyThere)?;
    uri.parse().map_err(|_| Problem::NoUrl)
}

async fn finish(app: &App, delivery: &LogoutDelivery) -> Result<(), StoreError> {
    count("delivered");
    tracing::debug!(
        client.id = %delivery.client_id, session.id = %delivery.session_id,
        attempts = delivery.attempts, "a logout was delivered"
    );
    for _ in 1..TRIES {
        match app.store.finish_delivery(delivery, app.now()).await {
            Err(StoreError::Unavailable(_)) => tokio::time::sleep(PAUSE).await,
            finished => return finished,
        }
    }
    app.store.finish_delivery(delivery, app.now()).await
}

fn count(outcome: &'static str) {
    metrics::counter!("menshen_logout_deliveries_total", "outcome" => outcome).increment(1);
}

/// What was in the way, and the cause at the bottom of it.
fn describe(problem: &Problem) -> String {
    let mut text = problem.to_string();
    let mut cause = problem.source();
    while let Some(deeper) = cause.and_then(Error::source) {
        cause = Some(deeper);
    }
    if let Some(cause) = cause.map(ToString::to_string)
        && cause != text
    {
        text = format!("{text}: {cause}");
    }
    text.chars().take(MAX_PROBLEM_CHARACTERS).collect()
}
