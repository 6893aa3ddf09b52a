//! When something went wrong and there is nowhere to send the person.

use super::sign_in::wait;
use crate::pages::Chrome;
use crate::pages::page::view;

/// Something went wrong.
#[derive(Clone, Debug)]
pub struct ErrorPage {
    /// What it means for the person.
    pub mishap: Mishap,
    /// A stable English phrase, such as `invalid redirect_uri`: the same in every language, for
    /// those who look for the cause.
    pub phrase: String,
    /// Names this very occurrence, for support.
    pub id: String,
    /// Path of the page to begin again on.
    pub again: Option<String>,
}

/// What an error means for the person who sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// The app sent something that we cannot accept; the person can do nothing about it.
    AppMistake,
    /// The page was open for too long, or was used before.
    PageExpired,
    /// A mailed link was open for too long, or was used before.
    LinkExpired,
    /// The form did not come from a page of ours.
    ForeignForm,
    /// There is no such page.
    NotFound,
    /// The person may not do this.
    NotAllowed,
    /// Too many attempts; the wait in seconds.
    TooManyAttempts(u64),
    /// We cannot answer right now.
    Unavailable,
    /// We made a mistake.
    Internal,
}

impl Mishap {
    pub(in crate::pages) fn title(self, chrome: &Chrome) -> String {
        chrome.text(match self {
            Self::AppMistake => "error-app-mistake-title",
            Self::PageExpired => "error-page-expired-title",
            Self::LinkExpired => "error-link-expired-title",
            Self::ForeignForm => "error-foreign-form-title",
            Self::NotFound => "error-not-found-title",
            Self::NotAllowed => "error-not-allowed-title",
            Self::TooManyAttempts(_) => "error-too-many-attempts-title",
            Self::Unavailable => "error-unavailable-title",
            Self::Internal => "error-internal-title",
        })
    }

    pub(in crate::pages) fn sentence(self, chrome: &Chrome) -> String {
        chrome.text(match self {
            Self::AppMistake => "error-app-mistake",
            Self::PageExpired => "error-page-expired",
            Self::LinkExpired => "error-link-expired",
            Self::ForeignForm => "error-foreign-form",
            Self::NotFound => "error-not-found",
            Self::NotAllowed => "error-not-allowed",
            Self::TooManyAttempts(seconds) => return wait(chrome, seconds),
            Self::Unavailable => "error-unavailable",
            Self::Internal => "error-internal",
        })
    }
}

view!(ErrorPage, "error.html", |_, _| ());
