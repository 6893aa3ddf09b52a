//! What a client may do, as flags of `menshen client add` and `change`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use jiff::{Span, SpanRelativeTo};
use menshen_domain::claim::ClaimRule;
use menshen_domain::client::{
    AccessTokenFormat, ClientPolicy, Renewal, SHORTEST_RETRY_WINDOW, SecurityProfile, SessionPolicy,
};
use menshen_token::{Algorithm, Scope};

use super::json_file;

/// What a client may do. What is not given stays as it is.
#[derive(Debug, Args)]
#[command(next_help_heading = "What it may do")]
pub(super) struct PolicyFlags {
    /// It is yours: may sign users in on its own screens, and needs no consent
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    first_party: Option<bool>,
    /// The scope values that it may ask for, separated by spaces
    #[arg(long)]
    scope: Option<Scope>,
    /// Whom its access tokens are for; may be given again [default: the issuer]
    #[arg(long, value_name = "NAME", value_parser = name)]
    audience: Vec<String>,
    /// A resource it may ask for, with the scope values that mean something there
    #[arg(long, value_name = "URI=SCOPE", value_parser = resource)]
    resource: Vec<(String, Scope)>,
    /// What its access tokens are signed with: ES256, RS256, PS256 or EdDSA [default: ES256]
    #[arg(long, value_name = "NAME")]
    algorithm: Option<Algorithm>,
    /// Its access tokens are references, which say nothing and are looked up
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    opaque_access_tokens: Option<bool>,
    /// A claim of its tokens: {"claim": "team", "from": "user.claims.team"}; may be given again
    #[arg(long, value_name = "JSON", value_parser = claim_rule)]
    claim_map: Vec<ClaimRule>,
    /// How long an access token lives [default: 10m]
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    access_token_lifetime: Option<Duration>,
    /// How it gets new access tokens [default: refresh-token]
    #[arg(long, value_name = "BY")]
    renewal: Option<RenewalFlag>,
    /// How long a retry of a refresh without a key is answered again: 15s to 10m; 0s is strict
    /// [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = retry_window)]
    retry_window: Option<Duration>,
    /// How long a session may lie unused [default: 7d]
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    idle_lifetime: Option<Duration>,
    /// How long a session may live at all [default: 30d]
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    absolute_lifetime: Option<Duration>,
    /// Bind its tokens to a key of the device (DPoP, RFC 9449)
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    require_dpop: Option<bool>,
    /// Bind its codes to a challenge (PKCE, RFC 7636), which is always so without a secret
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    require_pkce: Option<bool>,
    /// Rules beyond those for all: fapi2 is the FAPI 2.0 Security Profile
    #[arg(long, value_name = "NAME")]
    security_profile: Option<ProfileFlag>,
    /// It may use what OAuth 2.1 dropped: implicit and hybrid flow, and the password grant
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    legacy_grants: Option<bool>,
    /// Whom it may get tokens for in exchange for those of others; may be given again
    #[arg(long, value_name = "NAME", value_parser = name)]
    exchange_audience: Vec<String>,
    /// A logout of the device ends its `offline_access` as well; first-party clients always do
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    ends_offline_access: Option<bool>,
    /// How many sessions a user may have with it; the longest unused gives way
    #[arg(long, value_name = "COUNT", conflicts_with = "single_device", value_parser = count)]
    session_limit: Option<u32>,
    /// A new sign-in ends the older one
    #[arg(long)]
    single_device: bool,
    /// The whole policy, as JSON; flags win over it
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RenewalFlag {
    /// By refresh tokens
    RefreshToken,
    /// By exchanging a live access token
    AccessToken,
    /// Not at all
    None,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProfileFlag {
    None,
    Fapi2,
}

impl PolicyFlags {
    /// The policy that they make of another.
    pub(super) fn applied_to(&self, before: &ClientPolicy) -> Result<ClientPolicy> {
        let mut policy = match &self.policy {
            Some(file) => json_file(file).context("failed to read the policy")?,
            None => before.clone(),
        };
        self.apply_permissions(&mut policy);
        self.apply_lifetimes(&mut policy);
        Ok(policy)
    }

    fn apply_permissions(&self, policy: &mut ClientPolicy) {
        set(&mut policy.first_party, self.first_party);
        set(&mut policy.scope, self.scope.clone());
        set_list(&mut policy.audience, &self.audience);
        set_list(&mut policy.exchange_audience, &self.exchange_audience);
        set_list(&mut policy.claims, &self.claim_map);
        if !self.resource.is_empty() {
            policy.resources = self.resource.iter().cloned().collect();
        }
        set(&mut policy.algorithm, self.algorithm);
        let format =
            |opaque| if opaque { AccessTokenFormat::Opaque } else { AccessTokenFormat::Jwt };
        set(&mut policy.access_token_format, self.opaque_access_tokens.map(format));
        set(&mut policy.require_dpop, self.require_dpop);
        set(&mut policy.require_pkce, self.require_pkce);
        let profile = |flag| match flag {
            ProfileFlag::None => SecurityProfile::None,
            ProfileFlag::Fapi2 => SecurityProfile::Fapi2,
        };
        set(&mut policy.security_profile, self.security_profile.map(profile));
        set(&mut policy.legacy_grants, self.legacy_grants);
        set(&mut policy.keeps_offline_access, self.ends_offline_access.map(|ends| !ends));
    }

    fn apply_lifetimes(&self, policy: &mut ClientPolicy) {
        let renewal = |flag| match flag {
            RenewalFlag::RefreshToken => Renewal::RefreshToken,
            RenewalFlag::AccessToken => Renewal::AccessToken,
            RenewalFlag::None => Renewal::None,
        };
        set(&mut policy.renewal, self.renewal.map(renewal));
        set(&mut policy.access_token_lifetime_ms, self.access_token_lifetime.map(millis));
        set(&mut policy.retry_window_ms, self.retry_window.map(millis));
        set(&mut policy.idle_lifetime_ms, self.idle_lifetime.map(millis));
        set(&mut policy.absolute_lifetime_ms, self.absolute_lifetime.map(millis));
        let single = self.single_device.then_some(SessionPolicy::SingleDevice);
        set(&mut policy.sessions, single.or(self.session_limit.map(SessionPolicy::Limit)));
    }
}

/// Sets what is given.
pub(super) fn set<T>(field: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *field = given;
    }
}

/// Sets a list of which something is given.
pub(super) fn set_list<T: Clone>(field: &mut Vec<T>, given: &[T]) {
    if !given.is_empty() {
        *field = given.to_vec();
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = duration(text)?;
    if lifetime < Duration::from_secs(1) { Err("at least 1s".to_owned()) } else { Ok(lifetime) }
}

fn retry_window(text: &str) -> Result<Duration, String> {
    let window = duration(text)?;
    let fits = (SHORTEST_RETRY_WINDOW..=Duration::from_mins(10)).contains(&window);
    if window.is_zero() || fits { Ok(window) } else { Err("0s, or 15s to 10m".to_owned()) }
}

fn count(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "a number from 1".to_owned())
}

fn name(text: &str) -> Result<String, String> {
    if (1..=255).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err("1 to 255 bytes".to_owned())
    }
}

