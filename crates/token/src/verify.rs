//! The whole check of an access token but for revocation: form, key, signature, claims.

use std::time::Duration;

use crate::access_token::TOKEN_TYPE;
use crate::jws::Compact;
use crate::{AccessToken, Flaw, KeySet, Timestamp};

/// The longest access token that is looked at.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// What a token must say to be accepted.
#[derive(Clone, Debug)]
pub struct Expectations {
    /// `iss` must be exactly this.
    pub issuer: String,
    /// `aud` must hold one of these; `None` accepts any, which only the issuer itself should.
    pub audience: Option<Vec<String>>,
    /// How far the issuer's clock may run ahead of ours; at most [`crate::MAX_LEEWAY`].
    /// Expiry gets none.
    pub leeway: Duration,
}

impl Expectations {
    /// Judges the claims at an instant.
    ///
    /// # Errors
    ///
    /// The [`Flaw`] of the first claim that does not hold.
    pub fn judge(&self, token: &AccessToken, now: Timestamp) -> Result<(), Flaw> {
        if token.issuer != self.issuer {
            return Err(Flaw::WrongIssuer);
        }
        if let Some(audience) = &self.audience
            && !token.audience.iter().any(|meant| audience.contains(meant))
        {
            return Err(Flaw::WrongAudience);
        }
        self.judge_time(token, now)
    }

    /// Judges the claims that time changes, for a token whose other claims held before.
    ///
    /// # Errors
    ///
    /// [`Flaw::Expired`] or [`Flaw::NotYetValid`].
    pub fn judge_time(&self, token: &AccessToken, now: Timestamp) -> Result<(), Flaw> {
        if now >= token.expires_at {
            return Err(Flaw::Expired);
        }
        // `iat` says when, not from when (RFC 7519 section 4.1.6): a node whose clock is ahead
        // must not make tokens that are dead on arrival.
        let earliest = now + self.leeway.min(crate::MAX_LEEWAY);
        if token.not_before.is_some_and(|not_before| not_before > earliest) {
            return Err(Flaw::NotYetValid);
        }
        Ok(())
    }
}

/// Checks form, type, key, signature and claims, in this order. Revocation is the caller's to
/// check, with a [`crate::RevocationSet`] or a database.
///
/// # Errors
///
/// The first [`Flaw`] found.
pub fn verify(
    token: &str,
    keys: &KeySet,
    expected: &Expectations,
    now: Timestamp,
) -> Result<AccessToken, Flaw> {
    let token = authenticate(token, keys)?;
    expected.judge(&token, now)?;
    Ok(token)
}

/// Checks form, type, key and signature, and nothing that the claims say: a genuine token may
/// be expired. For logout and revocation, which a late token may still ask for.
///
/// # Errors
///
/// The first [`Flaw`] found.
pub fn authenticate(token: &str, keys: &KeySet) -> Result<AccessToken, Flaw> {
    let compact = Compact::parse(token, MAX_TOKEN_BYTES)?;
    if compact.header.algorithm.is_none() {
        return Err(Flaw::UnsupportedAlgorithm);
    }
    if !compact.header.is_type(TOKEN_TYPE) {
        return Err(Flaw::WrongType);
    }
    let key_id = compact.header.key_id.clone().ok_or(Flaw::UnknownKey)?;
    let key = keys.find(&key_id).ok_or(Flaw::UnknownKey)?;
    compact.verify(key)?;
    AccessToken::from_payload(key_id, &compact.payload)
}
