//! The shape of a client's policy in the API, and what is refused.

use std::time::Duration;

use menshen_domain::client::{ClientPolicy, SHORTEST_RETRY_WINDOW, SessionPolicy};
use utoipa::ToSchema;

use crate::error::ApiError;

/// What a client may do and how its tokens are made. What is left out has its default.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the JSON of ClientPolicy, and is never made")]
pub(super) struct Policy {
    /// Whether it is ours: may sign users in on its own screens, and needs no consent.
    #[schema(default = false)]
    first_party: Option<bool>,
    /// The scope values it may ask for, separated by spaces.
    scope: Option<String>,
    /// `aud` of its access tokens; empty means the issuer.
    audience: Option<Vec<String>>,
    /// What its access tokens are signed with: ES256, RS256, PS256 or EdDSA.
    #[schema(default = "ES256")]
    algorithm: Option<String>,
    /// Lifetime of its access tokens; the server's ceiling applies.
    #[schema(default = 600_000)]
    access_token_lifetime_ms: Option<u64>,
    /// How it renews access tokens: `refresh_token`, `access_token` (the single-token scheme)
    /// or `none`.
    #[schema(default = "refresh_token")]
    renewal: Option<String>,
    /// How long a retry without a key is answered again: 15 seconds to 10 minutes, or 0, which
    /// is strict.
    #[schema(default = 30_000)]
    retry_window_ms: Option<u64>,
    /// How long a session may lie unused; slides on use.
    #[schema(default = 604_800_000)]
    idle_lifetime_ms: Option<u64>,
    /// How long a session may live at all.
    #[schema(default = 2_592_000_000_u64)]
    absolute_lifetime_ms: Option<u64>,
    /// Whether its tokens must be bound to a key (RFC 9449).
    #[schema(default = false)]
    require_dpop: Option<bool>,
    /// How many sessions a user may have with it: `"unlimited"`, `"single_device"` or
    /// `{"limit": 5}`.
    #[schema(value_type = Object)]
    sessions: Option<()>,
    /// Whether a logout of the device keeps its `offline_access` grants; first-party clients
    /// never keep them.
    #[schema(default = true)]
    keeps_offline_access: Option<bool>,
}

/// Sees to it that a policy makes sense.
pub(super) fn check(policy: &ClientPolicy) -> Result<(), ApiError> {
    const SECOND_MS: u64 = 1_000;
    const CENTURY_MS: u64 = 100 * 365 * 24 * 60 * 60 * SECOND_MS;
    let lifetimes = [
        ("access_token_lifetime_ms", policy.access_token_lifetime_ms),
        ("idle_lifetime_ms", policy.idle_lifetime_ms),
        ("absolute_lifetime_ms", policy.absolute_lifetime_ms),
    ];
    for (name, lifetime) in lifetimes {
        if !(SECOND_MS..=CENTURY_MS).contains(&lifetime) {
            return Err(ApiError::Invalid(format!("`{name}` is 1 second to 100 years")));
        }
    }
    let retry_window = policy.retry_window();
    let windows = SHORTEST_RETRY_WINDOW..=Duration::from_mins(10);
    if !retry_window.is_zero() && !windows.contains(&retry_window) {
        let sentence = "`retry_window_ms` is 0, or 15 seconds to 10 minutes";
        return Err(ApiError::Invalid(sentence.to_owned()));
    }
    if policy.sessions == SessionPolicy::Limit(0) {
        return Err(ApiError::Invalid("a limit of sessions is at least 1".to_owned()));
    }
    let named = |audience: &String| (1..=255).contains(&audience.len());
    if !policy.audience.iter().all(named) || policy.audience.len() > 16 {
        let sentence = "`audience` is up to 16 names of 1 to 255 bytes";
        return Err(ApiError::Invalid(sentence.to_owned()));
    }
    if policy.scope.as_str().len() > 4 * 1024 {
        return Err(ApiError::Invalid("`scope` is at most 4 KiB".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema as _;

    use super::*;

    #[test]
    fn the_schema_names_what_a_policy_has() {
        let schema = serde_json::to_value(Policy::schema()).expect("a schema");
        let policy = serde_json::to_value(ClientPolicy::default()).expect("a policy");
        let names = |value: &serde_json::Value| -> Vec<String> {
            value.as_object().expect("an object").keys().cloned().collect()
        };
        assert_eq!(names(&schema["properties"]), names(&policy));
        for (name, default) in policy.as_object().expect("an object") {
            if let Some(said) = schema["properties"][name].get("default") {
                assert_eq!(said, default, "{name}");
            }
        }
    }
}
