//! Logout tokens (OpenID Connect Back-Channel Logout 1.0 section 2.4).

use std::time::Duration;

use menshen_domain::{Client, LogoutDelivery};
use menshen_token::{Jti, Timestamp};
use serde_json::json;

use crate::app::App;
use crate::error::OAuthError;
use crate::oauth::token::response::sign;

/// The media type in the header, by which nobody takes it for a token of another kind.
const TOKEN_TYPE: &str = "logout+jwt";

/// The event that it tells of.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// How long it may be on its way. Each attempt sends one of its own.
const LIFETIME: Duration = Duration::from_mins(2);

/// A token that tells a client of a logout, signed as its ID tokens are.
///
/// # Errors
///
/// The keyring's.
pub(super) async fn mint(
    app: &App,
    delivery: &LogoutDelivery,
    client: &Client,
    now: Timestamp,
) -> Result<String, OAuthError> {
    let algorithm = client.signed_with(client.metadata.id_token_signed_response_alg);
    let claims = json!({
        "iss": app.config.issuer(),
        "aud": delivery.client_id,
        "iat": now.as_seconds(),
        "exp": (now + LIFETIME).as_seconds(),
        "jti": Jti::from_bytes(app.random()),
        "sub": delivery.subject,
        "sid": delivery.session_id,
        "events": { EVENT: {} },
    });
    sign(app, algorithm, TOKEN_TYPE, claims.to_string().as_bytes()).await
}
