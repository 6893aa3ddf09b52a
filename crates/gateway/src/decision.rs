//! The only judge: facts of a request in, a decision out.

mod cors;
mod limits;
mod telling;

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use crate::browser::cookies;
use crate::config::{Access, Miss, RateBy, Requirements, Rule, Streams, Unauthenticated, Upstream};
use crate::credentials::{self, Presented};
use crate::gateway::{Gateway, Rules, Taken};
use crate::requirements;
use crate::{Door, Facts, Host, Identity, Refusal, Target};

pub(crate) use limits::Limits;
use limits::Sender;

/// What becomes of a request.
#[derive(Clone, Debug)]
pub enum Decision {
    /// It may go on.
    Allow(Box<Allowed>),
    /// It may not.
    Refuse(Box<Refused>),
    /// Its browser is to be sent to this address, on the same host, to sign in.
    Redirect(String),
    /// It is the question of a browser whether a script may send a request (the preflight of the
    /// Fetch standard). The answer is 204 with these headers, and the service behind is not asked.
    /// A door that cannot answer in place of the service says 403 with them, never "go on".
    Preflight(HeaderMap),
}

/// A request that may not go on.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The name of the rule that refused it; `None` when it was refused before any was found.
    pub rule: Option<String>,
    /// Why.
    pub refusal: Refusal,
    /// What is to be added to the answer beside what the refusal itself brings.
    pub answer: HeaderMap,
}

impl Refused {
    /// The status of the answer.
    pub const fn status(&self) -> StatusCode {
        self.refusal.status()
    }

    /// Every header of the answer.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = self.refusal.headers();
        headers.extend(self.answer.clone());
        headers
    }
}

/// A request that may go on.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// The name of the rule that let it through.
    pub rule: String,
    /// Who asks; `None` where everybody may.
    pub identity: Option<Identity>,
    /// What to ask the service behind for.
    pub target: Target,
    /// What the service behind is told. Whatever the client sent that could be taken for one of
    /// these is to be removed first: [`crate::HeaderNames::strip`].
    pub headers: HeaderMap,
    /// Headers of the client that are not for the service behind, at least not as they are:
    /// `Cookie` is here whenever the client sent it, and what is left of it without our own cookies
    /// is in `headers`. A door removes these first, then sets those.
    pub withheld: Vec<HeaderName>,
    /// What is to be added to the answer. Where the service behind says the same, this holds; but
    /// `Vary` and `Set-Cookie` stand beside its own.
    pub answer: HeaderMap,
    /// The service that the reverse proxy hands the request to.
    pub upstream: Option<Arc<Upstream>>,
    /// What becomes of the stream when its session ends.
    pub streams: Streams,
}

/// How a rule fits a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Its name.
    pub rule: String,
    /// The line of the rules file that it begins on.
    pub line: usize,
    /// Why it is not about the request; `None` when it decides.
    pub miss: Option<Miss>,
}

/// The headers by which frameworks let a client change method or path after the fact.
const OVERRIDING: [&str; 5] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];

impl Gateway {
    /// Judges one request.
    pub async fn decide(&self, facts: &Facts) -> Decision {
        let request_id = self.request_id(&self.rules().config, facts);
        self.take(facts, &request_id).await.1
    }

    /// As [`Gateway::decide`], counted and logged.
    pub async fn decide_at(&self, door: Door, facts: &Facts) -> Decision {
        let began_at = self.monotonic();
        let request_id = self.request_id(&self.rules().config, facts);
        let (rule, decision) = self.take(facts, &request_id).await;
        let took = self.monotonic().saturating_sub(began_at);
        let (rule, request_id) = (rule.as_deref(), request_id.as_str());
        let taken = Taken { door, facts, rule, request_id, decision: &decision, took };
        self.telemetry().decided(&taken);
        decision
    }

    /// The decision, and the name of the rule that it was taken by.
    async fn take(&self, facts: &Facts, request_id: &str) -> (Option<String>, Decision) {
        let rules = self.rules();
        let refuse = |rule: Option<&Rule>, refusal| {
            let mut answer = rule.map(|rule| cors::with_refusal(rule, facts)).unwrap_or_default();
            answer.extend(echo(&rules, request_id));
            let rule = rule.map(|rule| rule.name.clone());
            Decision::Refuse(Box::new(Refused { rule, refusal, answer }))
        };
        let (target, rule) = match about(&rules, facts) {
            Ok(found) => found,
            Err(refusal) => return (None, refuse(None, refusal)),
        };
        let name = Some(rule.name.clone());
        if let (Some(method), Some(cors)) = (cors::asked_about(facts), &rule.cors) {
            return (name, Decision::Preflight(cors::preflight(cors, &method, facts)));
        }
        let decision =
            match self.judge(&rules, (rule, &target), facts, request_id).await {
                Ok(allowed) => Decision::Allow(Box::new(allowed)),
                Err(
                    Refusal::Unauthenticated { .. } | Refusal::InsufficientAuthentication { .. },
                ) if wants_login(rule, facts) => Decision::Redirect(login_address(&target)),
                Err(refusal) => refuse(Some(rule), refusal),
            };
        (name, decision)
    }

