//! The gateway's own endpoints, under `/.menshen/` on every host that it guards.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use url::form_urlencoded;

use super::page::{Reply, empty, json, page};
use super::{account, backchannel, login, logout, tickets};
use crate::config::{Access, Authentication, Requirements};
use crate::gateway::{Gateway, Rules};
use crate::{Facts, Host, OWN_PATHS, Refusal, Target};

/// The longest body that one of them reads.
pub(crate) const BODY_LIMIT_BYTES: usize = 64 * 1024;

/// Answers a request for one of them. Host and scheme are those that the browser knows.
pub(crate) async fn answer(gateway: &Gateway, facts: &Facts, body: &[u8]) -> Reply {
    let rules = gateway.rules_owned();
    let Some(call) = Call::new(gateway, &rules, facts, body) else {
        return empty(StatusCode::NOT_FOUND);
    };
    let path = facts.target.split('?').next().unwrap_or_default();
    let answered = match (path.strip_prefix(OWN_PATHS).unwrap_or_default(), &facts.method) {
        ("login", &Method::GET) => login::begin(&call).await,
        ("callback", &Method::GET) => login::finish(&call).await,
        ("logout", &Method::GET) => Ok(logout::ask()),
        ("logout", &Method::POST) => logout::post(&call).await,
        ("session", &Method::GET) => account::get(&call).await,
        ("session", &Method::POST) => account::post(&call).await,
        ("session", &Method::DELETE) => account::delete(&call).await,
        ("backchannel-logout", &Method::POST) => backchannel::post(&call).await,
        ("ticket", &Method::POST) => tickets::post(&call).await,
        ("login" | "callback" | "logout" | "session" | "backchannel-logout" | "ticket", _) => {
            Ok(empty(StatusCode::METHOD_NOT_ALLOWED))
        }
        _ => Ok(empty(StatusCode::NOT_FOUND)),
    };
    answered.unwrap_or_else(|refusal| refused(&refusal, &facts.headers))
}

/// One request, with what it takes to answer it.
pub(super) struct Call<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) rules: &'a Rules,
    pub(super) facts: &'a Facts,
    pub(super) host: Host,
    pub(super) body: &'a [u8],
}

impl<'a> Call<'a> {
    /// `None` when there is nothing here for browsers.
    fn new(
        gateway: &'a Gateway,
        rules: &'a Rules,
        facts: &'a Facts,
        body: &'a [u8],
    ) -> Option<Self> {
        gateway.browsers()?;
        let host: Host = facts.host.parse().ok()?;
        let is_guarded = |rule: &&crate::config::Rule| {
            matches!(rule.access, Access::Authenticated(_))
                && rule.hosts.iter().any(|pattern| pattern.fits(&host))
        };
        rules.config.rules.iter().find(is_guarded)?;
        Some(Self { gateway, rules, facts, host, body })
    }

    /// A parameter of the query that is there once.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        let query = self.facts.target.split_once('?').map(|(_, query)| query)?;
        single(query.as_bytes(), name)
    }

    /// A field of the form that is there once.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        single(self.body, name)
    }

    /// What the rule requires that a request to this host falls under.
    pub(super) fn requirements(
        &self,
        method: &Method,
        target: &Target,
    ) -> Option<&'a Requirements> {
        let fits = |rule: &&crate::config::Rule| rule.misses(&self.host, target, method).is_none();
        match &self.rules.config.rules.iter().find(fits)?.access {
            Access::Authenticated(required) => Some(required),
            Access::Public | Access::Deny => None,
        }
    }

    /// What the rules of this host require that take sessions.
    pub(super) fn all_requirements(&self) -> impl Iterator<Item = &'a Requirements> {
        self.rules.config.rules.iter().filter_map(|rule| match &rule.access {
            Access::Authenticated(required)
                if required.authenticate.contains(&Authentication::Session)
                    && rule.hosts.iter().any(|pattern| pattern.fits(&self.host)) =>
            {
                Some(required)
            }
            _ => None,
        })
    }

    /// What the first of them requires.
    pub(super) fn first_requirements(&self) -> Option<&'a Requirements> {
        self.all_requirements().next()
    }

    /// 32 random bytes, which nobody can guess.
    pub(super) fn secret(&self) -> String {
        self.gateway.secret()
    }
}

fn single(pairs: &[u8], name: &str) -> Option<String> {
    let mut found = form_urlencoded::parse(pairs).filter(|(found, _)| found == name);
    let value = found.next()?.1.into_owned();
    if found.next().is_some() { None } else { Some(value) }
}

/// A refusal as a page for people, and as a document for programs.
fn refused(refusal: &Refusal, headers: &HeaderMap) -> Reply {
    let accept = headers.get(header::ACCEPT).map(HeaderValue::as_bytes).unwrap_or_default();
    let wants_page = String::from_utf8_lossy(accept).contains("text/html");
    let mut reply = if wants_page {
        let heading = match refusal {
            Refusal::Unavailable => "Please try again in a moment",
            Refusal::CrossSite => "This was not sent by this site",
            _ => "This did not work",
        };
        page(refusal.status(), heading, "<p><a href=\"/\">Go back to the start</a></p>")
    } else {
        json(refusal.status(), &serde_json::json!({ "error": refusal.code() }))
    };
    reply.headers_mut().extend(refusal.headers());
    reply
}
