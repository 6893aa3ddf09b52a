//! What a request shows to prove who asks. Every way ends in an identity.

mod basic;
mod bearer;
mod conversion;
mod digest;
mod exchange;
mod held;
pub(crate) mod kept;
mod line;
mod reference_token;
mod session;

use http::{HeaderValue, header};
use menshen_verifier::{Rejection, Schemes};

pub(crate) use self::conversion::Conversion;
use crate::browser::{cookies, tickets};
use crate::config::{Authentication, Requirements};
use crate::decision::LOGIN_PATH;
use crate::gateway::Gateway;
use crate::vault::Fingerprint;
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
    /// The ticket in the query, and the target without it.
    Ticket(String, Target),
    /// The cookie of a session.
    Session(Fingerprint),
}

impl Presented {
    /// Finds the credentials of a request: in the header, else in the query, else in a cookie.
    pub(crate) fn read(
        facts: &Facts,
        target: &Target,
        required: &Requirements,
    ) -> Result<Self, Refusal> {
        let takes_tickets = required.authenticate.contains(&Authentication::Ticket);
        if takes_tickets
            && !facts.headers.contains_key(http::header::AUTHORIZATION)
            && let Some((ticket, rest)) = tickets::split(target)
        {
            return Ok(Self::Ticket(ticket, rest));
        }
        Self::read_but_tickets(facts, required)
    }

    /// The same without tickets: no ticket makes another one.
    pub(crate) fn read_but_tickets(
        facts: &Facts,
        required: &Requirements,
    ) -> Result<Self, Refusal> {
        let Some(line) = line::only_line(&facts.headers)? else {
            return Self::of_cookie(facts, required);
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

    fn of_cookie(facts: &Facts, required: &Requirements) -> Result<Self, Refusal> {
        let missing = || unauthenticated(required, Rejection::Missing);
        if !required.authenticate.contains(&Authentication::Session) {
            return Err(missing());
        }
        let value = cookies::find(facts, &cookies::session_name(facts))?.ok_or_else(missing)?;
        Ok(Self::Session(Fingerprint::of(&value)))
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
        Presented::Ticket(ticket, target) => {
            tickets::redeem(gateway, (ticket, target), (facts, required)).await
        }
        Presented::Session(cookie) => session::authenticate(gateway, cookie, facts, required).await,
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
    if takes(Authentication::Session) {
        challenges.push(format!("Session login=\"{LOGIN_PATH}\""));
    }
    Refusal::Unauthenticated { reason, challenges }
}

#[cfg(test)]
mod tests;
