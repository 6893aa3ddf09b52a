//! Which scripts of other sites may send requests and read the answers (Fetch standard, CORS
//! protocol). An origin is never reflected: it is named in the rule, or gets nothing.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::Facts;
use crate::config::{Cors, Rule};

/// The method that a preflight asks about; `None` for every other request.
pub(super) fn asked_about(facts: &Facts) -> Option<Method> {
    if facts.method != Method::OPTIONS || !facts.headers.contains_key(ORIGIN) {
        return None;
    }
    only(&facts.headers, &ACCESS_CONTROL_REQUEST_METHOD)?.as_bytes().try_into().ok()
}

/// The answer to a preflight about a request that falls under this rule. To an origin that may
/// not, it allows nothing.
pub(super) fn preflight(cors: &Cors, method: &Method, facts: &Facts) -> HeaderMap {
    let mut answer = HeaderMap::new();
    let varies = "origin, access-control-request-method, access-control-request-headers";
    answer.insert(VARY, HeaderValue::from_static(varies));
    if !allow_origin(cors, facts, &mut answer) {
        return answer;
    }
    set(&mut answer, ACCESS_CONTROL_ALLOW_METHODS, method.as_str());
    set_names(&mut answer, ACCESS_CONTROL_ALLOW_HEADERS, cors.headers.iter());
    if let Some(max_age) = cors.max_age {
        set(&mut answer, ACCESS_CONTROL_MAX_AGE, &max_age.as_secs().to_string());
    }
    answer
}

/// What goes with the answer of the service behind.
pub(super) fn with_answer(rule: &Rule, facts: &Facts) -> HeaderMap {
    readable(rule, facts, &[])
}

/// What goes with a refusal, so that a script can tell a 401 from a network that is down.
pub(super) fn with_refusal(rule: &Rule, facts: &Facts) -> HeaderMap {
    readable(rule, facts, &[WWW_AUTHENTICATE, RETRY_AFTER])
}

fn readable(rule: &Rule, facts: &Facts, also: &[HeaderName]) -> HeaderMap {
    let mut answer = HeaderMap::new();
    let Some(cors) = &rule.cors else { return answer };
    answer.insert(VARY, HeaderValue::from_static("origin"));
    if allow_origin(cors, facts, &mut answer) {
        set_names(&mut answer, ACCESS_CONTROL_EXPOSE_HEADERS, cors.expose.iter().chain(also));
    }
    answer
}

/// Names the origin of the request in the answer, if it is one that may.
fn allow_origin(cors: &Cors, facts: &Facts, answer: &mut HeaderMap) -> bool {
    let Some(origin) = only(&facts.headers, &ORIGIN) else { return false };
    let named = cors.origins.iter().any(|known| known.as_bytes() == origin.as_bytes());
    // A page in a sandbox and a file on the disk send `null`, whoever wrote them.
    let every = origin != "null" && cors.origins.iter().any(|known| known == "*");
    if !named && !every {
        return false;
    }
    let allowed = if every { HeaderValue::from_static("*") } else { origin.clone() };
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    if cors.credentials {
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    true
}

/// A header that came once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

fn set_names<'a>(
    answer: &mut HeaderMap,
    name: HeaderName,
    names: impl Iterator<Item = &'a HeaderName>,
) {
    let names: Vec<&str> = names.map(HeaderName::as_str).collect();
    if !names.is_empty() {
        set(answer, name, &names.join(", "));
    }
}

fn set(answer: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.insert(name, value);
    }
}
