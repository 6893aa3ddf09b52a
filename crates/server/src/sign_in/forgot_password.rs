//! `/forgot-password`: a link to choose a new one, for whoever gets the mail. Whether there is such a
//! user is told by no answer, and by no work that is done before it.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, RawQuery, Request};
use axum::http::StatusCode;
use axum::response::Response;
use lettre::Address;
use menshen_domain::User;
use menshen_domain::user::Username;
use menshen_store::{Admission, LinkPurpose, StoreError};
use serde_json::Value;

use super::mailed_link::{self, Fresh};
use super::page::{self, HOME, checked, inside, with_next};
use super::reset_password;
use crate::form::Form;
use crate::oauth::authorize::Visit;
use crate::pages::{
    ForgotPassword, FormTarget, Letter, MailPurpose, MailSent, Occasion, SignUpProblem,
};
use crate::sender;
use crate::trouble::Trouble;

/// The path.
pub(crate) const PATH: &str = "/forgot-password";

/// `GET /forgot-password?next=..`
pub(crate) async fn get(visit: Visit, RawQuery(query): RawQuery) -> Response {
    if !visit.app.mail.is_on() {
        return Trouble::not_found().show(&visit.app, &visit.chrome);
    }
    let asked = Form::parse(query.unwrap_or_default().as_bytes()).ok();
    let next = asked.as_ref().and_then(|form| form.text("next")).map_or(HOME, inside);
    show(&visit, next, StatusCode::OK, None)
}

/// `POST /forgot-password`
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
    if !app.mail.is_on() {
        return Err(Trouble::not_found());
    }
    let form = checked(visit, request).await?;
    let next = inside(form.text("next").unwrap_or(HOME));
    let typed = form.text("email").unwrap_or_default();
    let Ok(username) = typed.parse::<Username>() else {
        let failed = Some((typed, SignUpProblem::InvalidEmail));
        return Ok(show(visit, next, StatusCode::BAD_REQUEST, failed));
    };
    let address = sender::address(app, peer, &visit.headers);
    if let Admission::Wait(wait) = mailed_link::admit(app, address, &username).await? {
        let failed = Some((typed, SignUpProblem::TooManyAttempts(wait.as_secs() + 1)));
        return Ok(show(visit, next, StatusCode::TOO_MANY_REQUESTS, failed));
    }
    mail(visit, &username, next).await?;
    let view = MailSent {
        email: typed.to_owned(),
        purpose: MailPurpose::ResetPassword,
        minutes: mailed_link::MINUTES,
        again: with_next(PATH, next),
    };
    let chrome = visit.chrome.clone().at(with_next(PATH, next));
    Ok(visit.browser.keep(app, chrome.page(StatusCode::OK, &view)))
}

/// Mails a link, if there is somebody to get it. For everybody else all the same is done, but that
/// the link is nobody's and the mail goes nowhere.
async fn mail(visit: &Visit, username: &Username, next: &str) -> Result<(), StoreError> {
    let app = &visit.app;
    let found = app.store.find_user_by_username(username).await?.map(|(user, _)| user);
    let to = found.filter(|user| user.disabled_at.is_none());
    let to = to.and_then(|user| Some((address_of(&user)?, user)));
    let link = Fresh::draw(app, reset_password::PATH);
    let occasion = Occasion::ResetPassword { username: username.as_str(), link: &link.url };
    let letter = Letter::write(&visit.chrome, occasion, mailed_link::MINUTES);
    let purpose = LinkPurpose::ResetPassword {
        user_id: to.as_ref().map(|(_, user)| user.id.clone()),
        sign_in_epoch: to.as_ref().map_or(0, |(_, user)| user.sign_in_epoch),
    };
    let address = to.as_ref().map_or_else(|| username.to_string(), |(to, _)| to.to_string());
    let kept = link.keep(app, &address, purpose, next).await?;
    app.mail.send(to.filter(|_| kept).map(|(to, _)| to), letter);
    Ok(())
}

/// Where a user gets mail: at the address that an operator has given or they have confirmed
/// themselves, or else at the user name, when that is one.
pub(super) fn address_of(user: &User) -> Option<Address> {
    let disproved = user.claims.get("email_verified") == Some(&Value::Bool(false));
    let claimed = user.claims.get("email").and_then(Value::as_str).filter(|_| !disproved);
    let claimed = claimed.and_then(|email| email.parse().ok());
    claimed.or_else(|| user.username.as_str().parse().ok())
}

fn show(
    visit: &Visit,
    next: &str,
    status: StatusCode,
    failed: Option<(&str, SignUpProblem)>,
) -> Response {
    let (email, problem) = failed.map_or(("", None), |(email, why)| (email, Some(why)));
    let view = ForgotPassword {
        form: FormTarget::to(PATH).carrying("next", next),
        email: email.to_owned(),
        problem,
        sign_in: Some(with_next(page::PATH, next)),
    };
    let chrome = visit.browser.chrome(&visit.app, visit.chrome.clone()).at(with_next(PATH, next));
    visit.browser.keep(&visit.app, chrome.page(status, &view))
}
