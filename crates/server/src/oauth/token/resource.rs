//! The parameter `resource` of a token request: for whom, of all that were allowed, this one token
//! is (RFC 8707 section 2.2).

use menshen_domain::client::ClientPolicy;
use menshen_token::Scope;

use super::TokenRequest;
use crate::error::OAuthError;
use crate::oauth::authorize::request;

/// The resources that a request names, which its client's policy must know; `None` when it
/// names none.
///
/// # Errors
///
/// [`OAuthError::InvalidTarget`].
pub(in crate::oauth) fn named(
    request: &TokenRequest<'_>,
) -> Result<Option<Vec<String>>, OAuthError> {
    if request.form.all("resource").next().is_none() {
        return Ok(None);
    }
    request::audience(&request.client, request.form).map(Some)
}

/// Sees to it that what is named was allowed: a grant for some resources is for no others.
///
/// # Errors
///
/// [`OAuthError::InvalidTarget`].
pub(super) fn check(
    named: Option<&[String]>,
    granted: &[String],
    policy: &ClientPolicy,
) -> Result<(), OAuthError> {
    if named.is_none_or(|named| policy.covers(granted, named)) {
        Ok(())
    } else {
        Err(OAuthError::InvalidTarget)
    }
}

/// What of a scope means something to these: the values of other resources are left out.
pub(in crate::oauth) fn scope_at(
    audience: &[String],
    scope: Scope,
    policy: &ClientPolicy,
) -> Scope {
    let resources = &policy.resources;
    if !audience.iter().any(|named| resources.contains_key(named)) {
        return scope;
    }
    let meant = |value: &str| {
        let mut here = audience.iter().filter_map(|named| resources.get(named));
        here.any(|known| known.contains(value)) || !resources.values().any(|s| s.contains(value))
    };
    let kept: Vec<&str> = scope.iter().filter(|value| meant(value)).collect();
    kept.join(" ").parse().unwrap_or_default()
}