    async fn judge(
        &self,
        rules: &Rules,
        (rule, target): (&Rule, &Target),
        facts: &Facts,
        request_id: &str,
    ) -> Result<Allowed, Refusal> {
        let by_subject = rule.rate_limit.is_some_and(|limit| limit.by == RateBy::Subject)
            && matches!(rule.access, Access::Authenticated(_));
        if !by_subject {
            // Before the credentials are looked at: to guess them is limited as well.
            rules.limits.take(rule, Sender::Address(facts.address))?;
        }
        let (identity, target) = match &rule.access {
            Access::Deny => return Err(Refusal::Denied),
            Access::Public => (None, target.clone()),
            Access::Authenticated(required) => {
                let (identity, target) = self.identify(required, facts, target).await?;
                (Some(identity), target)
            }
        };
        if let (true, Some(identity)) = (by_subject, &identity) {
            rules.limits.take(rule, Sender::Subject(&identity.subject))?;
        }
        let told = telling::Told { rule, facts, identity: identity.as_ref() };
        let mut headers = self.tell(&rules.config, &told, request_id)?;
        let mut withheld =
            if rule.forward_credentials { Vec::new() } else { telling::CREDENTIALS.to_vec() };
        if facts.headers.contains_key(header::COOKIE) {
            withheld.push(header::COOKIE);
            headers.extend(cookies::others(&facts.headers).map(|others| (header::COOKIE, others)));
        }
        let mut answer = cors::with_answer(rule, facts);
        answer.extend(echo(rules, request_id));
        let upstream = rule.upstream.as_ref().and_then(|name| rules.config.upstreams.get(name));
        Ok(Allowed {
            rule: rule.name.clone(),
            identity,
            target,
            headers,
            withheld,
            answer,
            upstream: upstream.cloned(),
            streams: rule.streams,
        })
    }

    async fn identify(
        &self,
        required: &Requirements,
        facts: &Facts,
        target: &Target,
    ) -> Result<(Identity, Target), Refusal> {
        let challenged = |refusal| credentials::challenged(self, required, refusal);
        let presented = Presented::read(facts, target, required).map_err(challenged)?;
        let identity = credentials::authenticate(self, &presented, facts, required).await;
        let identity = identity.map_err(challenged)?;
        requirements::met(required, &identity, self.now())?;
        let target = match presented {
            Presented::Ticket(_, rest) => rest,
            _ => target.clone(),
        };
        Ok((identity, target))
    }
}

/// The number of the request, for whoever reads the answer and asks about it.
fn echo(rules: &Rules, request_id: &str) -> HeaderMap {
    let name = rules.config.identity.request_id.clone();
    HeaderValue::from_str(request_id).map(|id| (name, id)).into_iter().collect()
}

/// The rule that a request falls under, and its target.
pub(crate) fn about<'a>(rules: &'a Rules, facts: &Facts) -> Result<(Target, &'a Rule), Refusal> {
    let host: Host = facts.host.parse()?;
    let target = Target::parse(&facts.target, rules.config.paths)?;
    let overriding = facts.headers.keys().find(|name| {
        OVERRIDING.iter().any(|known| name.as_str().replace('_', "-").as_str() == *known)
    });
    if let Some(name) = overriding {
        return Err(Refusal::OverridingHeader(name.clone()));
    }
    let about = |method: &Method| {
        rules.config.rules.iter().find(|rule| rule.misses(&host, &target, method).is_none())
    };
    // A preflight falls under the rule of the request that it asks about, if that rule says what
    // scripts may. If not, the service behind may have an answer of its own.
    let asked = cors::asked_about(facts).and_then(|method| about(&method));
    let rule = asked.filter(|rule| rule.cors.is_some()).or_else(|| about(&facts.method));
    Ok((target, rule.ok_or(Refusal::NoRule)?))
}

/// How the rule that decides fits a request, and why each one before it does not.
pub(crate) fn fits(rules: &Rules, facts: &Facts) -> Vec<Fit> {
    let (Ok(host), Ok(target)) =
        (facts.host.parse::<Host>(), Target::parse(&facts.target, rules.config.paths))
    else {
        return Vec::new();
    };
    let decides = about(rules, facts).ok().map(|(_, rule)| rule.line);
    let fit = |rule: &Rule| Fit {
        rule: rule.name.clone(),
        line: rule.line,
        miss: rule.misses(&host, &target, &facts.method).filter(|_| decides != Some(rule.line)),
    };
    let passed_over = |rule: &&Rule| decides.is_none_or(|line| rule.line <= line);
    rules.config.rules.iter().filter(passed_over).map(fit).collect()
}

/// Whether a browser navigates here, and the rule would have it sign in. A script that fetches
/// cannot sign in, and gets 401.
fn wants_login(rule: &Rule, facts: &Facts) -> bool {
    let Access::Authenticated(required) = &rule.access else { return false };
    if required.unauthenticated != Unauthenticated::Login || facts.method != Method::GET {
        return false;
    }
    let says = |name: &str, value: &str| {
        facts.headers.get(name).map(HeaderValue::as_bytes) == Some(value.as_bytes())
    };
    if facts.headers.contains_key("sec-fetch-mode") {
        return says("sec-fetch-mode", "navigate");
    }
    let accept = facts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Where a browser signs in, to come back to where it was.
fn login_address(target: &Target) -> String {
    let back: String =
        url::form_urlencoded::byte_serialize(target.to_string().as_bytes()).collect();
    format!("{LOGIN_PATH}?return_to={back}")
}

/// Where the gateway's own endpoints are, on every host that it guards.
pub const OWN_PATHS: &str = "/.menshen/";

/// Where a browser is sent to sign in.
pub const LOGIN_PATH: &str = "/.menshen/login";

#[cfg(test)]
mod tests;
