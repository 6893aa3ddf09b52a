//! Guards for single routes, inside of a [`crate::VerifyLayer`].

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::{Either, Ready, ready};
use http::{Request, Response};
use tower::{Layer, Service};

use crate::{Rejection, Schemes, Verified};

/// Refuses tokens without these scope values (separated by spaces) with 403. Belongs inside of
/// a [`crate::VerifyLayer`]: without one it refuses everything.
pub fn require_scope(scope: impl Into<Arc<str>>) -> RequireScope {
    RequireScope(scope.into())
}

/// Refuses tokens of users without this role with 403. Belongs inside of a
/// [`crate::VerifyLayer`]: without one it refuses everything.
pub fn require_role(role: impl Into<Arc<str>>) -> RequireRole {
    RequireRole(role.into())
}

/// From [`require_scope`].
#[derive(Clone, Debug)]
pub struct RequireScope(Arc<str>);

/// From [`require_role`].
#[derive(Clone, Debug)]
pub struct RequireRole(Arc<str>);

impl<S> Layer<S> for RequireScope {
    type Service = Requires<S>;

    fn layer(&self, inner: S) -> Requires<S> {
        Requires { inner, requirement: Requirement::Scope(Arc::clone(&self.0)) }
    }
}

impl<S> Layer<S> for RequireRole {
    type Service = Requires<S>;

    fn layer(&self, inner: S) -> Requires<S> {
        Requires { inner, requirement: Requirement::Role(Arc::clone(&self.0)) }
    }
}

/// Lets through requests whose [`Verified`] token allows them.
#[derive(Clone, Debug)]
pub struct Requires<S> {
    inner: S,
    requirement: Requirement,
}

#[derive(Clone, Debug)]
enum Requirement {
    Scope(Arc<str>),
    Role(Arc<str>),
}

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for Requires<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    ResponseBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<Ready<Result<S::Response, S::Error>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let verified = request.extensions().get::<Verified>();
        let judged =
            verified.ok_or(Rejection::Missing).and_then(|verified| match &self.requirement {
                Requirement::Scope(scope) => verified.require_scope(scope),
                Requirement::Role(role) => verified.require_role(role),
            });
        match judged {
            Ok(()) => Either::Right(self.inner.call(request)),
            Err(rejection) => Either::Left(ready(Ok(rejection.response(Schemes::Bearer)))),
        }
    }
}
