//! JSON bodies, paths and query parameters of the account, admin and feed API, read strictly.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use menshen_store::Page;
use menshen_token::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::error::ApiError;

/// The longest body that is read.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// A JSON body of a known shape: an unknown member, a member given twice or one of the wrong
/// type is refused, with its name.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        serde_json::from_slice(&read(request).await?)
            .map(Self)
            .map_err(|error| ApiError::Invalid(format!("the body is not as it should be: {error}")))
    }
}

/// The bytes of a body that says it is JSON.
///
/// # Errors
///
/// [`ApiError::UnsupportedMediaType`], [`ApiError::TooLarge`], [`ApiError::Invalid`].
pub(crate) async fn read(request: Request) -> Result<Bytes, ApiError> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let media = content_type.and_then(|value| value.to_str().ok()).unwrap_or("");
    let media = media.split(';').next().unwrap_or("").trim();
    if !media.eq_ignore_ascii_case("application/json") {
        return Err(ApiError::UnsupportedMediaType);
    }
    let body = Limited::new(request.into_body(), MAX_BODY_BYTES).collect().await;
    let body = body.map_err(|error| {
        if error.downcast_ref::<LengthLimitError>().is_some() {
            ApiError::TooLarge
        } else {
            ApiError::Invalid("the request body broke off".to_owned())
        }
    })?;
    Ok(body.to_bytes())
}

/// Query parameters of a known shape.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|error| ApiError::Invalid(error.body_text()))
    }
}

/// The part of the path that a route leaves open.
pub(crate) struct Path(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Path {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(part)| Self(part))
            .map_err(|error| ApiError::Invalid(error.body_text()))
    }
}

/// Which part of a list is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// The id that the page before ended with.
    after: Option<String>,
    /// The most items to give, 1 to 1,000; 100 by default.
    limit: Option<u32>,
}

impl Paging {
    const DEFAULT_LIMIT: u32 = 100;

    /// For lists that are asked for with more than this.
    pub(crate) const fn new(after: Option<String>, limit: Option<u32>) -> Self {
        Self { after, limit }
    }

    /// The page to read.
    ///
    /// # Errors
    ///
    /// [`ApiError::Invalid`] when the limit is out of range.
    pub(crate) fn page(&self) -> Result<Page, ApiError> {
        let limit = self.limit();
        if !(1..=1_000).contains(&limit) {
            return Err(ApiError::Invalid("`limit` is 1 to 1000".to_owned()));
        }
        Ok(Page { after: self.after.clone(), limit })
    }

    /// What to give as `after` for the next page; nothing after a page that is not full.
    pub(crate) fn next<T>(&self, items: &[T], id_of: impl Fn(&T) -> String) -> Option<String> {
        let full = items.len() >= self.limit() as usize;
        items.last().filter(|_| full).map(id_of)
    }

    fn limit(&self) -> u32 {
        self.limit.unwrap_or(Self::DEFAULT_LIMIT)
    }
}

/// An instant as RFC 3339 writes it, in UTC, to the millisecond.
pub(crate) fn instant(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(at) => format!("{at:.3}"),
        Err(_) => at.to_string(),
    }
}
