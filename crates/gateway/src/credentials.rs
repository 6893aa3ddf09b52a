//! What a request shows to prove who asks. Every way ends in an identity.

mod basic;
mod bearer;
mod conversion;
mod digest;
mod exchange;
mod held;
mod line;
mod reference_token;

use http::{HeaderValue, header};
use menshen_verifier::{Rejection, Schemes};

pub(crate) use self::conversion::Conversion;
use crate::config::{Authentication, Requirements};
use crate::gateway::Gateway;
use crate::{Facts, Identity, Refusal, Target};

/// The credentials that came with a request. Exactly one kind is looked at: what fails in one way
/// is not tried in another.
#[derive(Debug)]
pub(crate) enum Presented {
    /// `Authorization: Bearer` or `DPoP`, with a JWT.
    Token,
    /// The same with an opaque token.
    ReferenceToken,
    /// `Authorization: Basic`.
    Basic,
    /// `Authorization: Digest`.
    Digest,
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
        let (scheme, rest) =
            split(line).ok_or_else(|| unauthenticated(required, Rejection::Malformed))?;
        let takes = |method| required.authenticate.contains(&method);
        let is = |name: &str| scheme.eq_ignore_ascii_case(name);
        if is("Bearer") || is("DPoP") {
            let opaque = takes(Authentication::ReferenceToken) && reference_token::is_one(rest);
            return Ok(if opaque { Self::ReferenceToken } else { Self::Token });
        }
        if is("Basic") && takes(Authentication::Basic) {
            return Ok(Self::Basic);
        }
        if is("Digest") && takes(Authentication::Digest) {
            return Ok(Self::Digest);
        }
        Err(unauthenticated(required, Rejection::Missing))
    }
}

/// Scheme and rest of an `Authorization` header that came once.
fn authorization(facts: &Facts) -> Option<(&str, &str)> {
    facts.headers.get(header::AUTHORIZATION).and_then(split)
}

fn split(line: &HeaderValue) -> Option<(&str, &str)> {
    let line = std::str::from_utf8(line.as_bytes()).ok()?;
    let (scheme, rest) = line.split_once(' ').unwrap_or((line, ""));
    Some((scheme, rest.trim_matches(' ')))
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
        Presented::ReferenceToken => reference_token::authenticate(gateway, facts, required).await,
        Presented::Basic => basic::authenticate(gateway, facts, required).await,
        Presented::Digest => digest::authenticate(gateway, facts, required).await,
    }
}

/// Completes a refusal with a challenge that needs more than the rule: a nonce of ours.
pub(crate) fn challenged(gateway: &Gateway, required: &Requirements, refusal: Refusal) -> Refusal {
    if required.authenticate.contains(&Authentication::Digest) {
        digest::challenged(gateway, refusal)
    } else {
        refusal
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
    if takes(Authentication::Basic) {
        challenges.push("Basic realm=\"menshen\", charset=\"UTF-8\"".to_owned());
    }
    Refusal::Unauthenticated { reason, challenges }
}

#[cfg(test)]
mod tests;
