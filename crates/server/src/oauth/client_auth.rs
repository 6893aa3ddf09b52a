//! Which client sends a request, and whether it proves so: `none`, `client_secret_basic` and
//! `client_secret_post` (RFC 6749 section 2.3.1).

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menshen_domain::{Client, Secret, SecretHash};
use menshen_token::ClientId;

use crate::app::App;
use crate::client_cache::Known;
use crate::error::OAuthError;
use crate::form::{self, Form};

/// The client that sends a request. A public client is only named; a confidential one has
/// proved who it is. Unknown, disabled and wrong get the same answer.
///
/// # Errors
///
/// [`OAuthError::InvalidClient`]; [`OAuthError::InvalidRequest`] for two ways at once or none;
/// the store's.
pub(super) async fn authenticate(
    app: &App,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Known, OAuthError> {
    let claim = read(headers, form)?;
    let id: ClientId = claim.id.parse().map_err(|_| OAuthError::InvalidClient)?;
    tracing::Span::current().record("client.id", id.as_str());
    let known = app.clients.find(&app.store, app.clock.as_ref(), &id).await?;
    match known {
        Some(known) if proves(&known, claim.secret.as_ref()) => Ok(known),
        Some(_) => Err(OAuthError::InvalidClient),
        None => {
            // Compared with something, as if there were such a client.
            let decoy = SecretHash::of(b"");
            let _ = claim.secret.is_some_and(|secret| decoy.matches(&secret));
            Err(OAuthError::InvalidClient)
        }
    }
}

/// Like [`authenticate`], for what only confidential clients may do.
///
/// # Errors
///
/// Those of [`authenticate`]; a public client is an [`OAuthError::InvalidClient`].
pub(super) async fn authenticate_confidential(
    app: &App,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Known, OAuthError> {
    let client = authenticate(app, headers, form).await?;
    if client.is_confidential() { Ok(client) } else { Err(OAuthError::InvalidClient) }
}

/// A public client has nothing to prove, and must not pretend to.
fn proves(client: &Client, secret: Option<&Secret>) -> bool {
    let proved = match secret {
        Some(secret) => client.authenticates(secret),
        None => !client.is_confidential(),
    };
    proved && client.disabled_at.is_none()
}

struct Claim {
    id: String,
    secret: Option<Secret>,
}

fn read(headers: &HeaderMap, form: &Form) -> Result<Claim, OAuthError> {
    if form.text("client_assertion").is_some() || form.text("client_assertion_type").is_some() {
        return Err(OAuthError::InvalidClient);
    }
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let id = form.text("client_id");
    let secret = form.text("client_secret");
    let Some(line) = lines.next() else {
        let id = id.ok_or(OAuthError::MissingParameter("client_id"))?;
        return Ok(Claim {
            id: id.to_owned(),
            secret: secret.map(|secret| Secret::new(secret.to_owned())),
        });
    };
    if lines.next().is_some() || secret.is_some() {
        return Err(OAuthError::InvalidRequest("there must be one way of client authentication"));
    }
    let claim = read_basic(line).ok_or(OAuthError::InvalidClient)?;
    if id.is_some_and(|id| id != claim.id) {
        return Err(OAuthError::InvalidRequest("two clients are named"));
    }
    Ok(claim)
}

/// HTTP Basic, both halves form-encoded before they were joined (RFC 6749 section 2.3.1). An
/// empty secret is none.
fn read_basic(line: &HeaderValue) -> Option<Claim> {
    let (scheme, encoded) = line.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = zeroize::Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let id = form::decode(&bytes[..colon])?;
    let secret = form::decode(&bytes[colon + 1..])?;
    let secret = (!secret.is_empty()).then(|| Secret::new(secret.to_string()));
    Some(Claim { id: id.to_string(), secret })
}
