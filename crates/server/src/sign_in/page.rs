//! `/sign-in`: the page on which people prove who they are, for an app that asked or for the
//! account pages.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequest as _, RawQuery, Request};
use axum::http::StatusCode;
use axum::response::Response;
use menshen_domain::prompt_mark::AccountChosen;
use menshen_domain::{Client, User};
use url::Url;

use super::{Proof, by_password, code_page, forgot_password, sign_up};
use crate::app::App;
use crate::browser::{Held, device};
use crate::error::OAuthError;
use crate::form::Form;
use crate::oauth::authorize::reply::see_other;
use crate::oauth::authorize::{self, Pending, Visit};
use crate::pages::{
    ChooseAccount, Chrome, ClientCard, FormTarget, Person, Reauthenticate, SignIn, SignInProblem,
};
use crate::sender;
use crate::trouble::Trouble;

/// The path.
pub(crate) const PATH: &str = "/sign-in";

/// Where people go who come from nowhere.
pub(crate) const HOME: &str = "/account";

/// The page for an app that asks.
pub(crate) fn ask(
    visit: &Visit,
    pending: &Pending,
    status: StatusCode,
    failed: Option<(&str, SignInProblem)>,
) -> Response {
    let next = pending.come_back(&visit.app, AccountChosen::No);
    let hint = pending.request.login_hint.as_deref().unwrap_or_default();
    let (username, problem) = failed.map_or((hint, None), |(name, why)| (name, Some(why)));
    let view = SignIn {
        client: Some(client_card(&pending.origin.client)),
        form: target(PATH, &next, Some(pending)),
        username: username.to_owned(),
        problem,
        ..SignIn::default()
    };
    show(visit, visit.chrome_for(Some(pending)), status, &next, view)
}

/// The page for somebody who is signed in, and has to prove it again.
pub(crate) fn ask_again(
    visit: &Visit,
    pending: &Pending,
    held: &Held,
    problem: Option<SignInProblem>,
) -> Response {
    let app = &visit.app;
    let next = pending.come_back(app, AccountChosen::No);
    let form = target(PATH, &next, Some(pending))
        .carrying("username", held.user.username.as_str())
        .carrying("again", "1");
    let view = Reauthenticate {
        client: Some(client_card(&pending.origin.client)),
        person: person(&held.user),
        form,
        problem,
        other_account: Some(target("/sign-in/other", &next, Some(pending))),
        forgot_password: forgot_password(app, &next),
    };
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let chrome = visit.chrome_for(Some(pending)).at(next);
    visit.browser.keep(app, chrome.page(status, &view))
}

/// The page that asks which account to go on with.
pub(crate) fn choose(visit: &Visit, pending: &Pending, held: &Held) -> Response {
    let app = &visit.app;
    let next = pending.come_back(app, AccountChosen::No);
    let chosen = pending.come_back(app, AccountChosen::Yes);
    let view = ChooseAccount {
        client: Some(client_card(&pending.origin.client)),
        person: person(&held.user),
        go_on: target("/sign-in/chosen", &chosen, Some(pending)),
        other_account: target("/sign-in/other", &next, Some(pending)),
    };
    let chrome = visit.chrome_for(Some(pending)).at(next);
    visit.browser.keep(app, chrome.page(StatusCode::OK, &view))
}

/// `GET /sign-in?next=..`
pub(crate) async fn get(visit: Visit, RawQuery(query): RawQuery) -> Response {
    let asked = Form::parse(query.unwrap_or_default().as_bytes());
    let next = asked.as_ref().ok().and_then(|form| form.text("next")).map(inside);
    again(&visit, next.unwrap_or(HOME), StatusCode::OK, None).await
}

/// `POST /sign-in`: name and password.
pub(crate) async fn post(
    visit: Visit,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    match signed_in(&visit, peer, request).await {
        Ok(response) => response,
        Err(trouble) => trouble.show(&visit.app, &visit.chrome),
    }
}

async fn signed_in(visit: &Visit, peer: SocketAddr, request: Request) -> Result<Response, Trouble> {
    let app = &visit.app;
    let form = checked(visit, request).await?;
    let next = inside(form.text("next").unwrap_or(HOME));
    let address = sender::address(app, peer, &visit.headers);
    let username = form.text("username").unwrap_or_default();
    let password = form.text("password").unwrap_or_default();
    let (user, authentication) = match by_password(app, address, username, password).await {
        Ok(Proof::Whole(user, authentication)) => (user, authentication),
        Ok(Proof::Half(user)) => return Ok(code_page::ask(visit, next, &user).await?),
        Err(error) => {
            let (status, problem) = problem(error)?;
            if form.text("again").is_some()
                && let Some(response) = once_more(visit, next, problem).await?
            {
                return Ok(response);
            }
            return Ok(again(visit, next, status, Some((username, problem))).await);
        }
    };
    let device = device(&visit.headers, address.to_string());
    if let Some(entered) = visit.browser.enter(app, &user, authentication, device).await? {
        return Ok(entered.keep(app, see_other(&app.config.endpoint(next))));
    }
    let failed = Some((username, SignInProblem::WrongNameOrPassword));
    Ok(again(visit, next, StatusCode::BAD_REQUEST, failed).await)
}

/// What the person is told of a password that was not taken; what is not about it stays an error.
fn problem(error: OAuthError) -> Result<(StatusCode, SignInProblem), Trouble> {
    match error {
        OAuthError::AccessDenied | OAuthError::InvalidRequest(_) => {
            Ok((StatusCode::BAD_REQUEST, SignInProblem::WrongNameOrPassword))
        }
        OAuthError::TooManyAttempts(wait) => {
            let seconds = wait.as_secs() + 1;
            Ok((StatusCode::TOO_MANY_REQUESTS, SignInProblem::TooManyAttempts(seconds)))
        }
        OAuthError::Unavailable => Ok((StatusCode::SERVICE_UNAVAILABLE, SignInProblem::Busy)),
        error => Err(error.into()),
    }
}

