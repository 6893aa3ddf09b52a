//! Whose account it is: whoever is signed in in the browser that asks.

use axum::extract::Request;
use axum::response::Response;

use super::home;
use crate::browser::Held;
use crate::form::Form;
use crate::oauth::authorize::Visit;
use crate::oauth::authorize::reply::see_other;
use crate::pages::{AccountNotice, FormTarget};
use crate::sign_in::page;
use crate::trouble::Trouble;

/// The field by which a form says for whom it was shown.
const FIELD: &str = "account";

/// Why a page of the account is not shown.
pub(super) enum Away {
    /// Nobody is signed in here, or by now somebody else.
    Home,
    /// What the person is told instead.
    Trouble(Trouble),
}

impl Away {
    pub(super) fn show(self, visit: &Visit) -> Response {
        match self {
            Self::Home => see_other(&visit.app.config.endpoint(home::PATH)),
            Self::Trouble(trouble) => trouble.show(&visit.app, &visit.chrome),
        }
    }
}

impl<T: Into<Trouble>> From<T> for Away {
    fn from(trouble: T) -> Self {
        Self::Trouble(trouble.into())
    }
}

/// A form that is sent for the account it shows.
pub(super) fn target(path: &str, held: &Held) -> FormTarget {
    FormTarget::to(path).carrying(FIELD, held.user.id.as_str())
}

/// What somebody asks by a form of the account pages, and who it is. A page that was left open is
/// worth nothing once another account is signed in.
pub(super) async fn asked(visit: &Visit, request: Request) -> Result<(Held, Form), Away> {
    let form = page::checked(visit, request).await?;
    match visit.browser.held(&visit.app).await? {
        Some(held) if form.text(FIELD) == Some(held.user.id.as_str()) => Ok((held, form)),
        _ => Err(Away::Home),
    }
}

/// Back to the account, with word of what was done.
pub(super) fn done(visit: &Visit, notice: AccountNotice) -> Response {
    let path = format!("{}?done={}", home::PATH, home::word_of(notice));
    see_other(&visit.app.config.endpoint(&path))
}
