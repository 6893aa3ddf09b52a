//! `envoy.service.auth.v3.Authorization`: the call `Check`.

use std::net::IpAddr;

use axum::extract::State;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use http_body_util::{BodyExt as _, Collected};
use tonic::server::Grpc;
use tonic::{Code, Request, Response};
use tonic_prost::ProstCodec;

use super::messages::{
    CheckRequest, CheckResponse, DeniedHttpResponse, HeaderAppendAction, HeaderValue,
    HeaderValueOption, HttpRequest, HttpResponse, HttpStatus, OkHttpResponse, Peer, Status,
};
use super::{judge, to_remove, unreadable};
use crate::{Allowed, Facts, Gateway, Scheme};

/// Takes the call apart, and puts its answer together.
pub(super) async fn ask(
    State(gateway): State<Gateway>,
    request: axum::extract::Request,
) -> http::Response<tonic::body::Body> {
    let check = tower::service_fn(move |asked: Request<CheckRequest>| {
        let gateway = gateway.clone();
        async move { Ok(Response::new(check(&gateway, asked.into_inner()).await)) }
    });
    Grpc::new(ProstCodec::default()).unary(check, request).await
}

/// Everything that is decided is an answer; an error of the call would leave it to Envoy's
/// `failure_mode_allow` whether the request goes on.
async fn check(gateway: &Gateway, asked: CheckRequest) -> CheckResponse {
    let Some(facts) = facts(asked) else {
        return denied(unreadable()).await;
    };
    match judge(gateway, &facts).await {
        Ok(allowed) => ok(&allowed, &to_remove(gateway, &facts, &allowed), &facts),
        Err(answer) => denied(answer).await,
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
    source.address?.socket_address?.address.parse().ok()
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
    };
    CheckResponse {
        status: Some(Status::default()),
        http_response: Some(HttpResponse::Ok(response)),
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
        status: Some(Status { code: code.into() }),
        http_response: Some(HttpResponse::Denied(response)),
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
    }
}
