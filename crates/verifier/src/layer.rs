//! The tower layer: checks each request and puts a [`Verified`] into its extensions.
//!
//! Works with any service over `http::Request`; axum is one.

#[cfg(feature = "axum")]
mod extract;
mod guard;

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either, Ready, ready};
use http::{Request, Response};
use tower::{Layer, Service};
use url::Url;

#[cfg(feature = "axum")]
pub use extract::Claims;
pub use guard::{RequireRole, RequireScope, Requires, require_role, require_scope};

use crate::verifier::Checked;
use crate::{Policy, Presented, Rejection, Schemes, Verified, Verifier};

/// Puts [`Verify`] in front of a service. From [`Verifier::layer`].
#[derive(Clone, Debug)]
pub struct VerifyLayer {
    route: Arc<Route>,
}

#[derive(Clone, Debug)]
struct Route {
    verifier: Verifier,
    policy: Policy,
    base_url: Option<Url>,
    scopes: Vec<String>,
    roles: Vec<String>,
}

impl VerifyLayer {
    pub(crate) fn new(verifier: Verifier) -> Self {
        let policy = verifier.policy();
        let (scopes, roles) = (Vec::new(), Vec::new());
        Self { route: Arc::new(Route { verifier, policy, base_url: None, scopes, roles }) }
    }

    /// What to do on these routes while the rules are too old, instead of what the verifier
    /// does elsewhere.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.route_mut().policy = policy;
        self
    }

    /// Also takes tokens by the `DPoP` scheme (RFC 9449). `base_url` is what stands before the
    /// path of a request as clients see it, such as `https://api.example.com`: it is told, not
    /// taken from the request, where a client could choose it.
    #[must_use]
    pub fn dpop(mut self, base_url: Url) -> Self {
        self.route_mut().base_url = Some(base_url);
        self
    }

    /// Refuses tokens without this scope value with 403.
    #[must_use]
    pub fn require_scope(mut self, scope: impl Into<String>) -> Self {
        self.route_mut().scopes.push(scope.into());
        self
    }

    /// Refuses tokens of users without this role with 403.
    #[must_use]
    pub fn require_role(mut self, role: impl Into<String>) -> Self {
        self.route_mut().roles.push(role.into());
        self
    }

    fn route_mut(&mut self) -> &mut Route {
        Arc::make_mut(&mut self.route)
    }
}

impl<S> Layer<S> for VerifyLayer {
    type Service = Verify<S>;

    fn layer(&self, inner: S) -> Verify<S> {
        Verify { inner, route: Arc::clone(&self.route) }
    }
}

/// Checks each request before the service behind it sees it.
#[derive(Clone, Debug)]
pub struct Verify<S> {
    inner: S,
    route: Arc<Route>,
}

/// The usual answer needs no allocation: a refusal, or what the service behind answers.
type Answer<S, R, B> = Either<
    Either<Ready<Result<Response<B>, <S as Service<R>>::Error>>, <S as Service<R>>::Future>,
    BoxFuture<'static, Result<Response<B>, <S as Service<R>>::Error>>,
>;

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for Verify<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    RequestBody: Send + 'static,
    ResponseBody: Default + Send + 'static,
{
    type Response = Response<ResponseBody>;
    type Error = S::Error;
    type Future = Answer<S, Request<RequestBody>, ResponseBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        match self.route.check(&request) {
            Err(rejection) => {
                let response = rejection.response(self.route.schemes());
                Either::Left(Either::Left(ready(Ok(response))))
            }
            Ok(Judged::Admitted(verified)) => {
                request.extensions_mut().insert(verified);
                Either::Left(Either::Right(self.inner.call(request)))
            }
            Ok(Judged::Ask { token, verified }) => {
                // The clone left behind has not been polled ready; this one has.
                let fresh = self.inner.clone();
                let mut inner = std::mem::replace(&mut self.inner, fresh);
                let route = Arc::clone(&self.route);
                let asked = async move {
                    match route.verifier.ask(&token, verified).await {
                        Err(rejection) => Ok(rejection.response(route.schemes())),
                        Ok(verified) => {
                            request.extensions_mut().insert(verified);
                            inner.call(request).await
                        }
                    }
                };
                Either::Right(asked.boxed())
            }
        }
    }
}

enum Judged {
    Admitted(Verified),
    /// The rules are too old: ask the issuer.
    Ask {
        token: String,
        verified: Verified,
    },
}

impl Route {
    fn check<B>(&self, request: &Request<B>) -> Result<Judged, Rejection> {
        let url = self.base_url.as_ref().map(|base_url| target(base_url, request.uri().path()));
        let presented = Presented::from_headers(request.headers(), request.method(), url.as_ref())?;
        Ok(match self.verifier.check(presented, self.policy)? {
            Checked::Proven(verified) => Judged::Admitted(self.allowed(verified)?),
            Checked::Unproven(verified) => {
                Judged::Ask { token: presented.token.to_owned(), verified: self.allowed(verified)? }
            }
        })
    }

    fn allowed(&self, verified: Verified) -> Result<Verified, Rejection> {
        self.scopes.iter().try_for_each(|scope| verified.require_scope(scope))?;
        self.roles.iter().try_for_each(|role| verified.require_role(role))?;
        Ok(verified)
    }

    fn schemes(&self) -> Schemes {
        if self.base_url.is_some() { Schemes::BearerAndDpop } else { Schemes::Bearer }
    }
}

fn target(base_url: &Url, path: &str) -> Url {
    let mut url = base_url.clone();
    url.set_path(&format!("{}{path}", base_url.path().trim_end_matches('/')));
    url
}
