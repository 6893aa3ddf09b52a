//! `POST /.menshen/backchannel-logout`: a provider says that a session has ended there (OpenID
//! Connect Back-Channel Logout 1.0). It ends here at once.

use http::StatusCode;
use menshen_token::Claims;
use menshen_token::jws::Compact;
use serde_json::json;

use super::endpoints::Call;
use super::page::{Reply, empty, json};
use super::provider::{LOGOUT_TOKEN_LIFETIME, ProviderError};
use super::refresh::unavailable;
use crate::Refusal;

const LIMIT_BYTES: usize = 16 * 1024;

pub(super) async fn post(call: &Call<'_>) -> Result<Reply, Refusal> {
    let Some(text) = call.field("logout_token") else { return Ok(invalid("there is none")) };
    // Only to find the keys to check it with; one issuer may know us as several clients.
    let Some((issuer, audience)) = addressed(&text) else { return Ok(invalid("it is malformed")) };
    let meant = call.rules.logins.issued_by(&issuer).find(|p| audience.contains(&p.client_id));
    let Some(provider) = meant else { return Ok(invalid("it was made by somebody else")) };
    let (ended, jti) = match provider.read_logout_token(call.gateway, &text).await {
        Ok(read) => read,
        Err(ProviderError::Untrue(reason)) => {
            tracing::warn!(reason, login = provider.name, "a logout token does not hold");
            return Ok(invalid(reason));
        }
        Err(error) => {
            tracing::error!(error = %error, login = provider.name, "a logout cannot be checked");
            return Err(Refusal::Unavailable);
        }
    };
    let browsers = call.gateway.browsers().ok_or(Refusal::Unavailable)?;
    // Remembered beyond the time in which it could be sent again, by either clock.
    let until = call.gateway.now() + LOGOUT_TOKEN_LIFETIME * 2;
    // Ended first: a token that ended nothing because of an outage may be sent again.
    let sessions = browsers.end_all(&ended).await.map_err(unavailable)?;
    if !browsers.vault.is_first(&jti, until).await.map_err(unavailable)? {
        return Ok(invalid("it was sent before"));
    }
    tracing::info!(login = provider.name, sessions, "a provider has ended sessions");
    Ok(empty(StatusCode::OK))
}

/// Whom a token says that it is from, and for.
fn addressed(text: &str) -> Option<(String, Vec<String>)> {
    let token = Compact::parse(text, LIMIT_BYTES).ok()?;
    let claims = Claims::parse(&token.payload).ok()?;
    let issuer = claims.text("iss").ok()??.to_owned();
    let audience = claims.audience().ok()?.into_iter().map(str::to_owned).collect();
    Some((issuer, audience))
}

fn invalid(reason: &str) -> Reply {
    let document = json!({ "error": "invalid_request", "error_description": reason });
    json(StatusCode::BAD_REQUEST, &document)
}
