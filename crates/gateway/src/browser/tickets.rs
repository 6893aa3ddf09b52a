//! `POST /.menshen/ticket`: a ticket opens one thing once, within a minute, for viewers and
//! downloads that can send no header. It is worth no more than who asked for it.

use std::time::Duration;

use http::{Method, StatusCode};
use menshen_verifier::Rejection;
use serde::Deserialize;
use serde_json::json;

use super::cross_site;
use super::endpoints::Call;
use super::page::{Reply, json};
use super::refresh::unavailable;
use crate::config::{Authentication, Requirements};
use crate::credentials::{self, Presented, kept, unauthenticated};
use crate::gateway::Gateway;
use crate::vault::{Fingerprint, Minter, Ticket};
use crate::{Facts, Host, Identity, Refusal, Target, requirements};

/// The longest that a ticket holds, and how long it does when nothing else is asked for.
const LONGEST: Duration = Duration::from_mins(1);

/// The parameter of the query that carries one.
const PARAMETER: &str = "ticket";

/// What a ticket is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    method: Option<String>,
    path: String,
    expires_in: Option<u64>,
}

pub(super) async fn post(call: &Call<'_>) -> Result<Reply, Refusal> {
    let Some((method, target, lifetime)) = read(call) else {
        let error = json!({ "error": "invalid_request",
            "error_description": "method, path and expires_in (up to 60 seconds) are asked for" });
        return Ok(json(StatusCode::BAD_REQUEST, &error));
    };
    let required = call.requirements(&method, &target);
    let takes = |required: &&Requirements| required.authenticate.contains(&Authentication::Ticket);
    let required = required.filter(takes).ok_or(Refusal::Denied)?;
    let presented = Presented::read_but_tickets(call.facts, required)?;
    let session = match &presented {
        Presented::Session(cookie) => {
            cross_site::check(call.facts)?;
            Some(cookie.clone())
        }
        _ => None,
    };
    let identity =
        credentials::authenticate(call.gateway, &presented, call.facts, required).await?;
    requirements::met(required, &identity, call.gateway.now())?;
    if let Some(token) = &identity.access_token {
        // One that is bound to a key (RFC 9449) needs a proof each time, and a ticket brings none.
        let admitted = kept::admit(call.gateway, token, (required, identity.by)).await;
        admitted.map_err(|reason| unauthenticated(required, reason))?;
    }
    let issuer = call.rules.logins.of(required.login.as_deref());
    let issuer = issuer.ok_or(Refusal::Unavailable)?.issuer.clone();
    let (text, now) = (call.secret(), call.gateway.now());
    let ticket = Ticket {
        ticket: Fingerprint::of(&text),
        request: about(&method, &call.host, &target),
        session,
        expires_at: identity.expires_at.min(now + lifetime),
        minter: Minter { issuer, identity },
    };
    let browsers = call.gateway.browsers().ok_or(Refusal::Unavailable)?;
    if !browsers.vault.keep_ticket(&ticket).await.map_err(unavailable)? {
        return Err(unauthenticated(required, Rejection::Revoked));
    }
    let separator = if target.query().is_some() { '&' } else { '?' };
    let document = json!({
        "ticket": text,
        "path": format!("{target}{separator}{PARAMETER}={text}"),
        "expires_in": ticket.expires_at.since(now).as_secs(),
    });
    Ok(json(StatusCode::CREATED, &document))
}

fn read(call: &Call<'_>) -> Option<(Method, Target, Duration)> {
    let wanted: Wanted = serde_json::from_slice(call.body).ok()?;
    let method = wanted.method.as_deref().unwrap_or("GET").parse().ok()?;
    let target = Target::parse(&wanted.path, call.rules.config.paths).ok()?;
    let lifetime = wanted.expires_in.map_or(LONGEST, Duration::from_secs);
    let fits = !lifetime.is_zero() && lifetime <= LONGEST;
    (fits && split(&target).is_none()).then_some((method, target, lifetime))
}

/// The ticket in the query of a target, and the target without it. `None` when there is none.
pub(crate) fn split(target: &Target) -> Option<(String, Target)> {
    let query = target.query()?;
    let is_ticket = |pair: &&str| pair.split_once('=').is_some_and(|(name, _)| name == PARAMETER);
    let mut tickets = query.split('&').filter(is_ticket);
    let text = tickets.next()?.split_once('=')?.1.to_owned();
    if tickets.next().is_some() {
        return None;
    }
    let rest: Vec<&str> = query.split('&').filter(|pair| !is_ticket(pair)).collect();
    let rest = rest.join("&");
    Some((text, target.with_query((!rest.is_empty()).then_some(rest))))
}

/// Uses up the ticket of a request; who asked for it.
///
/// # Errors
///
/// [`Refusal::Unauthenticated`] when it is none for this request, or worth nothing any more.
pub(crate) async fn redeem(
    gateway: &Gateway,
    (text, target): (&str, &Target),
    (facts, required): (&Facts, &Requirements),
) -> Result<Identity, Refusal> {
    let gone = || unauthenticated(required, Rejection::Missing);
    let browsers = gateway.browsers().ok_or(Refusal::Unavailable)?;
    let host: Host = facts.host.parse()?;
    let request = about(&facts.method, &host, target);
    let found = browsers.vault.take_ticket(&Fingerprint::of(text), &request, gateway.now()).await;
    let minter = found.map_err(unavailable)?.ok_or_else(gone)?;
    let rules = gateway.rules_owned();
    let login = rules.logins.of(required.login.as_deref()).ok_or(Refusal::Unavailable)?;
    if minter.issuer != login.issuer {
        return Err(gone());
    }
    let Some(token) = &minter.identity.access_token else {
        // Of another provider: it would be gone with its session.
        return Ok(Identity { by: Authentication::Ticket, ..minter.identity });
    };
    let admitted = kept::admit(gateway, token, (required, Authentication::Ticket)).await;
    admitted.map_err(|reason| unauthenticated(required, reason))
}

/// One request, as its fingerprint.
fn about(method: &Method, host: &Host, target: &Target) -> Fingerprint {
    Fingerprint::of(&format!("{method} {host} {target}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Leniency;

    #[test]
    fn a_ticket_is_taken_out_of_the_query_and_the_rest_stays() {
        let read = |text: &str| {
            let target = Target::parse(text, Leniency::default()).expect("a target");
            split(&target).map(|(ticket, rest)| (ticket, rest.to_string()))
        };
        let found = |ticket: &str, rest: &str| Some((ticket.to_owned(), rest.to_owned()));
        assert_eq!(read("/a?ticket=x"), found("x", "/a"));
        assert_eq!(read("/a?b=1&ticket=x&c"), found("x", "/a?b=1&c"));
        assert_eq!(read("/a?b=1"), None);
        assert_eq!(read("/a"), None);
        assert_eq!(read("/a?tickets=x"), None);
        assert_eq!(read("/a?ticket=x&ticket=y"), None, "one of them may be a trap");
    }
}
