//! `envoy.service.auth.v3.Authorization`: the call `Check`.

use std::fmt;
use std::net::IpAddr;

use envoy_types::pb::envoy::config::core::v3::address::Address;
use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer};
use envoy_types::pb::envoy::service::auth::v3::authorization_server::Authorization;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{
    CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse,
};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::rpc;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use http_body_util::{BodyExt as _, Collected};
use tonic::{Code, Request, Response, Status};

use super::{judge, to_remove, unreadable};
use crate::{Allowed, Facts, Gateway, Scheme};

/// The service.
pub(super) struct Check {
    gateway: Gateway,
}

impl Check {
    pub(super) const fn new(gateway: Gateway) -> Self {
        Self { gateway }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").finish_non_exhaustive()
    }
}

#[tonic::async_trait]
impl Authorization for Check {
    /// Everything that is decided is an answer; an error of the call would leave it to Envoy's
    /// `failure_mode_allow` whether the request goes on.
    async fn check(
        &self,
        request: Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        let Some(facts) = facts(request.into_inner()) else {
            return Ok(Response::new(denied(unreadable()).await));
        };
        let response = match judge(&self.gateway, &facts).await {
            Ok(allowed) => ok(&allowed, &to_remove(&self.gateway, &facts, &allowed), &facts),
            Err(answer) => denied(answer).await,
        };
        Ok(Response::new(response))
    }
}

/// What Envoy says about a request; `None` when it says nothing that a request could be.
fn facts(asked: CheckRequest) -> Option<Facts> {
    let attributes = asked.attributes?;
    let address = address(attributes.source?)?;
    let request = attributes.request?.http?;
    let scheme = match request.scheme.as_str() {
        "https" => Scheme::Https,
        _ => Scheme::Http,
    };
    Some(Facts {
        method: Method::from_bytes(request.method.as_bytes()).ok()?,
        scheme,
        host: request.host.clone(),
        target: request.path.clone(),
        headers: headers(request)?,
        address,
    })
}

/// Envoy's idea of the client's address, which minds `xff_num_trusted_hops`.
fn address(source: Peer) -> Option<IpAddr> {
    match source.address?.address? {
        Address::SocketAddress(socket) => socket.address.parse().ok(),
        _ => None,
    }
}

/// Line by line with `encode_raw_headers`; without it Envoy has joined lines of one name by commas.
/// A header that cannot be read may mean something to the service behind, so it is not left out.
fn headers(request: HttpRequest) -> Option<HeaderMap> {
    let joined = request.headers.into_iter().map(|(name, value)| (name, value.into_bytes()));
    let raw = request.header_map.map(|map| map.headers).unwrap_or_default();
    let raw = raw.into_iter().map(|HeaderValue { key, value, raw_value }| {
        (key, if raw_value.is_empty() { value.into_bytes() } else { raw_value })
    });
    let mut headers = HeaderMap::new();
    for (name, value) in joined.chain(raw).filter(|(name, _)| !name.starts_with(':')) {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, http::HeaderValue::from_bytes(&value).ok()?);
    }
    Some(headers)
}

/// The path goes along where it is to be asked for in another form than the client's.
fn ok(allowed: &Allowed, removed: &[HeaderName], facts: &Facts) -> CheckResponse {
    let mut headers = options(&allowed.headers);
    let target = allowed.target.to_string();
    if target != facts.target {
        headers.push(option(":path", target, HeaderAppendAction::OverwriteIfExistsOrAdd));
    }
    let response = OkHttpResponse {
        headers,
        headers_to_remove: removed.iter().map(ToString::to_string).collect(),
        response_headers_to_add: options(&allowed.answer),
        ..OkHttpResponse::default()
    };
    CheckResponse {
        status: Some(rpc::Status::default()),
        http_response: Some(HttpResponse::OkResponse(response)),
        ..CheckResponse::default()
    }
}

async fn denied(answer: axum::response::Response) -> CheckResponse {
    let (parts, body) = answer.into_parts();
    // Our own answers are of one piece: collecting them cannot fail.
    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    let response = DeniedHttpResponse {
        status: Some(HttpStatus { code: i32::from(parts.status.as_u16()) }),
        headers: options(&parts.headers),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let code = match parts.status {
        StatusCode::UNAUTHORIZED | StatusCode::FOUND => Code::Unauthenticated,
        _ => Code::PermissionDenied,
    };
    CheckResponse {
        status: Some(rpc::Status { code: code.into(), ..rpc::Status::default() }),
        http_response: Some(HttpResponse::DeniedResponse(response)),
        ..CheckResponse::default()
    }
}

/// The first line of a name replaces what is there, the others go beside it.
fn options(headers: &HeaderMap) -> Vec<HeaderValueOption> {
    let mut options = Vec::with_capacity(headers.len());
    for name in headers.keys() {
        let mut action = HeaderAppendAction::OverwriteIfExistsOrAdd;
        for value in headers.get_all(name) {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            options.push(option(name.as_str(), value, action));
            action = HeaderAppendAction::AppendIfExistsOrAdd;
        }
    }
    options
}

fn option(name: &str, value: String, action: HeaderAppendAction) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue { key: name.to_owned(), value, ..HeaderValue::default() }),
        append_action: action.into(),
        keep_empty_value: true,
        ..HeaderValueOption::default()
    }
}
