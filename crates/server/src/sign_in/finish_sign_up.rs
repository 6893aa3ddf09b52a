//! `/finish-sign-up`: the page behind a mailed link, on which somebody new becomes a user. Showing it
//! uses nothing up.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, RawQuery, Request};
use axum::http::StatusCode;
use axum::response::Response;
use menshen_domain::session::Authentication;
use menshen_domain::user::check_claims;
use menshen_domain::{Secret, User};
use menshen_store::MailedLink;
use menshen_token::{Timestamp, UserId};
use serde_json::{Map, json};

use super::mailed_link::{FIELD, secret_of};
use super::page::{HOME, checked, client_card, inside, pending, target};
use super::sign_up;
use crate::account::password::flaw;
use crate::app::App;
use crate::browser::device;
use crate::oauth::authorize::Visit;
use crate::oauth::authorize::reply::see_other;
use crate::pages::{FinishSignUp, NewPasswordProblem};
use crate::sender;
use crate::trouble::Trouble;

/// The path.
pub(crate) const PATH: &str = "/finish-sign-up";

/// The longest name, in characters; what is longer is cut.
const LONGEST_NAME: usize = 100;

/// `GET /finish-sign-up?token=..`
pub(crate) async fn get(visit: Visit, query: RawQuery) -> Response {
    let secret = secret_of(&query);
    match find(&visit.app, &secret).await {
        Ok(link) => show(&visit, &secret, &link, StatusCode::OK, None).await,
        Err(trouble) => trouble.show(&visit.app, &visit.chrome),
    }
}

/// `POST /finish-sign-up`
pub(crate) async fn post(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    visit: Visit,
    request: Request,
) -> Response {
    match finished(&visit, peer, request).await {
        Ok(response) => response,
        Err(trouble) => trouble.show(&visit.app, &visit.chrome),
    }
}

async fn finished(visit: &Visit, peer: SocketAddr, request: Request) -> Result<Response, Trouble> {
    let app = &visit.app;
    let form = checked(visit, request).await?;
    let text = |name| Secret::new(form.text(name).unwrap_or_default().to_owned());
    let (secret, password) = (text(FIELD), text("password"));
    let name = tidy(form.text("name").unwrap_or_default());
    let link = find(app, &secret).await?;
    if let Some(flaw) = flaw(&password) {
        let failed = Some((name, flaw));
        return Ok(show(visit, &secret, &link, StatusCode::BAD_REQUEST, failed).await);
    }
    let user = user(app, &link, &name).ok_or_else(Trouble::expired_link)?;
    let Ok(hash) = app.hashing.hash(password).await else {
        let failed = Some((name, NewPasswordProblem::Busy));
        return Ok(show(visit, &secret, &link, StatusCode::SERVICE_UNAVAILABLE, failed).await);
    };
    if !app.store.finish_sign_up(&link.hash, &user, &hash, app.now()).await? {
        return Err(Trouble::expired_link());
    }
    let next = inside(link.next.as_deref().unwrap_or(HOME));
    let response = see_other(&app.config.endpoint(next));
    let device = device(&visit.headers, sender::address(app, peer, &visit.headers).to_string());
    let authentication = Authentication::by_password(app.now());
    Ok(match visit.browser.enter(app, &user, authentication, device).await? {
        Some(entered) => entered.keep(app, response),
        None => response,
    })
}

async fn find(app: &App, secret: &Secret) -> Result<MailedLink, Trouble> {
    if !sign_up::is_on(app) {
        return Err(Trouble::not_found());
    }
    let found = app.store.find_sign_up_link(&secret.hash(), app.now()).await?;
    found.ok_or_else(Trouble::expired_link)
}

/// Who they are from now on.
fn user(app: &App, link: &MailedLink, name: &str) -> Option<User> {
    let mut claims = Map::new();
    if !name.is_empty() {
        claims.insert("name".to_owned(), json!(name));
    }
    claims.insert("email".to_owned(), json!(link.address));
    claims.insert("email_verified".to_owned(), json!(true));
    check_claims(&[], &claims).ok()?;
    Some(User {
        id: UserId::from_bytes(app.random()),
        username: link.address.parse().ok()?,
        roles: Vec::new(),
        claims,
        tokens_not_before: Timestamp::default(),
        sign_in_epoch: 0,
        created_at: app.now(),
        disabled_at: None,
    })
}

fn tidy(name: &str) -> String {
    let visible = name.chars().filter(|letter| !letter.is_control());
    visible.take(LONGEST_NAME).collect::<String>().trim().to_owned()
}

async fn show(
    visit: &Visit,
    secret: &Secret,
    link: &MailedLink,
    status: StatusCode,
    failed: Option<(String, NewPasswordProblem)>,
) -> Response {
    let next = inside(link.next.as_deref().unwrap_or(HOME));
    let pending = pending(visit, next).await;
    let (name, problem) = failed.map_or((String::new(), None), |(name, why)| (name, Some(why)));
    let view = FinishSignUp {
        form: target(PATH, next, pending.as_ref()).carrying(FIELD, secret.expose()),
        client: pending.map(|pending| client_card(&pending.origin.client)),
        email: link.address.clone(),
        name,
        problem,
    };
    let here = format!("{PATH}?{FIELD}={}", secret.expose());
    let chrome = visit.browser.chrome(&visit.app, visit.chrome.clone()).at(here);
    visit.browser.keep(&visit.app, chrome.page(status, &view))
}
