//! What a request shows to prove who asks. Every way ends in an identity.

mod bearer;
mod line;

use menshen_verifier::{Rejection, Schemes};

use crate::config::{Authentication, Requirements};
use crate::gateway::Gateway;
use crate::{Facts, Identity, Refusal, Target};

/// The credentials that came with a request. Exactly one kind is looked at: what fails in one way
/// is not tried in another.
#[derive(Debug)]
pub(crate) enum Presented {
    /// `Authorization: Bearer` or `DPoP`.
    Token,
}

impl Presented {
    /// Finds the credentials of a request.
    pub(crate) fn read(
        facts: &Facts,
        _target: &Target,
        required: &Requirements,
    ) -> Result<Self, Refusal> {
        let Some(line) = line::only_line(&facts.headers)? else {
            return Err(unauthenticated(required, Rejection::Missing));
        };
        let line = line.to_str().map_err(|_| unauthenticated(required, Rejection::Malformed))?;
        let scheme = line.split(' ').next().unwrap_or_default();
        let is = |name: &str| scheme.eq_ignore_ascii_case(name);
        if is("Bearer") || is("DPoP") {
            return Ok(Self::Token);
        }
        Err(unauthenticated(required, Rejection::Missing))
    }
}

/// Checks credentials.
pub(crate) async fn authenticate(
    gateway: &Gateway,
    presented: &Presented,
    facts: &Facts,
    required: &Requirements,
) -> Result<Identity, Refusal> {
    match presented {
        Presented::Token => bearer::authenticate(gateway, facts, required).await,
    }
}

/// 401 with a challenge for every way that the rule takes.
pub(crate) fn unauthenticated(required: &Requirements, reason: Rejection) -> Refusal {
    if reason == Rejection::Stale {
        return Refusal::Unavailable;
    }
    let takes = |method: Authentication| required.authenticate.contains(&method);
    let mut challenges = Vec::new();
    if takes(Authentication::Bearer) || takes(Authentication::ReferenceToken) {
        challenges.extend(reason.challenges(Schemes::BearerAndDpop));
    }
    Refusal::Unauthenticated { reason, challenges }
}
