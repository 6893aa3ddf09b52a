//! What a person is told when there is nowhere to send them: a page with a stable phrase, and an id
//! that support finds in the log.

use axum::http::StatusCode;
use axum::response::Response;
use menshen_store::StoreError;
use menshen_token::Jti;

use crate::app::App;
use crate::browser::ForeignForm;
use crate::error::OAuthError;
use crate::oauth::authorize::request::Lost;
use crate::pages::{Chrome, ErrorPage, Mishap};

/// Something that a person is told.
#[derive(Debug)]
pub(crate) struct Trouble {
    status: StatusCode,
    mishap: Mishap,
    phrase: String,
}

impl Trouble {
    /// What an app has done wrong.
    pub(crate) fn mistake(phrase: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Mishap::AppMistake, phrase)
    }

    /// The page was open for too long.
    pub(crate) fn expired() -> Self {
        Self::new(StatusCode::BAD_REQUEST, Mishap::PageExpired, "page expired")
    }

    /// A mailed link was used before, or is too old.
    pub(crate) fn expired_link() -> Self {
        Self::new(StatusCode::BAD_REQUEST, Mishap::LinkExpired, "link expired")
    }

    /// There is no such thing, or it is somebody else's.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, Mishap::NotFound, "not found")
    }

    fn new(status: StatusCode, mishap: Mishap, phrase: &str) -> Self {
        Self { status, mishap, phrase: phrase.to_owned() }
    }

    /// The page.
    pub(crate) fn show(self, app: &App, chrome: &Chrome) -> Response {
        let id = Jti::from_bytes(app.random()).to_string();
        let id = id.get(..10).unwrap_or(&id).to_owned();
        tracing::info!(error.id = %id, error.phrase = %self.phrase, "somebody is shown an error");
        let page = ErrorPage { mishap: self.mishap, phrase: self.phrase, id, again: None };
        chrome.page(self.status, &page)
    }
}

impl From<ForeignForm> for Trouble {
    fn from(_: ForeignForm) -> Self {
        Self::new(StatusCode::FORBIDDEN, Mishap::ForeignForm, "foreign form")
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        OAuthError::from(error).into()
    }
}

impl From<OAuthError> for Trouble {
    fn from(error: OAuthError) -> Self {
        let mishap = match &error {
            OAuthError::Unavailable => Mishap::Unavailable,
            OAuthError::Internal => Mishap::Internal,
            OAuthError::TooManyAttempts(wait) => Mishap::TooManyAttempts(wait.as_secs().max(1)),
            _ => Mishap::AppMistake,
        };
        Self::new(error.status(), mishap, &error.to_string())
    }
}

impl From<Lost> for Trouble {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Mistake(phrase) => Self::mistake(phrase),
            Lost::Expired => Self::expired(),
            Lost::Error(error) => error.into(),
        }
    }
}
