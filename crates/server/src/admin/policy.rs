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
    /// The resources it may ask for by their address (RFC 8707), each with the scope values that
    /// mean something there, separated by spaces.
    #[schema(value_type = Object)]
    resources: Option<()>,
    /// `jwt`, or `opaque`: a reference that whoever wants to know more looks up.
    #[schema(default = "jwt")]
    access_token_format: Option<String>,
    /// Further claims of its tokens.
    claims: Option<Vec<ClaimRule>>,
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
    /// Whether its codes must be bound to a challenge (RFC 7636) although it authenticates.
    #[schema(default = false)]
    require_pkce: Option<bool>,
    /// Which rules it has to follow beyond those for all: `none`, or `fapi2`.
    #[schema(default = "none")]
    security_profile: Option<String>,
    /// Whether it may still use what OAuth 2.1 dropped: tokens from the authorization endpoint,
    /// and passwords at the token endpoint.
    #[schema(default = false)]
    legacy_grants: Option<bool>,
    /// Whom it may get tokens for in exchange for tokens of others (RFC 8693).
    exchange_audience: Option<Vec<String>>,
    /// Whose assertions about users it may turn into tokens (RFC 7523).
    trusted_issuers: Option<Vec<TrustedIssuer>>,
    /// How many sessions a user may have with it: `"unlimited"`, `"single_device"` or
    /// `{"limit": 5}`.
    #[schema(value_type = Object)]
    sessions: Option<()>,
    /// Whether a logout of the device keeps its `offline_access` grants; first-party clients
    /// never keep them.
    #[schema(default = true)]
    keeps_offline_access: Option<bool>,
}

/// One claim of a client's tokens and where it comes from: `from` or `value`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the JSON of ClaimRule, and is never made")]
pub(super) struct ClaimRule {
    /// The name of the claim.
    claim: String,
    /// `user.id`, `user.username`, `user.roles`, `user.claims.NAME`, `session.id` or `client.id`.
    from: Option<String>,
    /// A constant.
    #[schema(value_type = Object)]
    value: Option<()>,
    /// Where it stands: `access_token`, `id_token`, `userinfo`. In access tokens by default.
    r#in: Option<Vec<String>>,
}

/// Somebody whose assertions about users are believed, and the keys: `jwks` or `jwks_uri`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the JSON of TrustedIssuer, and is never made")]
pub(super) struct TrustedIssuer {
    /// `iss` of the assertions.
    issuer: String,
    /// Its public keys, a JWK set.
    #[schema(value_type = Object)]
    jwks: Option<()>,
    /// Where its public keys are.
    jwks_uri: Option<String>,
}
