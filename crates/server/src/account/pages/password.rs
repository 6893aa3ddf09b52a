//! `POST /account/change-password`: a new password, which ends everything but the browser in which
//! it was chosen: that one is signed in anew.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::response::Response;
use menshen_domain::session::Authentication;
use menshen_domain::{Secret, User};

use super::home::{self, Section};
use super::owner::{Away, asked, done};
use crate::account::password::{Unchanged, change, flaw};
use crate::browser::{Held, device};
use crate::oauth::authorize::Visit;
use crate::pages::{AccountNotice, NewPasswordProblem};
use crate::revoke::count;
use crate::sender;

/// The path.
pub(crate) const PATH: &str = "/account/change-password";

pub(crate) async fn post(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    visit: Visit,
    request: Request,
) -> Response {
    match changed(&visit, peer, request).await {
        Ok(response) => response,
        Err(away) => away.show(&visit),
    }
}

async fn changed(visit: &Visit, peer: SocketAddr, request: Request) -> Result<Response, Away> {
    let app = &visit.app;
    let (held, form) = asked(visit, request).await?;
    let secret = |name| Secret::new(form.text(name).unwrap_or_default().to_owned());
    let (current, new) = (secret("current_password"), secret("new_password"));
    if let Some(problem) = flaw(&new) {
        return again(visit, &held, StatusCode::BAD_REQUEST, problem).await;
    }
    if current.expose() == new.expose() {
        let problem = NewPasswordProblem::Unchanged;
        return again(visit, &held, StatusCode::BAD_REQUEST, problem).await;
    }
    let address = sender::address(app, peer, &visit.headers);
    match change(app, address, &held.user, current, new).await {
        Ok(ended) => count(&ended),
        Err(unchanged) => {
            let (status, problem) = problem(unchanged)?;
            return again(visit, &held, status, problem).await;
        }
    }
    // Who they are was proved under the epoch that the change has ended. Should more have been
    // ended meanwhile, they are asked once more.
    let user = User { sign_in_epoch: held.user.sign_in_epoch + 1, ..held.user };
    let authentication = Authentication { time: app.now(), ..held.session.authentication };
    let device = device(&visit.headers, address.to_string());
    let response = done(visit, AccountNotice::PasswordChanged);
    Ok(match visit.browser.enter(app, &user, authentication, device).await? {
        Some(entered) => entered.keep(app, response),
        None => response,
    })
}

async fn again(
    visit: &Visit,
    held: &Held,
    status: StatusCode,
    problem: NewPasswordProblem,
) -> Result<Response, Away> {
    home::again(visit, held, status, Section::Password(problem)).await
}

/// What a page says of a password that was not taken.
pub(super) fn problem(unchanged: Unchanged) -> Result<(StatusCode, NewPasswordProblem), Away> {
    match unchanged {
        Unchanged::WrongPassword => {
            Ok((StatusCode::BAD_REQUEST, NewPasswordProblem::CurrentIsWrong))
        }
        Unchanged::TooManyAttempts(wait) => {
            let problem = NewPasswordProblem::TooManyAttempts(wait.as_secs() + 1);
            Ok((StatusCode::TOO_MANY_REQUESTS, problem))
        }
        Unchanged::Busy => Ok((StatusCode::SERVICE_UNAVAILABLE, NewPasswordProblem::Busy)),
        Unchanged::Error(error) => Err(error.into()),
    }
}