/// `POST /sign-in/other`: somebody else wants to sign in.
pub(crate) async fn other(visit: Visit, request: Request) -> Response {
    match checked(&visit, request).await {
        Ok(form) => {
            let next = inside(form.text("next").unwrap_or(HOME));
            again(&visit, next, StatusCode::OK, None).await
        }
        Err(trouble) => trouble.show(&visit.app, &visit.chrome),
    }
}

/// `POST /sign-in/chosen`: the one who is signed in goes on.
pub(crate) async fn chosen(visit: Visit, request: Request) -> Response {
    match checked(&visit, request).await {
        Ok(form) => {
            let next = inside(form.text("next").unwrap_or(HOME));
            see_other(&visit.app.config.endpoint(next))
        }
        Err(trouble) => trouble.show(&visit.app, &visit.chrome),
    }
}

/// A form that a page of ours has sent.
pub(crate) async fn checked(visit: &Visit, request: Request) -> Result<Form, Trouble> {
    let form = Form::from_request(request, &visit.app).await?;
    visit.browser.check(&visit.app, &visit.headers, &form)?;
    Ok(form)
}

/// The sign-in page for what comes next, whatever that is.
pub(super) async fn again(
    visit: &Visit,
    next: &str,
    status: StatusCode,
    failed: Option<(&str, SignInProblem)>,
) -> Response {
    if let Some(form) = request_of(next) {
        return match Pending::read(visit, form).await {
            Ok(pending) => ask(visit, &pending, status, failed),
            Err(unready) => visit.turn_away(unready),
        };
    }
    let (username, problem) = failed.map_or(("", None), |(name, why)| (name, Some(why)));
    let form = target(PATH, next, None);
    let view = SignIn { form, username: username.to_owned(), problem, ..SignIn::default() };
    show(visit, visit.chrome_for(None), status, next, view)
}

/// The page for a second proof, once more; nothing when there is nobody who could give it.
async fn once_more(
    visit: &Visit,
    next: &str,
    problem: SignInProblem,
) -> Result<Option<Response>, Trouble> {
    let held = visit.browser.held(&visit.app).await?;
    let (Some(held), Some(form)) = (held, request_of(next)) else { return Ok(None) };
    Ok(Some(match Pending::read(visit, form).await {
        Ok(pending) => ask_again(visit, &pending, &held, Some(problem)),
        Err(unready) => visit.turn_away(unready),
    }))
}

fn show(visit: &Visit, chrome: Chrome, status: StatusCode, next: &str, view: SignIn) -> Response {
    let app = &visit.app;
    let sign_up = sign_up::is_on(app).then(|| with_next(sign_up::PATH, next));
    let view = SignIn { sign_up, forgot_password: forgot_password(app, next), ..view };
    let here = with_next(PATH, next);
    let chrome = chrome.at(here);
    visit.browser.keep(app, chrome.page(status, &view))
}

/// A path of ours that keeps in mind where somebody wants to go.
pub(super) fn with_next(path: &str, next: &str) -> String {
    let query =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    format!("{path}?{query}")
}

fn forgot_password(app: &App, next: &str) -> Option<String> {
    app.mail.is_on().then(|| with_next(forgot_password::PATH, next))
}

/// A form that goes on with `next`, which may lead to the client of a request.
pub(super) fn target(path: &str, next: &str, pending: Option<&Pending>) -> FormTarget {
    let form = FormTarget::to(path).carrying("next", next);
    match pending.and_then(|pending| pending.reply.url()) {
        Some(url) => form.leading_to(&url),
        None => form,
    }
}

/// A path of ours to go on with; home for anything else, so that nobody is sent elsewhere.
pub(crate) fn inside(next: &str) -> &str {
    let path = next.split(['?', '#']).next().unwrap_or_default();
    let known = [authorize::PATH, HOME, "/device"];
    let plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if plain && known.contains(&path) { next } else { HOME }
}

/// The authorization request in a path of ours.
pub(crate) fn request_of(next: &str) -> Option<Form> {
    let query = next.strip_prefix(authorize::PATH)?.strip_prefix('?')?;
    Form::parse(query.as_bytes()).ok()
}

/// The request that somebody goes on with, as far as it can be judged.
pub(super) async fn pending(visit: &Visit, next: &str) -> Option<Pending> {
    Pending::read(visit, request_of(next)?).await.ok()
}

/// What a person is shown of a client.
pub(crate) fn client_card(client: &Client) -> ClientCard {
    let url = |text: &Option<String>| Url::parse(text.as_deref()?).ok();
    ClientCard {
        name: client.name.clone(),
        logo: url(&client.metadata.logo_uri),
        home: url(&client.metadata.client_uri),
        policy: url(&client.metadata.policy_uri),
        terms: url(&client.metadata.tos_uri),
    }
}

/// What a person is shown of themselves.
pub(crate) fn person(user: &User) -> Person {
    let name = user.claims.get("name").and_then(serde_json::Value::as_str);
    Person { name: name.map(str::to_owned), username: user.username.as_str().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for own in ["/account", "/authorize?client_id=a&state=%2F%2Fb", "/device?user_code=A"] {
            assert_eq!(inside(own), own);
        }
        for trick in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/account@evil.example",
            "/account//evil.example",
            "/account/../x",
            "/authorize\\@evil",
            "/authorize?\r\nSet-Cookie: a=b",
            "",
            "account",
        ] {
            assert_eq!(inside(trick), HOME, "{trick}");
        }
    }
}
