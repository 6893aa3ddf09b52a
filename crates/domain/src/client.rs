//! An application registered with us, and what it may do.

use std::collections::BTreeMap;
use std::time::Duration;

use menshen_token::{Algorithm, ClientId, Scope, Timestamp};
use serde::{Deserialize, Serialize};

use crate::claim::ClaimRule;
use crate::{Secret, SecretHash};

mod address;
mod check;
mod metadata;

pub use check::InvalidMetadata;
pub use metadata::{AuthMethod, ClientMetadata, SubjectType};

/// An application registered with us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Never changes.
    pub id: ClientId,
    /// What people call it.
    pub name: String,
    /// The hash of its secret; `None` for a public client, which has none (RFC 6749
    /// section 2.1).
    pub secret_hash: Option<SecretHash>,
    /// Its secret, sealed under its id, when its assertions are made with it.
    pub sealed_secret: Option<String>,
    /// The hash of what lets it manage its registration (RFC 7592); `None` for one that an
    /// operator registered.
    pub registration_token_hash: Option<SecretHash>,
    /// What it says about itself.
    pub metadata: ClientMetadata,
    /// What it may do.
    pub policy: ClientPolicy,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Since when it may do nothing; `None` for one that may.
    pub disabled_at: Option<Timestamp>,
}

/// The scope value that makes a confidential client a gateway. In a token it opens nothing: what
/// counts is that the client has proved who it is.
pub const GATEWAY_SCOPE: &str = "gateway";

impl Client {
    /// A public client that says nothing about itself.
    pub fn new(id: ClientId, name: String, policy: ClientPolicy, created_at: Timestamp) -> Self {
        Self {
            id,
            name,
            secret_hash: None,
            sealed_secret: None,
            registration_token_hash: None,
            metadata: ClientMetadata::default(),
            policy,
            created_at,
            disabled_at: None,
        }
    }

    /// Whether the client can keep a secret or a private key, and so must authenticate (RFC 6749
    /// section 2.1).
    pub fn is_confidential(&self) -> bool {
        match self.metadata.token_endpoint_auth_method {
            Some(method) => method != AuthMethod::None,
            None => self.secret_hash.is_some(),
        }
    }

    /// Whether it stands in front of APIs, and may turn what people show it into tokens for them.
    pub fn is_gateway(&self) -> bool {
        self.is_confidential() && self.policy.scope.contains(GATEWAY_SCOPE)
    }

    /// Whether a code must be bound to a challenge (RFC 7636): always for a client that cannot
    /// authenticate.
    pub fn needs_challenge(&self) -> bool {
        !self.is_confidential()
            || self.policy.require_pkce
            || self.policy.security_profile == SecurityProfile::Fapi2
    }

    /// Whether its requests must be pushed (RFC 9126).
    pub fn needs_pushed_request(&self) -> bool {
        self.metadata.require_pushed_authorization_requests
            || self.policy.security_profile == SecurityProfile::Fapi2
    }

    /// Whether its tokens must be bound to a key (RFC 9449).
    pub fn needs_proof(&self) -> bool {
        self.policy.require_dpop
            || self.metadata.dpop_bound_access_tokens
            || self.policy.security_profile == SecurityProfile::Fapi2
    }

    /// What something for it is signed with: RS256 unless it asks for something else (OpenID Connect
    /// Dynamic Client Registration 1.0 section 2), but never where FAPI 2.0 section 5.4.1 forbids it.
    pub fn signed_with(&self, asked: Option<Algorithm>) -> Algorithm {
        match asked.unwrap_or(Algorithm::RS256) {
            Algorithm::RS256 if self.policy.security_profile == SecurityProfile::Fapi2 => {
                Algorithm::PS256
            }
            algorithm => algorithm,
        }
    }

    /// Whether this is its secret. A public client has none that could match.
    pub fn authenticates(&self, secret: &Secret) -> bool {
        self.secret_hash.as_ref().is_some_and(|hash| hash.matches(secret))
    }
}

