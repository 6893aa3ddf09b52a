//! The settings of dynamic client registration.

use menshen_domain::client::GATEWAY_SCOPE;
use menshen_token::Scope;

use super::ConfigError;
use super::resolve::Reader;

/// Who may register clients, and what those may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Who may.
    pub mode: RegistrationMode,
    /// The scope values that such clients may ask for.
    pub scope: Scope,
    /// How many from one address in an hour; 0 for as many as they like.
    pub per_hour: u32,
}

/// Who may register clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationMode {
    /// Nobody.
    Off,
    /// Whoever has an initial access token (RFC 7591 section 3).
    Token,
    /// Everybody.
    Open,
}

pub(super) fn registration(from: &Reader<'_>) -> Result<Registration, ConfigError> {
    Ok(Registration {
        mode: from.read("registration.mode", mode)?,
        scope: from.read("registration.scope", scope)?,
        per_hour: from.number("registration.per_hour", 0..=1_000_000)?,
    })
}

fn mode(text: &str) -> Result<RegistrationMode, String> {
    match text {
        "off" => Ok(RegistrationMode::Off),
        "token" => Ok(RegistrationMode::Token),
        "open" => Ok(RegistrationMode::Open),
        _ => Err("`off`, `token` or `open`".to_owned()),
    }
}

/// Nobody administers anything for having asked.
fn scope(text: &str) -> Result<Scope, String> {
    let scope: Scope = text.parse().map_err(|_| "scope values separated by spaces".to_owned())?;
    let reserved = ["admin", "revocations:read", "register", GATEWAY_SCOPE];
    match reserved.into_iter().find(|value| scope.contains(value)) {
        Some(value) => Err(format!("without {value}")),
        None => Ok(scope),
    }
}
