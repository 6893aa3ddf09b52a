//! `/device`: somebody types the code that a device shows, looks at what wants to come in, and
//! decides (RFC 8628 section 3.3).
//!
//! Codes are short, so guesses are counted, by address and by account; a code that is nobody's,
//! spent or too old gets one answer.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::extract::{ConnectInfo, RawQuery, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use menshen_domain::Client;
use menshen_domain::device_authorization::{Approval, DeviceAuthorization, UserCode};
use menshen_domain::throttle::Quota;
use menshen_store::{Admission, Decision, Quoted};

use super::super::authorize::Visit;
use super::super::authorize::reply::see_other;
use super::super::subject;
use crate::app::App;
use crate::browser::Held;
use crate::error::ApiError;
use crate::form::Form;
use crate::pages::{
    DeviceConfirm, DeviceDone, DeviceEnter, DeviceProblem, DeviceVerdict, FormTarget, qr_svg,
};
use crate::sender;
use crate::sign_in::page::{checked, client_card, person};
use crate::trouble::Trouble;

/// The path.
pub(crate) const PATH: &str = "/device";

/// How many wrong codes an address or an account may try.
const GUESSES: Quota = Quota { most: 20, within: Duration::from_hours(1) };

/// The path with a code filled in: what a QR code leads to.
pub(super) fn complete(code: &UserCode) -> String {
    format!("{PATH}?user_code={code}")
}

/// `GET /device?user_code=..`
pub(crate) async fn get(
    visit: Visit,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    RawQuery(query): RawQuery,
) -> Response {
    let address = sender::address(&visit.app, peer, &visit.headers);
    let asked = Form::parse(query.unwrap_or_default().as_bytes()).ok();
    let typed = asked.as_ref().and_then(|form| form.text("user_code")).unwrap_or_default();
    let shown = async {
        match visit.browser.held(&visit.app).await? {
            // Somebody who comes back from signing in, or followed a QR code.
            Some(held) if !typed.is_empty() => look_up(&visit, address, typed, Some(held)).await,
            _ => Ok(enter(&visit, StatusCode::OK, typed, None)),
        }
    };
    shown.await.unwrap_or_else(|trouble: Trouble| trouble.show(&visit.app, &visit.chrome))
}

/// `POST /device`: a code, or what was decided about it.
pub(crate) async fn post(
    visit: Visit,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let address = sender::address(&visit.app, peer, &visit.headers);
    let answered = async {
        let form = checked(&visit, request).await?;
        let typed = form.text("user_code").unwrap_or_default();
        let held = visit.browser.held(&visit.app).await?;
        let asked_of = form.text("session");
        // Somebody else may have signed in meanwhile, in another tab.
        let decided_by =
            held.clone().filter(|held| Some(held.session.id.to_string().as_str()) == asked_of);
        match (decided_by, form.text("decision")) {
            (Some(held), Some(decision)) => {
                let verdict = if decision == "allow" {
                    DeviceVerdict::Allowed
                } else {
                    DeviceVerdict::Denied
                };
                decide(&visit, address, typed, held, verdict).await
            }
            _ => look_up(&visit, address, typed, held).await,
        }
    };
    answered.await.unwrap_or_else(|trouble: Trouble| trouble.show(&visit.app, &visit.chrome))
}

/// A device that was found by its code.
struct Found {
    code: UserCode,
    device: DeviceAuthorization,
    client: Client,
}

/// What to do about the device that shows a code.
async fn look_up(
    visit: &Visit,
    address: IpAddr,
    typed: &str,
    held: Option<Held>,
) -> Result<Response, Trouble> {
    match find(visit, address, typed, held.as_ref()).await? {
        Err(problem) => Ok(enter(visit, StatusCode::BAD_REQUEST, typed, Some(problem))),
        Ok(found) => Ok(match held {
            Some(held) => confirm(visit, &found, &held),
            None => sign_in(visit, &found.code),
        }),
    }
}

/// Decides about a device.
async fn decide(
    visit: &Visit,
    address: IpAddr,
    typed: &str,
    held: Held,
    verdict: DeviceVerdict,
) -> Result<Response, Trouble> {
    let app = &visit.app;
    let found = match find(visit, address, typed, Some(&held)).await? {
        Ok(found) => found,
        Err(problem) => return Ok(enter(visit, StatusCode::BAD_REQUEST, typed, Some(problem))),
    };
    let Found { code, device, client } = found;
    let decision = match verdict {
        DeviceVerdict::Denied => Decision::Deny,
        DeviceVerdict::Allowed => Decision::Allow(Approval {
            subject: subject::of(app, &client, &held.user.id).await?,
            user_id: held.user.id.clone(),
            sign_in_epoch: held.user.sign_in_epoch,
            authentication: held.session.authentication,
        }),
    };
    if verdict == DeviceVerdict::Allowed && !client.policy.first_party {
        app.store.give_consent(&held.user.id, &client.id, &device.scope, app.now()).await?;
    }
    if !app.store.decide_about_device(&code.hash(), &decision, app.now()).await? {
        let problem = Some(DeviceProblem::UnknownCode);
        return Ok(enter(visit, StatusCode::BAD_REQUEST, typed, problem));
    }
    tracing::info!(
        client.id = %client.id,
        user.id = %held.user.id,
        device.verdict = ?verdict,
        "somebody has decided about a device"
    );
    let view = DeviceDone { client_name: client.name, verdict };
    Ok(visit.browser.keep(app, visit.chrome.page(StatusCode::OK, &view)))
}