/// What a client may do and how its tokens are made. Every field has a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a permission of its own")]
pub struct ClientPolicy {
    /// Whether it is ours: may sign users in on its own screens, and needs no consent.
    pub first_party: bool,
    /// The scope values it may ask for.
    pub scope: Scope,
    /// `aud` of its access tokens; empty means the issuer.
    pub audience: Vec<String>,
    /// The resources it may ask for by their address (RFC 8707), each with the scope values that
    /// mean something there.
    pub resources: BTreeMap<String, Scope>,
    /// What its access tokens are signed with.
    pub algorithm: Algorithm,
    /// Whether its access tokens say what they are, or are looked up.
    pub access_token_format: AccessTokenFormat,
    /// Further claims of its tokens, and where they come from. Without any, access tokens carry
    /// what the user has beyond the claims that OpenID Connect names.
    pub claims: Vec<ClaimRule>,
    /// Lifetime of its access tokens in milliseconds; the server's ceiling applies.
    pub access_token_lifetime_ms: u64,
    /// How it renews access tokens.
    pub renewal: Renewal,
    /// How long a retry without a key is answered again, in milliseconds; 0 is strict.
    pub retry_window_ms: u64,
    /// How long a session may lie unused, in milliseconds; slides on use.
    pub idle_lifetime_ms: u64,
    /// How long a session may live at all, in milliseconds.
    pub absolute_lifetime_ms: u64,
    /// Whether its tokens must be bound to a key (RFC 9449).
    pub require_dpop: bool,
    /// Whether its codes must be bound to a challenge (RFC 7636) although it authenticates.
    pub require_pkce: bool,
    /// Which rules it has to follow beyond those for all.
    pub security_profile: SecurityProfile,
    /// Whether it may still use what OAuth 2.1 dropped: tokens from the authorization endpoint, and
    /// passwords at the token endpoint.
    pub legacy_grants: bool,
    /// Whom it may get tokens for in exchange for tokens of others (RFC 8693).
    pub exchange_audience: Vec<String>,
    /// Whose assertions about users it may turn into tokens (RFC 7523).
    pub trusted_issuers: Vec<TrustedIssuer>,
    /// How many sessions a user may have with it.
    pub sessions: SessionPolicy,
    /// Whether a logout of the device keeps its `offline_access` grants; first-party clients
    /// never keep them.
    pub keeps_offline_access: bool,
}

impl Default for ClientPolicy {
    /// 10 minutes for an access token, 7 days idle, 30 days absolute, 30 seconds to retry.
    fn default() -> Self {
        Self {
            first_party: false,
            scope: Scope::default(),
            audience: Vec::new(),
            resources: BTreeMap::new(),
            algorithm: Algorithm::default(),
            access_token_format: AccessTokenFormat::Jwt,
            claims: Vec::new(),
            access_token_lifetime_ms: 10 * 60 * 1_000,
            renewal: Renewal::RefreshToken,
            retry_window_ms: 30 * 1_000,
            idle_lifetime_ms: 7 * DAY_MS,
            absolute_lifetime_ms: 30 * DAY_MS,
            require_dpop: false,
            require_pkce: false,
            security_profile: SecurityProfile::None,
            legacy_grants: false,
            exchange_audience: Vec::new(),
            trusted_issuers: Vec::new(),
            sessions: SessionPolicy::Unlimited,
            keeps_offline_access: true,
        }
    }
}

/// The shortest retry window but none at all. It has to outlast a request that the server gives
/// up (10 seconds) and the pause before it is repeated; a shorter one would take the retry that
/// the server itself asked for as theft.
pub const SHORTEST_RETRY_WINDOW: Duration = Duration::from_secs(15);

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

impl ClientPolicy {
    /// The lifetime of an access token, never above the server's ceiling.
    pub fn access_token_lifetime(&self, ceiling: Duration) -> Duration {
        Duration::from_millis(self.access_token_lifetime_ms).min(ceiling)
    }

    /// Whether a grant for `granted` is one for these resources as well: one that names none in
    /// particular is for all that the policy knows (RFC 8707 section 2.2).
    pub fn covers(&self, granted: &[String], resources: &[String]) -> bool {
        granted == self.audience || resources.iter().all(|resource| granted.contains(resource))
    }

    /// How long a session may lie unused.
    pub fn idle_lifetime(&self) -> Duration {
        Duration::from_millis(self.idle_lifetime_ms)
    }

    /// How long a session may live at all.
    pub fn absolute_lifetime(&self) -> Duration {
        Duration::from_millis(self.absolute_lifetime_ms)
    }

    /// How long a retry without a key is answered again.
    pub fn retry_window(&self) -> Duration {
        Duration::from_millis(self.retry_window_ms)
    }
}

