//! What a client may do, as flags of `menshen client add`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::{Span, SpanRelativeTo};
use menshen_domain::client::{ClientPolicy, Renewal, SHORTEST_RETRY_WINDOW, SessionPolicy};
use menshen_token::{Algorithm, Scope};

/// What a client may do.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct PolicyFlags {
    /// It is yours: may sign users in on its own screens
    #[arg(long)]
    first_party: bool,
    /// The scope values that it may ask for, separated by spaces
    #[arg(long, default_value = "", hide_default_value = true)]
    scope: Scope,
    /// Whom its access tokens are for; may be given again [default: the issuer]
    #[arg(long, value_name = "NAME", value_parser = name)]
    audience: Vec<String>,
    /// What its access tokens are signed with: ES256, RS256, PS256 or EdDSA
    #[arg(long, default_value_t, value_name = "NAME")]
    algorithm: Algorithm,
    /// How long an access token lives
    #[arg(long, default_value = "10m", value_name = "TIME", value_parser = lifetime)]
    access_token_lifetime: Duration,
    /// How it gets new access tokens: refresh tokens, exchange of a live one, or not at all
    #[arg(long, default_value = "refresh-token", value_name = "BY")]
    renewal: RenewalFlag,
    /// How long a retry of a refresh without a key is answered again: 15s to 10m; 0s is strict
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = retry_window)]
    retry_window: Duration,
    /// How long a session may lie unused
    #[arg(long, default_value = "7d", value_name = "TIME", value_parser = lifetime)]
    idle_lifetime: Duration,
    /// How long a session may live at all
    #[arg(long, default_value = "30d", value_name = "TIME", value_parser = lifetime)]
    absolute_lifetime: Duration,
    /// Bind its tokens to a key of the device (DPoP, RFC 9449)
    #[arg(long)]
    require_dpop: bool,
    /// A logout of the device ends its `offline_access` as well; first-party clients always do
    #[arg(long)]
    ends_offline_access: bool,
    /// How many sessions a user may have with it; the longest unused gives way
    #[arg(long, value_name = "COUNT", conflicts_with = "single_device", value_parser = count)]
    session_limit: Option<u32>,
    /// A new sign-in ends the older one
    #[arg(long)]
    single_device: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RenewalFlag {
    RefreshToken,
    AccessToken,
    None,
}

impl PolicyFlags {
    /// The policy that they describe.
    pub(super) fn policy(&self) -> ClientPolicy {
        let sessions = match self.session_limit {
            _ if self.single_device => SessionPolicy::SingleDevice,
            Some(limit) => SessionPolicy::Limit(limit),
            None => SessionPolicy::Unlimited,
        };
        let renewal = match self.renewal {
            RenewalFlag::RefreshToken => Renewal::RefreshToken,
            RenewalFlag::AccessToken => Renewal::AccessToken,
            RenewalFlag::None => Renewal::None,
        };
        ClientPolicy {
            first_party: self.first_party,
            scope: self.scope.clone(),
            audience: self.audience.clone(),
            algorithm: self.algorithm,
            access_token_lifetime_ms: millis(self.access_token_lifetime),
            renewal,
            retry_window_ms: millis(self.retry_window),
            idle_lifetime_ms: millis(self.idle_lifetime),
            absolute_lifetime_ms: millis(self.absolute_lifetime),
            require_dpop: self.require_dpop,
            sessions,
            keeps_offline_access: !self.ends_offline_access,
            ..ClientPolicy::default()
        }
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
    fn the_defaults_of_the_flags_are_those_of_the_policy() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            policy: PolicyFlags,
        }
        let line = <Line as clap::Parser>::try_parse_from(["add"]).expect("needs nothing");
        assert_eq!(line.policy.policy(), ClientPolicy::default());
    }
}
