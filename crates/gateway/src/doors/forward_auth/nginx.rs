//! nginx with `auth_request`. It knows three answers: 2xx, 401 and 403; everything else is an error
//! to it. So the status that is meant travels in a header beside, and
//! `docs/guide/gateway-nginx.md` has nginx turn it into an answer again.

use axum::extract::State;
use axum::response::Response;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderName, StatusCode};
use ipnet::IpNet;

use super::answer;
use super::subrequest::{Subrequest, Unreadable};
use super::verdict::{allowed, judge, misconfigured};
use crate::{Decision, Facts, Gateway, Refused};

const METHOD: &str = "X-Original-Method";
const SCHEME: &str = "X-Original-Scheme";
const HOST: &str = "X-Original-Host";
const URI: &str = "X-Original-URI";
const FOR: &str = "X-Forwarded-For";

/// The status that the client is to be answered with.
const STATUS: HeaderName = HeaderName::from_static("x-menshen-status");
/// Why, in one word.
const REASON: HeaderName = HeaderName::from_static("x-menshen-reason");
/// Where a browser is to be sent to sign in.
const LOGIN: HeaderName = HeaderName::from_static("x-menshen-login");

pub(super) async fn ask(State(gateway): State<Gateway>, headers: HeaderMap) -> Response {
    match facts(headers, &gateway.rules().config.trusted_proxies) {
        Ok(facts) => say(judge(&gateway, &facts).await, &facts),
        Err(error) => unreadable(&error),
    }
}

pub(super) fn facts(headers: HeaderMap, trusted: &[IpNet]) -> Result<Facts, Unreadable> {
    let told = Subrequest::new(headers);
    let (method, scheme) = (told.method(METHOD)?, told.scheme(SCHEME)?);
    let (host, target) = (told.text(HOST)?, told.text(URI)?);
    let address = told.address(FOR, trusted)?;
    let headers = told.client_headers(&[METHOD, SCHEME, HOST, URI, FOR]);
    Ok(Facts { method, scheme, host, target, headers, address })
}

/// A decision, as far as nginx can be told.
pub(super) fn say(decision: Decision, facts: &Facts) -> Response {
    match decision {
        Decision::Allow(request) => allowed(*request, facts),
        Decision::Refuse(refused) => refuse(&refused),
        Decision::Preflight(mut headers) => {
            answer::set(&mut headers, STATUS, "204");
            answer::empty(StatusCode::FORBIDDEN, headers)
        }
        Decision::Redirect(to) => {
            let mut headers = HeaderMap::new();
            answer::set(&mut headers, STATUS, "302");
            answer::set(&mut headers, LOGIN, &to);
            answer::empty(StatusCode::UNAUTHORIZED, headers)
        }
    }
}

pub(super) fn unreadable(error: &Unreadable) -> Response {
    let mut response = misconfigured(error);
    answer::set(response.headers_mut(), STATUS, "500");
    response
}

fn refuse(refused: &Refused) -> Response {
    let meant = refused.status();
    let status = match meant {
        StatusCode::BAD_REQUEST | StatusCode::TOO_MANY_REQUESTS => StatusCode::FORBIDDEN,
        other => other,
    };
    let mut headers = refused.headers();
    answer::set(&mut headers, STATUS, meant.as_str());
    answer::set(&mut headers, REASON, refused.refusal.code());
    // nginx before 1.23 copies the first line of several.
    let challenges = headers.get_all(WWW_AUTHENTICATE).iter();
    let challenges: Vec<&str> = challenges.filter_map(|value| value.to_str().ok()).collect();
    let joined = challenges.join(", ");
    if !joined.is_empty() {
        answer::set(&mut headers, WWW_AUTHENTICATE, &joined);
    }
    answer::empty(status, headers)
}
