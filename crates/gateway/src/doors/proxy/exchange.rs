//! One request: judged, handed on, answered.

use std::sync::Arc;

use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::request::Parts;
use http::{Request, Response, StatusCode, Version};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

use super::answer::{self, Fault};
use super::body::{Outgoing, Progress, Watched};
use super::connection::Connection;
use super::headers;
use super::live_streams::{self, Lease};
use super::pool::HttpClient;
use super::sender::Sender;
use super::sending::{Outbound, Sending};
use super::tunnel::Tunnel;
use super::wire::UnderWay;
use crate::config::{Streams, Upstream};
use crate::{Allowed, Decision, Door, Facts, OWN_PATHS, Target};

/// A request on its connection.
pub(super) struct Exchange {
    pub(super) connection: Arc<Connection>,
    pub(super) under_way: UnderWay,
}

/// Answers a request.
pub(super) async fn answer(exchange: Exchange, request: Request<Incoming>) -> Response<Outgoing> {
    let (head, body) = request.into_parts();
    match exchange.judge(&head).await {
        Ok(Judged::Own(facts)) => exchange.own(facts, Request::from_parts(head, body)).await,
        Ok(Judged::Allowed(allowed, sender)) => {
            let asked = head.headers.clone();
            let handed = exchange.hand_on(*allowed, &sender, Request::from_parts(head, body)).await;
            handed.unwrap_or_else(|fault| fault.answer(&asked))
        }
        Err(response) => *response,
    }
}

enum Judged {
    /// For an endpoint of the gateway itself.
    Own(Facts),
    /// For a service behind.
    Allowed(Box<Allowed>, Sender),
}

impl Exchange {
    async fn judge(&self, head: &Parts) -> Result<Judged, Box<Response<Outgoing>>> {
        let asked = &head.headers;
        let proxy = &self.connection.proxy;
        let problem = |status, code, detail| Box::new(answer::problem(asked, status, code, detail));
        if matches!(head.method.as_str(), "CONNECT" | "TRACE" | "TRACK") {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            return Err(problem(status, "method_not_allowed", "this method is for no service"));
        }
        if !headers::transfer_coding_is_plain(asked) {
            let status = StatusCode::BAD_REQUEST;
            return Err(problem(status, "transfer_coding", "the only transfer coding is chunked"));
        }
        let rules = proxy.gateway.rules().clone();
        let sender = Sender::of(self.connection.peer, head, &rules.config.trusted_proxies)
            .map_err(|error| Box::new(answer::refusal(&error.into(), asked)))?;
        let target = head.uri.path_and_query().map_or("", |target| target.as_str());
        let facts = Facts {
            method: head.method.clone(),
            scheme: sender.scheme,
            host: sender.host.clone(),
            target: target.to_owned(),
            headers: asked.clone(),
            address: sender.address,
        };
        let is_own = Target::parse(target, rules.config.paths)
            .is_ok_and(|target| target.path().starts_with(OWN_PATHS));
        if is_own {
            return Ok(Judged::Own(facts));
        }
        match proxy.gateway.decide_at(Door::Proxy, &facts).await {
            Decision::Allow(allowed) => Ok(Judged::Allowed(allowed, sender)),
            Decision::Refuse(refused) => Err(Box::new(answer::refused(&refused, asked))),
            Decision::Preflight(headers) => Err(Box::new(answer::preflight(headers))),
            Decision::Redirect(to) => Err(Box::new(answer::redirect(&to))),
        }
    }

    /// Answers at an endpoint of the gateway, which finds the facts in the request's extensions.
    async fn own(self, facts: Facts, mut request: Request<Incoming>) -> Response<Outgoing> {
        let limits = self.connection.proxy.gateway.rules().config.limits;
        request.extensions_mut().insert(facts);
        let request = request.map(|body| {
            axum::body::Body::new(Watched::request(
                body,
                limits.close_after_silence,
                Progress::default(),
            ))
        });
        let router = self.connection.proxy.own.clone();
        let Ok(response) = tower::ServiceExt::oneshot(router, request).await;
        // A body of ours is there at once, so the request counts as over with it.
        drop(self.under_way);
        response
            .map(|body| body.map_err(|error| super::body::Broken::Own(error.into())).boxed_unsync())
    }

