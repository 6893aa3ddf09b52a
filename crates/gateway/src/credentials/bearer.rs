//! A JWT access token, bound to a key (RFC 9449) or not.

use menshen_verifier::{Presented, Rejection};
use url::Url;

use super::unauthenticated;
use crate::config::{Authentication, Requirements};
use crate::gateway::Gateway;
use crate::{Facts, Identity, Refusal};

pub(super) async fn authenticate(
    gateway: &Gateway,
    facts: &Facts,
    required: &Requirements,
) -> Result<Identity, Refusal> {
    let refused = |reason| unauthenticated(required, reason);
    if !required.authenticate.contains(&Authentication::Bearer) {
        return Err(refused(Rejection::Missing));
    }
    let url = url(facts)?;
    let presented =
        Presented::from_headers(&facts.headers, &facts.method, Some(&url)).map_err(refused)?;
    let token = gateway.admit(presented, required).await.map_err(refused)?;
    let meant = &token.token().audience;
    if !required.audiences.iter().any(|audience| meant.contains(audience)) {
        return Err(refused(Rejection::WrongAudience));
    }
    Ok(Identity::of_token(&token, presented.token, Authentication::Bearer))
}

/// What a proof of possession covers: scheme, host and path as the client sees them (RFC 9449 section
/// 4.3).
pub(super) fn url(facts: &Facts) -> Result<Url, Refusal> {
    let path = facts.target.split('?').next().unwrap_or_default();
    let url = format!("{}://{}{path}", facts.scheme.as_str(), facts.host);
    url.parse().map_err(|_| Refusal::Host(crate::InvalidHost))
}
