//! The shape of a client's policy in the API.

use utoipa::ToSchema;

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
