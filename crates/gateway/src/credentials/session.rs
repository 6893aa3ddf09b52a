//! The cookie of a session that the gateway keeps.

use crate::browser::cross_site;
use crate::config::Requirements;
use crate::gateway::Gateway;
use crate::vault::Fingerprint;
use crate::{Facts, Identity, Refusal};

pub(super) async fn authenticate(
    gateway: &Gateway,
    cookie: &Fingerprint,
    facts: &Facts,
    required: &Requirements,
) -> Result<Identity, Refusal> {
    cross_site::check(facts)?;
    let browsers = gateway.browsers().ok_or(Refusal::Unavailable)?;
    let identity = browsers.identify(gateway, cookie, (facts, required)).await?;
    Ok(Identity { kept: Some(cookie.clone()), ..identity })
}
