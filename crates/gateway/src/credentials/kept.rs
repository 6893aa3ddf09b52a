//! An access token that is kept here for whoever asks: checked each time, as any other.

use menshen_verifier::{Presented, Rejection};

use crate::Identity;
use crate::config::{Authentication, Requirements};
use crate::gateway::Gateway;

/// Whom a token speaks for, as far as a rule is concerned.
///
/// # Errors
///
/// The first [`Rejection`] found.
pub(crate) async fn admit(
    gateway: &Gateway,
    token: &str,
    (required, by): (&Requirements, Authentication),
) -> Result<Identity, Rejection> {
    let checked = gateway.admit(Presented::bearer(token), required).await?;
    let meant = &checked.token().audience;
    if !required.audiences.iter().any(|audience| meant.contains(audience)) {
        return Err(Rejection::WrongAudience);
    }
    Ok(Identity::of_token(&checked, token, by))
}
