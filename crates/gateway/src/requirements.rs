//! Whether whoever asks is allowed what the rule is about.

use menshen_token::Timestamp;
use menshen_verifier::Rejection;

use crate::config::Requirements;
use crate::{Identity, Refusal};

/// Judges scopes, roles, and how and when the user signed in.
pub(crate) fn met(
    required: &Requirements,
    identity: &Identity,
    now: Timestamp,
) -> Result<(), Refusal> {
    if !required.scopes.iter().all(|scope| identity.scope.contains(scope)) {
        let required = required.scopes.join(" ");
        return Err(Refusal::Forbidden { reason: Rejection::InsufficientScope { required } });
    }
    let has_role = |role: &String| identity.roles.contains(role);
    if !required.roles.is_empty() && !required.roles.iter().any(has_role) {
        let required = required.roles.join(" or ");
        return Err(Refusal::Forbidden { reason: Rejection::InsufficientRole { required } });
    }
    let strong = required.acr.is_empty()
        || identity.acr.as_ref().is_some_and(|acr| required.acr.contains(acr));
    let recent = required
        .max_age
        .is_none_or(|max_age| identity.authenticated_at.is_some_and(|at| at + max_age >= now));
    if strong && recent {
        return Ok(());
    }
    Err(Refusal::InsufficientAuthentication { challenge: challenge(required) })
}

/// The challenge of RFC 9470 section 3.
fn challenge(required: &Requirements) -> String {
    let mut parameters = vec![
        "error=\"insufficient_user_authentication\"".to_owned(),
        "error_description=\"the user must sign in again, or in a stronger way\"".to_owned(),
    ];
    if !required.acr.is_empty() {
        parameters.push(format!("acr_values=\"{}\"", required.acr.join(" ")));
    }
    if let Some(max_age) = required.max_age {
        parameters.push(format!("max_age=\"{}\"", max_age.as_secs()));
    }
    format!("Bearer {}", parameters.join(", "))
}

#[cfg(test)]
mod tests;