/// The device that shows a code. A guess is counted before anybody looks, and taken back when it
/// was none.
async fn find(
    visit: &Visit,
    address: IpAddr,
    typed: &str,
    held: Option<&Held>,
) -> Result<Result<Found, DeviceProblem>, Trouble> {
    let app = &visit.app;
    let Ok(code) = typed.parse::<UserCode>() else { return Ok(Err(DeviceProblem::UnknownCode)) };
    let by_account = held.map(|held| Quoted::UserCodesOf(held.user.id.clone()));
    let quotas: Vec<Quoted> =
        std::iter::once(Quoted::UserCodes(address)).chain(by_account).collect();
    for quoted in &quotas {
        let admission = app.store.take_from_quota(quoted, GUESSES, app.now()).await?;
        if let Admission::Wait(wait) = admission {
            return Ok(Err(DeviceProblem::TooManyAttempts(wait.as_secs() + 1)));
        }
    }
    let found = app.store.find_waiting_device(&code.hash(), app.now()).await?;
    let Some((device, client)) = found else { return Ok(Err(DeviceProblem::UnknownCode)) };
    for quoted in &quotas {
        app.store.give_back_to_quota(quoted, GUESSES).await?;
    }
    Ok(Ok(Found { code, device, client }))
}

/// The page that asks for the code.
fn enter(
    visit: &Visit,
    status: StatusCode,
    typed: &str,
    problem: Option<DeviceProblem>,
) -> Response {
    let app = &visit.app;
    // As it is shown on the device, if it is one; nothing endless is shown back.
    let user_code = match typed.parse::<UserCode>() {
        Ok(code) => code.to_string(),
        Err(_) => typed.chars().filter(|c| !c.is_control()).take(20).collect(),
    };
    let status = match problem {
        Some(DeviceProblem::TooManyAttempts(_)) => StatusCode::TOO_MANY_REQUESTS,
        _ => status,
    };
    let view = DeviceEnter { form: FormTarget::to(PATH), user_code, problem };
    let chrome = visit.browser.chrome(app, visit.chrome.clone());
    visit.browser.keep(app, chrome.page(status, &view))
}

fn confirm(visit: &Visit, found: &Found, held: &Held) -> Response {
    let app = &visit.app;
    let here = complete(&found.code);
    let view = DeviceConfirm {
        client: client_card(&found.client),
        person: person(&held.user),
        user_code: found.code.to_string(),
        scopes: found.device.scope.iter().map(str::to_owned).collect(),
        form: FormTarget::to(PATH)
            .carrying("user_code", found.code.to_string())
            .carrying("session", held.session.id.to_string()),
        other_account: Some(FormTarget::to("/sign-in/other").carrying("next", here.as_str())),
    };
    let chrome = visit.browser.chrome(app, visit.chrome.clone()).at(here);
    visit.browser.keep(app, chrome.page(StatusCode::OK, &view))
}

/// Whoever has typed a code that waits, and has to sign in first.
fn sign_in(visit: &Visit, code: &UserCode) -> Response {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let query = query.append_pair("next", &complete(code)).finish();
    let place = visit.app.config.endpoint(&format!("{}?{query}", crate::sign_in::page::PATH));
    visit.browser.keep(&visit.app, see_other(&place))
}

/// `GET /device/qr?user_code=..`: the way to the page as a picture, for a device that cannot draw
/// one. Made of the code alone; whether it is anybody's is not told.
pub(crate) async fn picture(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let form = Form::parse(query.unwrap_or_default().as_bytes()).ok();
    let code = form.as_ref().and_then(|form| form.text("user_code")?.parse::<UserCode>().ok());
    let drawn = code.and_then(|code| qr_svg(&app.config.endpoint(&complete(&code))));
    let Some(drawn) = drawn else { return ApiError::NotFound("code").into_response() };
    let fixed = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/svg+xml")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox"),
        ),
    ];
    (fixed, drawn).into_response()
}
