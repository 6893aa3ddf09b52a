//! `/sign-in/code`: the page on which somebody gives a one-time password, after the password or
//! because an app asks for more than the sign-in is worth (RFC 9470).

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::response::Response;
use menshen_domain::User;
use menshen_domain::one_time_password::OneTimePassword;
use menshen_domain::prompt_mark::AccountChosen;
use menshen_store::HalfSignIn;

use super::code::{Method, methods};
use super::half::{self, Begin, MAILED_CODE_MINUTES};
use super::page::{self, HOME, checked, client_card, inside, pending, person, target, with_next};
use crate::browser::{Held, device};
use crate::error::OAuthError;
use crate::form::Form;
use crate::oauth::authorize::reply::see_other;
use crate::oauth::authorize::{Pending, Visit};
use crate::pages::{CodeProblem, CodeSource, EnterCode, SignInProblem};
use crate::sender;
use crate::trouble::Trouble;

/// The path.
pub(crate) const PATH: &str = "/sign-in/code";

/// The path that asks for a code by mail.
pub(crate) const MAIL_PATH: &str = "/sign-in/mail-code";

/// The field of the secret by which the sign-in goes on.
const FIELD: &str = "half";

/// What is shown, and to whom.
struct Shown<'a> {
    next: &'a str,
    here: String,
    secret: &'a str,
    user: &'a User,
    /// Whether the code comes by mail.
    mailed: Mailed,
    problem: Option<CodeProblem>,
}

#[derive(PartialEq, Eq)]
enum Mailed {
    Yes,
    No,
}

/// The page for somebody who has just given the password.
pub(super) async fn ask(visit: &Visit, next: &str, user: &User) -> Result<Response, OAuthError> {
    let app = &visit.app;
    let (auth_time, bound_to) = (app.now(), visit.browser.id());
    let secret = half::begin(app, Begin { user, auth_time, raises: None, bound_to }).await?;
    let here = with_next(page::PATH, next);
    let shown =
        Shown { next, here, secret: secret.expose(), user, mailed: Mailed::No, problem: None };
    show(visit, StatusCode::OK, shown).await
}

/// The page for somebody who is signed in by the password alone, for an app that asks for more.
///
/// # Errors
///
/// [`OAuthError::UnmetAuthenticationRequirements`] when they have no way to give a code.
pub(crate) async fn step_up(
    visit: &Visit,
    pending: &Pending,
    held: &Held,
) -> Result<Response, OAuthError> {
    let app = &visit.app;
    if methods(app, &held.user).await?.is_empty() {
        return Err(OAuthError::UnmetAuthenticationRequirements);
    }
    let begin = Begin {
        user: &held.user,
        auth_time: held.session.authentication.time,
        raises: Some(held.session.id),
        bound_to: visit.browser.id(),
    };
    let secret = half::begin(app, begin).await?;
    let next = pending.come_back(app, AccountChosen::Yes);
    let shown = Shown {
        next: &next,
        here: next.clone(),
        secret: secret.expose(),
        user: &held.user,
        mailed: Mailed::No,
        problem: None,
    };
    show(visit, StatusCode::OK, shown).await
}

/// `POST /sign-in/code`
pub(crate) async fn post(
    visit: Visit,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    match given(&visit, peer, request).await {
        Ok(response) => response,
        Err(trouble) => trouble.show(&visit.app, &visit.chrome),
    }
}

async fn given(visit: &Visit, peer: SocketAddr, request: Request) -> Result<Response, Trouble> {
    let app = &visit.app;
    let form = checked(visit, request).await?;
    let Some((half, user)) = found(visit, &form).await? else {
        return begin_again(visit, &form).await;
    };
    let address = sender::address(app, peer, &visit.headers);
    let code = OneTimePassword::read(form.text("code").unwrap_or_default());
    let (status, problem) = match half::finish(app, address, &half, &user, &code).await {
        Ok(authentication) => {
            let device = device(&visit.headers, address.to_string());
            let raises = half.session_id;
            let entered =
                visit.browser.enter_or_raise(app, &user, authentication, device, raises).await?;
            let Some(entered) = entered else { return begin_again(visit, &form).await };
            return Ok(entered.keep(app, see_other(&app.config.endpoint(next_of(&form)))));
        }
        Err(OAuthError::InvalidSession) => return begin_again(visit, &form).await,
        Err(error) => problem(error)?,
    };
    again(visit, &form, &half, &user, Some(problem), status).await
}

