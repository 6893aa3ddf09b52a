//! What a request carries to prove who sends it: at most one kind of it.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menshen_domain::Secret;

use super::assertion;
use crate::error::OAuthError;
use crate::form::{self, Form};

/// Who a request says it comes from, and what it carries to prove so.
pub(super) struct Claim {
    pub(super) id: String,
    pub(super) credentials: Credentials,
}

/// What a request carries.
pub(super) enum Credentials {
    /// Nothing; its connection may say more.
    Nothing,
    /// A secret in the header (RFC 6749 section 2.3.1).
    Basic(Secret),
    /// A secret in the body.
    Post(Secret),
    /// An assertion (RFC 7523 section 2.2).
    Assertion(String),
}

/// Reads it.
///
/// # Errors
///
/// [`OAuthError::InvalidClient`]; [`OAuthError::InvalidRequest`] for two ways at once or none.
pub(super) fn read(headers: &HeaderMap, form: &Form) -> Result<Claim, OAuthError> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let (line, id) = (lines.next(), form.text("client_id"));
    let secret = form.text("client_secret");
    let is_asserted =
        form.text("client_assertion").is_some() || form.text("client_assertion_type").is_some();
    let ways = [line.is_some(), lines.next().is_some(), secret.is_some(), is_asserted];
    if ways.into_iter().filter(|way| *way).count() > 1 {
        return Err(OAuthError::InvalidRequest("there must be one way of client authentication"));
    }
    if is_asserted {
        return read_assertion(form);
    }
    let Some(line) = line else {
        let id = id.ok_or(OAuthError::MissingParameter("client_id"))?.to_owned();
        let secret = secret.map(|secret| Secret::new(secret.to_owned()));
        return Ok(Claim {
            id,
            credentials: secret.map_or(Credentials::Nothing, Credentials::Post),
        });
    };
    let claim = read_basic(line).ok_or(OAuthError::InvalidClient)?;
    if id.is_some_and(|id| id != claim.id) {
        return Err(OAuthError::InvalidRequest("two clients are named"));
    }
    Ok(claim)
}

/// The assertion names the client; `client_id` is not needed with it, and must not name another
/// (RFC 7521 section 4.2).
fn read_assertion(form: &Form) -> Result<Claim, OAuthError> {
    const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let (kind, assertion) = (form.text("client_assertion_type"), form.text("client_assertion"));
    let (Some(TYPE), Some(assertion)) = (kind, assertion) else {
        return Err(OAuthError::InvalidClient);
    };
    let id = assertion::subject_of(assertion).ok_or(OAuthError::InvalidClient)?;
    if form.text("client_id").is_some_and(|named| named != id) {
        return Err(OAuthError::InvalidClient);
    }
    Ok(Claim { id, credentials: Credentials::Assertion(assertion.to_owned()) })
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
    let credentials = secret.map_or(Credentials::Nothing, Credentials::Basic);
    Some(Claim { id: id.to_string(), credentials })
}
