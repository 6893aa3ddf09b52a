//! `POST /account/one-time-passwords`: turning them on and off, and fresh recovery codes. Each wants
//! the password: whoever has only found a browser open can do none of it.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menshen_domain::one_time_password::{
    RECOVERY_CODES, TotpSecret, recovery_code, recovery_code_hash,
};
use menshen_domain::{Secret, SecretHash};
use menshen_store::OneTimePasswords;

use super::home::{self, Section};
use super::owner::{Away, asked, done, target};
use super::password::problem;
use crate::account::password::prove;
use crate::app::App;
use crate::browser::Held;
use crate::oauth::authorize::Visit;
use crate::pages::{AccountNotice, CodeProblem, RecoveryCodes, SetUpCodes, View, qr_svg};
use crate::sender;
use crate::trouble::Trouble;

/// The path.
pub(crate) const PATH: &str = "/account/one-time-passwords";

/// The path for the first code of a new app.
pub(crate) const CONFIRM: &str = "/account/one-time-passwords/confirm";

/// The field that brings back the secret that was shown.
const OFFER: &str = "offer";

/// `POST /account/one-time-passwords`
pub(crate) async fn post(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    visit: Visit,
    request: Request,
) -> Response {
    match decided(&visit, peer, request).await {
        Ok(response) => response,
        Err(away) => away.show(&visit),
    }
}

async fn decided(visit: &Visit, peer: SocketAddr, request: Request) -> Result<Response, Away> {
    let app = &visit.app;
    let (held, form) = asked(visit, request).await?;
    let password = Secret::new(form.text("password").unwrap_or_default().to_owned());
    let address = sender::address(app, peer, &visit.headers);
    if let Err(unchanged) = prove(app, address, &held.user, password).await {
        let (status, problem) = problem(unchanged)?;
        return home::again(visit, &held, status, Section::OneTimePasswords(problem)).await;
    }
    let id = &held.user.id;
    match form.text("decision") {
        Some("set_up") => Ok(set_up(visit, &held, &TotpSecret::from_bytes(app.random()), None)),
        Some("recovery_codes") => {
            let (codes, hashes) = fresh_codes(app);
            if !app.store.replace_recovery_codes(id, &hashes).await? {
                return Err(Away::Home);
            }
            tracing::info!(user.id = %id, "somebody drew fresh recovery codes");
            Ok(show(visit, &held, StatusCode::OK, &codes))
        }
        Some("turn_off") => {
            if app.store.turn_off_one_time_passwords(id).await? {
                tracing::info!(user.id = %id, "somebody turned their one-time passwords off");
            }
            Ok(done(visit, AccountNotice::OneTimePasswordsOff))
        }
        _ => Err(Trouble::not_found().into()),
    }
}

/// `POST /account/one-time-passwords/confirm`
pub(crate) async fn confirm(visit: Visit, request: Request) -> Response {
    match confirmed(&visit, request).await {
        Ok(response) => response,
        Err(away) => away.show(&visit),
    }
}

/// The secret comes back as it was sealed for this user after the password was given: no other one
/// can be turned on.
async fn confirmed(visit: &Visit, request: Request) -> Result<Response, Away> {
    let app = &visit.app;
    let (held, form) = asked(visit, request).await?;
    let (id, now) = (&held.user.id, app.now());
    let offer = form.text(OFFER).unwrap_or_default();
    let secret = app.keyring.offered_totp(id, offer, now).ok_or_else(Trouble::expired)?;
    let code: String = form.text("code").unwrap_or_default().split_whitespace().collect();
    let Some(step) = secret.step_of(&code, None, now) else {
        return Ok(set_up(visit, &held, &secret, Some(CodeProblem::WrongCode)));
    };
    let on = OneTimePasswords {
        user_id: id.clone(),
        sealed_secret: app.keyring.seal_totp(id, &secret),
        last_step: step,
        turned_on_at: now,
        recovery_codes: 0,
    };
    let (codes, hashes) = fresh_codes(app);
    if !app.store.turn_on_one_time_passwords(&on, &hashes).await? {
        return Err(Away::Home);
    }
    tracing::info!(user.id = %id, "somebody turned their one-time passwords on");
    Ok(show(visit, &held, StatusCode::OK, &codes))
}

/// Recovery codes that nobody has seen yet.
fn fresh_codes(app: &App) -> (RecoveryCodes, Vec<SecretHash>) {
    let codes: Vec<Secret> = (0..RECOVERY_CODES).map(|_| recovery_code(app.random())).collect();
    let hashes = codes.iter().map(|code| recovery_code_hash(code.expose())).collect();
    let codes = codes.iter().map(|code| code.expose().to_owned()).collect();
    (RecoveryCodes { codes, back: home::PATH.to_owned() }, hashes)
}

/// The page that shows a secret to an app, once more when its first code was wrong.
fn set_up(
    visit: &Visit,
    held: &Held,
    secret: &TotpSecret,
    problem: Option<CodeProblem>,
) -> Response {
    let app = &visit.app;
    let address = secret.address(&app.config.brand.name, held.user.username.as_str());
    let offer = app.keyring.offer_totp(&held.user.id, secret, app.now());
    let view = SetUpCodes {
        picture: qr_svg(address.expose()).map(|svg| STANDARD.encode(svg)),
        address: address.expose().to_owned(),
        secret: grouped(secret),
        form: target(CONFIRM, held).carrying(OFFER, offer),
        problem,
        back: home::PATH.to_owned(),
    };
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    show(visit, held, status, &view)
}

/// As people read it aloud: in groups of four.
fn grouped(secret: &TotpSecret) -> String {
    let text = secret.to_base32();
    let letters = text.expose().as_bytes().chunks(4).map(String::from_utf8_lossy);
    letters.collect::<Vec<_>>().join(" ")
}

fn show(visit: &Visit, held: &Held, status: StatusCode, view: &impl View) -> Response {
    let chrome = visit.browser.chrome(&visit.app, visit.chrome.clone());
    let chrome = chrome.with_person(home::called(&held.user)).at(home::PATH);
    visit.browser.keep(&visit.app, chrome.page(status, view))
}