/// `POST /sign-in/mail-code`
pub(crate) async fn mail(
    visit: Visit,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    match mailed(&visit, peer, request).await {
        Ok(response) => response,
        Err(trouble) => trouble.show(&visit.app, &visit.chrome),
    }
}

async fn mailed(visit: &Visit, peer: SocketAddr, request: Request) -> Result<Response, Trouble> {
    let app = &visit.app;
    let form = checked(visit, request).await?;
    let Some((half, user)) = found(visit, &form).await? else {
        return begin_again(visit, &form).await;
    };
    let address = sender::address(app, peer, &visit.headers);
    match half::mail_code(app, &visit.chrome, address, &half, &user).await {
        Ok(_) => {}
        Err(error) => {
            let (status, problem) = problem(error)?;
            return again(visit, &form, &half, &user, Some(problem), status).await;
        }
    }
    let Some((half, user)) = found(visit, &form).await? else {
        return begin_again(visit, &form).await;
    };
    again(visit, &form, &half, &user, None, StatusCode::OK).await
}

fn problem(error: OAuthError) -> Result<(StatusCode, CodeProblem), Trouble> {
    match error {
        OAuthError::WrongOneTimePassword => Ok((StatusCode::BAD_REQUEST, CodeProblem::WrongCode)),
        OAuthError::TooManyAttempts(wait) => {
            let problem = CodeProblem::TooManyAttempts(wait.as_secs() + 1);
            Ok((StatusCode::TOO_MANY_REQUESTS, problem))
        }
        error => Err(error.into()),
    }
}

/// The sign-in that a form goes on with, in the browser in which it was begun.
async fn found(visit: &Visit, form: &Form) -> Result<Option<(HalfSignIn, User)>, Trouble> {
    let secret = form.text(FIELD).unwrap_or_default();
    match half::find(&visit.app, secret, &visit.browser.id()).await {
        Ok(found) => Ok(Some(found)),
        Err(OAuthError::InvalidSession) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn next_of(form: &Form) -> &str {
    inside(form.text("next").unwrap_or(HOME))
}

/// What took too long, or had its tries, begins with the password once more; for whoever is signed
/// in, with what they came for.
async fn begin_again(visit: &Visit, form: &Form) -> Result<Response, Trouble> {
    let next = next_of(form);
    if visit.browser.held(&visit.app).await?.is_some() {
        return Ok(see_other(&visit.app.config.endpoint(next)));
    }
    let failed = Some(("", SignInProblem::BeginAgain));
    Ok(page::again(visit, next, StatusCode::BAD_REQUEST, failed).await)
}

async fn again(
    visit: &Visit,
    form: &Form,
    half: &HalfSignIn,
    user: &User,
    problem: Option<CodeProblem>,
    status: StatusCode,
) -> Result<Response, Trouble> {
    let next = next_of(form);
    let here = match half.session_id {
        Some(_) => next.to_owned(),
        None => with_next(page::PATH, next),
    };
    let mailed = if half.mailed_code.is_some() { Mailed::Yes } else { Mailed::No };
    let secret = form.text(FIELD).unwrap_or_default();
    Ok(show(visit, status, Shown { next, here, secret, user, mailed, problem }).await?)
}

async fn show(visit: &Visit, status: StatusCode, shown: Shown<'_>) -> Result<Response, OAuthError> {
    let app = &visit.app;
    let methods = methods(app, shown.user).await?;
    let pending = pending(visit, shown.next).await;
    let form = |path| target(path, shown.next, pending.as_ref()).carrying(FIELD, shown.secret);
    let source = if shown.mailed == Mailed::Yes {
        CodeSource::Mail(MAILED_CODE_MINUTES)
    } else if methods.contains(&Method::Otp) {
        CodeSource::App
    } else {
        CodeSource::MailToCome
    };
    let view = EnterCode {
        client: pending.as_ref().map(|pending| client_card(&pending.origin.client)),
        person: person(shown.user),
        source,
        form: form(PATH),
        mail: methods.contains(&Method::MailedCode).then(|| form(MAIL_PATH)),
        problem: shown.problem,
        other_account: Some(target("/sign-in/other", shown.next, pending.as_ref())),
    };
    let chrome = visit.chrome_for(pending.as_ref()).at(shown.here);
    Ok(visit.browser.keep(app, chrome.page(status, &view)))
}