    async fn hand_on(
        self,
        allowed: Allowed,
        sender: &Sender,
        mut request: Request<Incoming>,
    ) -> Result<Response<Outgoing>, Fault> {
        let upstream = Arc::clone(allowed.upstream.as_ref().ok_or(Fault::Nothing)?);
        let wanted = match request.version() {
            Version::HTTP_11 => headers::upgrade(request.headers()),
            _ => None,
        };
        let client = wanted.as_ref().map(|_| hyper::upgrade::on(&mut request));
        let mut lease = self.lease(&allowed)?;
        let (asked, body) = request.into_parts();
        let progress = Progress::default();
        let patience = self.connection.proxy.gateway.rules().config.limits.close_after_silence;
        let body = (!body.is_end_stream())
            .then(|| Watched::request(body, patience, progress.clone()).boxed_unsync());
        let again = asked.method.is_idempotent() && body.is_none();
        let rules = self.connection.proxy.gateway.rules().clone();
        let names = &rules.config.identity;
        let sending = Sending {
            client: self.client(&upstream, wanted.as_ref())?,
            head: Outbound {
                allowed: &allowed,
                upstream: &upstream,
                sender,
                wanted: wanted.as_ref(),
            }
            .head(&asked, names)?,
            progress,
            again,
            answer_within: upstream.answer_within,
        };
        let answered = async {
            match &mut lease {
                Some(lease) => tokio::select! {
                    answer = sending.send(body) => answer,
                    () = lease.over() => Err(Fault::SessionEnded),
                },
                None => sending.send(body).await,
            }
        };
        let mut response = answered.await?;
        let patience = upstream.close_after_silence;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let service = hyper::upgrade::on(&mut response);
            let client = client.ok_or(Fault::Broken)?;
            let stopped = self.connection.stopped.clone();
            let tunnel = Tunnel { client, service, patience, lease, stopped };
            return self.switch(tunnel, response, wanted.as_ref(), &allowed);
        }
        let (mut head, body) = response.into_parts();
        head.headers = headers::for_client(head.headers, &allowed);
        head.version = Version::HTTP_11;
        let body = Watched::answer(body, patience, lease, self.under_way).boxed_unsync();
        Ok(Response::from_parts(head, body))
    }

    /// Lets both sides speak the protocol that the client asked for, and no other.
    fn switch(
        self,
        tunnel: Tunnel,
        response: Response<Incoming>,
        wanted: Option<&HeaderValue>,
        allowed: &Allowed,
    ) -> Result<Response<Outgoing>, Fault> {
        let (mut head, _) = response.into_parts();
        let given = head.headers.get(UPGRADE).cloned().ok_or(Fault::Broken)?;
        let asked_for =
            wanted.is_some_and(|wanted| wanted.as_bytes().eq_ignore_ascii_case(given.as_bytes()));
        if !asked_for {
            return Err(Fault::Broken);
        }
        head.headers = headers::for_client(head.headers, allowed);
        head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        head.headers.insert(UPGRADE, given);
        let place = Arc::clone(&self.connection.place);
        tokio::spawn(async move {
            tunnel.carry().await;
            drop((place, self));
        });
        Ok(Response::from_parts(head, super::body::of_text("")))
    }

    /// The connections to the service behind.
    fn client(
        &self,
        upstream: &Arc<Upstream>,
        wanted: Option<&HeaderValue>,
    ) -> Result<HttpClient, Fault> {
        let pool = self.connection.proxy.pools.of(upstream).map_err(|problem| {
            tracing::error!(problem = %problem, "a service cannot be spoken to");
            Fault::Unreachable
        })?;
        Ok(if wanted.is_some() { pool.upgrades.clone() } else { pool.requests.clone() })
    }

    /// What ends the request with its session, unless the rule lets it go on. A session that ended
    /// between the decision and now is found here.
    fn lease(&self, allowed: &Allowed) -> Result<Option<Lease>, Fault> {
        let gateway = &self.connection.proxy.gateway;
        let (Some(identity), Streams::Close) = (&allowed.identity, allowed.streams) else {
            return Ok(None);
        };
        let lease = gateway.live_streams().hold(identity.clone());
        let gone = |verifier| live_streams::is_revoked(verifier, identity);
        if gateway.verifier().is_some_and(gone) {
            return Err(Fault::SessionEnded);
        }
        Ok(Some(lease))
    }
}