/// "https://orders.example=orders:read orders:write". An address may hold an equals sign itself,
/// a scope value as well; the last one parts them.
fn resource(text: &str) -> Result<(String, Scope), String> {
    let example = || "an address, `=`, and scope values separated by spaces".to_owned();
    let (uri, scope) = text.rsplit_once('=').ok_or_else(example)?;
    Ok((uri.to_owned(), scope.parse().map_err(|_| example())?))
}

fn claim_rule(text: &str) -> Result<ClaimRule, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// "90s", "10m", "12h", "30d". A year is 365 days.
fn duration(text: &str) -> Result<Duration, String> {
    let example = "a time such as 90s, 10m, 12h or 30d";
    let span: Span = text.parse().map_err(|_| example.to_owned())?;
    let whole = span.to_duration(SpanRelativeTo::days_are_24_hours());
    whole.ok().and_then(|whole| Duration::try_from(whole).ok()).ok_or_else(|| example.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        policy: PolicyFlags,
    }

    fn flags(line: &[&str]) -> PolicyFlags {
        let line = ["add"].iter().chain(line);
        <Line as clap::Parser>::try_parse_from(line).expect("flags").policy
    }

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("7d"), Ok(Duration::from_hours(7 * 24)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        for bad in ["", "ten", "10", "-5m"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_retry_window_outlasts_the_time_limit_of_a_request() {
        assert_eq!(retry_window("0s"), Ok(Duration::ZERO));
        assert_eq!(retry_window("15s"), Ok(Duration::from_secs(15)));
        for bad in ["1s", "14s", "11m"] {
            assert!(retry_window(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_given_stays() {
        let before = ClientPolicy {
            first_party: true,
            audience: vec!["orders".to_owned()],
            require_dpop: true,
            ..ClientPolicy::default()
        };
        assert_eq!(flags(&[]).applied_to(&before).expect("sound"), before);
        let after = flags(&["--first-party=false", "--require-pkce", "--scope", "openid"]);
        let after = after.applied_to(&before).expect("sound");
        let expected = ClientPolicy {
            first_party: false,
            require_pkce: true,
            scope: "openid".parse().expect("a scope"),
            ..before
        };
        assert_eq!(after, expected);
    }

    #[test]
    fn a_resource_and_a_claim_are_read() {
        let line = [
            "--resource",
            "https://orders.example/?a=b=orders:read orders:write",
            "--claim-map",
            r#"{"claim": "team", "from": "user.claims.team", "in": ["id_token"]}"#,
        ];
        let policy = flags(&line).applied_to(&ClientPolicy::default()).expect("sound");
        assert_eq!(policy.check(), Ok(()));
        assert_eq!(
            policy.resources["https://orders.example/?a=b"].as_str(),
            "orders:read orders:write"
        );
        assert_eq!(policy.claims[0].claim, "team");
    }
}