/// Why a policy makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// A lifetime is out of range.
    #[error("`{0}` is 1 second to 100 years")]
    Lifetime(&'static str),
    /// The window for retries is neither strict nor long enough to be of use.
    #[error("`retry_window_ms` is 0, or 15 seconds to 10 minutes")]
    RetryWindow,
    /// Nobody could sign in.
    #[error("a limit of sessions is at least 1")]
    NoSessions,
    /// A name is empty or too long, or there are too many.
    #[error("`audience` is up to 16 names of 1 to 255 bytes")]
    Audience,
    /// Tokens that carry it would be too long.
    #[error("`scope` is at most 1 KiB")]
    Scope,
    /// A claim has a name that is taken, or no source that we know.
    #[error(
        "each of `claims` needs a name that is free, and either a `value` or `from`: user.id, \
         user.username, user.roles, user.claims.NAME, session.id or client.id"
    )]
    Claims,
    /// A resource is no address.
    #[error("`resources` are up to 32 absolute URIs without fragment")]
    Resources,
    /// An issuer has no name, or not one place where its keys are.
    #[error("each of `trusted_issuers` needs an `issuer`, and either `jwks` or `jwks_uri`")]
    TrustedIssuers,
}

impl ClientPolicy {
    /// Sees to it that a policy makes sense, and that its tokens can be carried in a header.
    ///
    /// # Errors
    ///
    /// [`InvalidPolicy`], the first that is found.
    pub fn check(&self) -> Result<(), InvalidPolicy> {
        const SECOND_MS: u64 = 1_000;
        let lifetimes = [
            ("access_token_lifetime_ms", self.access_token_lifetime_ms),
            ("idle_lifetime_ms", self.idle_lifetime_ms),
            ("absolute_lifetime_ms", self.absolute_lifetime_ms),
        ];
        let in_range = |lifetime: u64| (SECOND_MS..=100 * 365 * DAY_MS).contains(&lifetime);
        if let Some((name, _)) = lifetimes.into_iter().find(|(_, lifetime)| !in_range(*lifetime)) {
            return Err(InvalidPolicy::Lifetime(name));
        }
        let windows = SHORTEST_RETRY_WINDOW..=Duration::from_mins(10);
        if self.retry_window_ms != 0 && !windows.contains(&self.retry_window()) {
            return Err(InvalidPolicy::RetryWindow);
        }
        if self.sessions == SessionPolicy::Limit(0) {
            return Err(InvalidPolicy::NoSessions);
        }
        let named = |audience: &String| (1..=255).contains(&audience.len());
        if !self.audience.iter().all(named) || self.audience.len() > 16 {
            return Err(InvalidPolicy::Audience);
        }
        if self.scope.as_str().len() > 1024 {
            return Err(InvalidPolicy::Scope);
        }
        self.check_sources()
    }

    fn check_sources(&self) -> Result<(), InvalidPolicy> {
        if !self.claims.iter().all(ClaimRule::is_sound) {
            return Err(InvalidPolicy::Claims);
        }
        let absolute = |uri: &String| {
            (1..=255).contains(&uri.len()) && uri.contains(':') && !uri.contains('#')
        };
        if self.resources.len() > 32 || !self.resources.keys().all(absolute) {
            return Err(InvalidPolicy::Resources);
        }
        let sound = |trusted: &TrustedIssuer| {
            !trusted.issuer.is_empty() && trusted.jwks.is_some() != trusted.jwks_uri.is_some()
        };
        if !self.trusted_issuers.iter().all(sound) {
            return Err(InvalidPolicy::TrustedIssuers);
        }
        Ok(())
    }
}

/// What an access token looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenFormat {
    /// A signed statement that anybody can check (RFC 9068).
    #[default]
    Jwt,
    /// A reference: whoever wants to know what it stands for asks (RFC 7662).
    Opaque,
}

/// Rules beyond those for all clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecurityProfile {
    /// None.
    #[default]
    None,
    /// FAPI 2.0 Security Profile: pushed requests, challenges, bound tokens, assertions made for
    /// the issuer alone, and no RS256.
    Fapi2,
}

/// Somebody whose assertions about users a client may turn into tokens (RFC 7523 section 2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedIssuer {
    /// `iss` of the assertions.
    pub issuer: String,
    /// Its public keys, a JWK set; not together with `jwks_uri`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<serde_json::Value>,
    /// Where its public keys are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
}

/// How a client renews access tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Renewal {
    /// By rotating refresh tokens.
    #[default]
    RefreshToken,
    /// The single-token scheme: no refresh token; a live access token may be exchanged for a
    /// new one until the session's absolute limit.
    AccessToken,
    /// Not at all.
    None,
}

/// How many sessions a user may have with a client at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionPolicy {
    /// As many as they like.
    #[default]
    Unlimited,
    /// At most so many; the one longest unused gives way.
    Limit(u32),
    /// One: a new sign-in ends the older one.
    SingleDevice,
}
