//! `/reset-password`: the page behind a mailed link. Showing it uses nothing up.

use axum::extract::{RawQuery, Request};
use axum::http::StatusCode;
use axum::response::Response;
use menshen_domain::{Secret, User};

use super::mailed_link::{FIELD, secret_of};
use super::page::{HOME, checked, inside};
use crate::account::password::flaw;
use crate::oauth::authorize::Visit;
use crate::pages::{FormTarget, NewPasswordProblem, PasswordChanged, ResetPassword};
use crate::revoke::count;
use crate::trouble::Trouble;

/// The path.
pub(crate) const PATH: &str = "/reset-password";

/// `GET /reset-password?token=..`
pub(crate) async fn get(visit: Visit, query: RawQuery) -> Response {
    let secret = secret_of(&query);
    match owner(&visit, &secret).await {
        Ok(user) => show(&visit, &secret, &user, StatusCode::OK, None),
        Err(trouble) => trouble.show(&visit.app, &visit.chrome),
    }
}

/// `POST /reset-password`
pub(crate) async fn post(visit: Visit, request: Request) -> Response {
    match chosen(&visit, request).await {
        Ok(response) => response,
        Err(trouble) => trouble.show(&visit.app, &visit.chrome),
    }
}

async fn chosen(visit: &Visit, request: Request) -> Result<Response, Trouble> {
    let app = &visit.app;
    let form = checked(visit, request).await?;
    let text = |name| Secret::new(form.text(name).unwrap_or_default().to_owned());
    let (secret, new) = (text(FIELD), text("password"));
    let user = owner(visit, &secret).await?;
    if let Some(flaw) = flaw(&new) {
        return Ok(show(visit, &secret, &user, StatusCode::BAD_REQUEST, Some(flaw)));
    }
    let Ok(new) = app.keep_password(&user, new).await else {
        let (status, problem) = (StatusCode::SERVICE_UNAVAILABLE, NewPasswordProblem::Busy);
        return Ok(show(visit, &secret, &user, status, Some(problem)));
    };
    let done = app.store.reset_password(&secret.hash(), &new, app.now()).await?;
    let done = done.ok_or_else(Trouble::expired_link)?;
    count(&done.ended);
    let go_on = inside(done.next.as_deref().unwrap_or(HOME)).to_owned();
    let chrome = visit.chrome.clone().at(go_on.clone());
    Ok(chrome.page(StatusCode::OK, &PasswordChanged { go_on }))
}

/// Whose password the link may replace.
async fn owner(visit: &Visit, secret: &Secret) -> Result<User, Trouble> {
    let app = &visit.app;
    if !app.mail.is_on() {
        return Err(Trouble::not_found());
    }
    let found = app.store.find_password_reset(&secret.hash(), app.now()).await?;
    found.ok_or_else(Trouble::expired_link)
}

fn show(
    visit: &Visit,
    secret: &Secret,
    user: &User,
    status: StatusCode,
    problem: Option<NewPasswordProblem>,
) -> Response {
    let view = ResetPassword {
        form: FormTarget::to(PATH).carrying(FIELD, secret.expose()),
        username: user.username.as_str().to_owned(),
        problem,
    };
    let here = format!("{PATH}?{FIELD}={}", secret.expose());
    let chrome = visit.browser.chrome(&visit.app, visit.chrome.clone()).at(here);
    visit.browser.keep(&visit.app, chrome.page(status, &view))
}
