//! `GET /account`: who am I, where am I signed in, and what may use my account.

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use menshen_domain::{Session, User};
use menshen_store::{Consent, Page, StoreError};
use menshen_token::Reason;

use super::owner::{Away, target};
use super::{apps, devices, one_time_passwords, password};
use crate::app::App;
use crate::browser::{Held, forget_session};
use crate::form::Form;
use crate::oauth::authorize::Visit;
use crate::oauth::authorize::reply::see_other;
use crate::oauth::logout;
use crate::pages::{
    AccountHome, AccountNotice, AppRow, ClientCard, DeviceRow, FormTarget, NewPasswordProblem,
    OneTimePasswordsCard, SignedOut,
};
use crate::sign_in::page::{client_card, person};

/// The path.
pub(crate) const PATH: &str = "/account";

/// More devices than anybody looks at.
const MOST_DEVICES: Page = Page { after: None, limit: 100 };

/// `GET /`
pub(crate) async fn root(State(app): State<App>) -> Response {
    see_other(&app.config.endpoint(PATH))
}

/// `GET /account`
pub(crate) async fn get(visit: Visit, RawQuery(query): RawQuery) -> Response {
    match look(&visit, query.as_deref()).await {
        Ok(response) => response,
        Err(away) => away.show(&visit),
    }
}

async fn look(visit: &Visit, query: Option<&str>) -> Result<Response, Away> {
    let Some(held) = visit.browser.held(&visit.app).await? else {
        if let Some(reason) = visit.browser.why_ended(&visit.app).await? {
            return Ok(say_why(visit, reason));
        }
        let path = format!("{}?next={PATH}", crate::sign_in::page::PATH);
        return Ok(see_other(&visit.app.config.endpoint(&path)));
    };
    let asked = Form::parse(query.unwrap_or_default().as_bytes()).ok();
    let notice = asked.as_ref().and_then(|form| notice_of(form.text("done")?));
    let view = AccountHome { notice, ..view(visit, &held).await? };
    Ok(show(visit, StatusCode::OK, &view))
}

/// Somebody comes back who was signed in here, and is told why they are not any more; once.
fn say_why(visit: &Visit, reason: Reason) -> Response {
    let view = SignedOut {
        reason: Some(reason),
        sign_in: Some(crate::sign_in::page::PATH.to_owned()),
        ..SignedOut::default()
    };
    let chrome = visit.chrome.clone().at(PATH);
    forget_session(&visit.app, chrome.page(StatusCode::OK, &view))
}

/// The part of the page in which something was not taken, and why.
pub(super) enum Section {
    /// A new password.
    Password(NewPasswordProblem),
    /// The password for one-time passwords.
    OneTimePasswords(NewPasswordProblem),
}

/// The page once more, because a password was not taken.
pub(super) async fn again(
    visit: &Visit,
    held: &Held,
    status: StatusCode,
    section: Section,
) -> Result<Response, Away> {
    let mut view = view(visit, held).await?;
    match section {
        Section::Password(problem) => view.password_problem = Some(problem),
        Section::OneTimePasswords(problem) => view.one_time_passwords.problem = Some(problem),
    }
    Ok(show(visit, status, &view))
}

/// What somebody is called at the top of a page.
pub(super) fn called(user: &User) -> String {
    let person = person(user);
    person.name.unwrap_or(person.username)
}

fn show(visit: &Visit, status: StatusCode, view: &AccountHome) -> Response {
    let name = view.person.name.as_ref().unwrap_or(&view.person.username).clone();
    let chrome = visit.browser.chrome(&visit.app, visit.chrome.clone());
    let chrome = chrome.with_person(name).at(PATH);
    visit.browser.keep(&visit.app, chrome.page(status, view))
}

async fn view(visit: &Visit, held: &Held) -> Result<AccountHome, StoreError> {
    let app = &visit.app;
    let email = held.user.claims.get("email").and_then(serde_json::Value::as_str);
    Ok(AccountHome {
        person: person(&held.user),
        email: email.map(str::to_owned),
        notice: None,
        devices: device_rows(app, held).await?,
        sign_out_elsewhere: target(devices::ELSEWHERE, held),
        apps: app_rows(app, held).await?,
        one_time_passwords: one_time_passwords(app, held).await?,
        change_password: target(password::PATH, held),
        password_problem: None,
        // Whoever presses the button here need not be asked whether they mean it.
        sign_out: FormTarget::to(logout::CONFIRM_PATH).carrying("decision", "sign_out"),
    })
}

async fn one_time_passwords(app: &App, held: &Held) -> Result<OneTimePasswordsCard, StoreError> {
    let on = app.store.find_one_time_passwords(&held.user.id).await?;
    Ok(OneTimePasswordsCard {
        since: on.as_ref().map(|on| on.turned_on_at),
        recovery_codes: on.map_or(0, |on| on.recovery_codes),
        form: target(one_time_passwords::PATH, held),
        problem: None,
    })
}

/// The live sessions, this one first.
async fn device_rows(app: &App, held: &Held) -> Result<Vec<DeviceRow>, StoreError> {
    let sessions = app.store.list_sessions(&held.user.id, &MOST_DEVICES).await?;
    let live = |session: &Session| session.expired(app.now()).is_none();
    let others = sessions.into_iter().filter(|other| other.id != held.session.id && live(other));
    let row = |session: Session| DeviceRow {
        current: session.id == held.session.id,
        sign_out: target(devices::SIGN_OUT, held).carrying(devices::FIELD, session.id.to_string()),
        name: session.device.name,
        platform: session.device.platform,
        address: session.device.address,
        last_seen_at: session.last_seen_at,
        created_at: session.created_at,
    };
    Ok(std::iter::once(held.session.clone()).chain(others).map(row).collect())
}

async fn app_rows(app: &App, held: &Held) -> Result<Vec<AppRow>, StoreError> {
    let mut rows = Vec::new();
    for consent in app.store.list_consents(&held.user.id).await? {
        let known = app.clients.find(&app.store, app.clock.as_ref(), &consent.client_id).await?;
        let client = known.map_or_else(|| card_of(&consent), |known| client_card(&known));
        rows.push(AppRow {
            client,
            withdraw: target(apps::PATH, held).carrying(apps::FIELD, consent.client_id.as_str()),
            scopes: consent.scope.iter().map(str::to_owned).collect(),
            since: consent.given_at,
        });
    }
    Ok(rows)
}

fn card_of(consent: &Consent) -> ClientCard {
    ClientCard { name: consent.client_name.clone(), ..ClientCard::default() }
}

const NOTICES: [(&str, AccountNotice); 5] = [
    ("device", AccountNotice::DeviceSignedOut),
    ("elsewhere", AccountNotice::SignedOutElsewhere),
    ("access", AccountNotice::AccessWithdrawn),
    ("password", AccountNotice::PasswordChanged),
    ("codes", AccountNotice::OneTimePasswordsOff),
];

/// The word for a notice in the address.
pub(super) fn word_of(notice: AccountNotice) -> &'static str {
    NOTICES.iter().find(|(_, known)| *known == notice).map_or("", |(word, _)| word)
}

fn notice_of(word: &str) -> Option<AccountNotice> {
    NOTICES.iter().find(|(known, _)| *known == word).map(|(_, notice)| *notice)
}
