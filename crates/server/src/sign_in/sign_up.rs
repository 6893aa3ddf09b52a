//! `/sign-up`: somebody new, who first shows that an address is theirs. That it has an account
//! already is told by the mail alone.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, RawQuery, Request};
use axum::http::StatusCode;
use axum::response::Response;
use lettre::Address;
use menshen_domain::user::Username;
use menshen_store::{Admission, LinkPurpose, StoreError};

use super::mailed_link::{self, Fresh};
use super::page::{self, HOME, checked, client_card, inside, pending, with_next};
use super::{finish_sign_up, forgot_password};
use crate::app::App;
use crate::form::Form;
use crate::oauth::authorize::Visit;
use crate::pages::{FormTarget, Letter, MailPurpose, MailSent, Occasion, SignUp, SignUpProblem};
use crate::sender;
use crate::trouble::Trouble;

/// The path.
pub(crate) const PATH: &str = "/sign-up";

/// Whether people may sign up.
pub(super) fn is_on(app: &App) -> bool {
    app.config.sign_up_allowed && app.mail.is_on()
}

/// `GET /sign-up?next=..`
pub(crate) async fn get(visit: Visit, RawQuery(query): RawQuery) -> Response {
    if !is_on(&visit.app) {
        return Trouble::not_found().show(&visit.app, &visit.chrome);
    }
    let asked = Form::parse(query.unwrap_or_default().as_bytes()).ok();
    let next = asked.as_ref().and_then(|form| form.text("next")).map_or(HOME, inside);
    show(&visit, next, StatusCode::OK, None).await
}

/// `POST /sign-up`
pub(crate) async fn post(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    visit: Visit,
    request: Request,
) -> Response {
    match asked(&visit, peer, request).await {
        Ok(response) => response,
        Err(trouble) => trouble.show(&visit.app, &visit.chrome),
    }
}

async fn asked(visit: &Visit, peer: SocketAddr, request: Request) -> Result<Response, Trouble> {
    let app = &visit.app;
    if !is_on(app) {
        return Err(Trouble::not_found());
    }
    let form = checked(visit, request).await?;
    let next = inside(form.text("next").unwrap_or(HOME));
    let typed = form.text("email").unwrap_or_default();
    let Some((username, to)) = address(typed) else {
        let failed = Some((typed, SignUpProblem::InvalidEmail));
        return Ok(show(visit, next, StatusCode::BAD_REQUEST, failed).await);
    };
    let from = sender::address(app, peer, &visit.headers);
    if let Admission::Wait(wait) = mailed_link::admit(app, from, &username).await? {
        let failed = Some((typed, SignUpProblem::TooManyAttempts(wait.as_secs() + 1)));
        return Ok(show(visit, next, StatusCode::TOO_MANY_REQUESTS, failed).await);
    }
    mail(visit, &username, to, next).await?;
    let view = MailSent {
        email: typed.to_owned(),
        purpose: MailPurpose::SignUp,
        minutes: mailed_link::MINUTES,
        again: with_next(PATH, next),
    };
    let chrome = visit.chrome.clone().at(with_next(PATH, next));
    Ok(visit.browser.keep(app, chrome.page(StatusCode::OK, &view)))
}

/// The user name that an address becomes, and where the mail goes: to that very spelling, so that
/// nobody confirms an address that only looks like it.
fn address(typed: &str) -> Option<(Username, Address)> {
    let username: Username = typed.parse().ok()?;
    let to = username.as_str().parse().ok()?;
    Some((username, to))
}

/// Mails a link to go on, or word that there is an account; the link of the latter nobody gets.
async fn mail(
    visit: &Visit,
    username: &Username,
    to: Address,
    next: &str,
) -> Result<(), StoreError> {
    let app = &visit.app;
    let is_known = app.store.find_user_by_username(username).await?.is_some();
    let link = Fresh::draw(app, finish_sign_up::PATH);
    let sign_in = app.config.endpoint(page::PATH);
    let forgot_password = app.config.endpoint(forgot_password::PATH);
    let occasion = if is_known {
        Occasion::KnownAddress { sign_in: &sign_in, forgot_password: &forgot_password }
    } else {
        Occasion::SignUp { link: &link.url }
    };
    let letter = Letter::write(&visit.chrome, occasion, mailed_link::MINUTES);
    let kept = link.keep(app, username.as_str(), LinkPurpose::SignUp, next).await?;
    app.mail.send(kept.then_some(to), letter);
    Ok(())
}

async fn show(
    visit: &Visit,
    next: &str,
    status: StatusCode,
    failed: Option<(&str, SignUpProblem)>,
) -> Response {
    let (email, problem) = failed.map_or(("", None), |(email, why)| (email, Some(why)));
    let pending = pending(visit, next).await;
    let view = SignUp {
        client: pending.map(|pending| client_card(&pending.origin.client)),
        form: FormTarget::to(PATH).carrying("next", next),
        email: email.to_owned(),
        problem,
        sign_in: Some(with_next(page::PATH, next)),
    };
    let chrome = visit.browser.chrome(&visit.app, visit.chrome.clone()).at(with_next(PATH, next));
    visit.browser.keep(&visit.app, chrome.page(status, &view))
}
