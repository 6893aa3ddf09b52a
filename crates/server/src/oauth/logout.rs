//! `/logout`: an app sends somebody here who wants to sign out (OpenID Connect RP-Initiated Logout
//! 1.0). Whoever brings a genuine ID token of the session means it; everybody else is asked.

mod front_channel;

use axum::extract::{FromRequest as _, RawQuery, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use menshen_domain::Client;
use menshen_store::Target;
use menshen_token::{ClientId, Reason, SessionId};
use url::{Url, form_urlencoded};

use super::authorize::Visit;
use super::authorize::reply::see_other;
use super::id_token_hint::{self, IdTokenHint};
use crate::app::App;
use crate::browser::{Held, forget_session};
use crate::form::Form;
use crate::pages::{ConfirmSignOut, FormTarget, SignedOut};
use crate::revoke::revoke;
use crate::sign_in::page::{self, HOME, checked, client_card, person};
use crate::trouble::Trouble;

/// The path.
pub(crate) const PATH: &str = "/logout";

/// Where the person's answer is sent to.
pub(crate) const CONFIRM_PATH: &str = "/logout/confirm";

/// How many seconds the apps of the session have to load in their frames, before the browser goes
/// on.
const FRAME_SECONDS: u32 = 2;

/// A request as an address.
pub(crate) async fn get(visit: Visit, RawQuery(query): RawQuery) -> Response {
    let form = Form::parse(query.unwrap_or_default().as_bytes());
    show(&visit, async { answer(&visit, &form?).await }.await)
}

/// A request as a form, which a page of an app sends without our cookies. As an address it comes
/// back with them.
pub(crate) async fn post(visit: Visit, request: Request) -> Response {
    let form = match Form::from_request(request, &visit.app).await {
        Ok(form) => form,
        Err(error) => return Trouble::from(error).show(&visit.app, &visit.chrome),
    };
    match visit.as_address(PATH, &form) {
        Some(elsewhere) => elsewhere,
        None => show(&visit, answer(&visit, &form).await),
    }
}

/// What the person answered who was asked.
pub(crate) async fn confirm(visit: Visit, request: Request) -> Response {
    show(&visit, confirmed(&visit, request).await)
}

fn show(visit: &Visit, answered: Result<Response, Trouble>) -> Response {
    answered.unwrap_or_else(|trouble| trouble.show(&visit.app, &visit.chrome))
}

/// What a request asks for, as far as it can be believed.
struct Asked {
    /// An ID token that we gave to this client.
    hint: Option<IdTokenHint>,
    /// Where to go afterwards.
    back: Back,
}

/// Where the browser goes afterwards.
enum Back {
    /// Nowhere: nothing was said.
    Stay,
    /// To an address that is not registered for whoever asks; so nowhere.
    Unknown,
    /// To an address that the client has registered.
    To {
        /// Whose it is.
        client: Box<Client>,
        /// The address, with `state`.
        address: String,
    },
}

impl Asked {
    async fn read(app: &App, form: &Form) -> Result<Self, Trouble> {
        let hint = form.text("id_token_hint").and_then(|hint| id_token_hint::read(app, hint));
        let named = form.text("client_id").map(|id| id.parse::<ClientId>().ok());
        if let (Some(hint), Some(named)) = (&hint, &named)
            && named.as_ref() != Some(&hint.client_id)
        {
            // They contradict each other, and neither is believed.
            return Ok(Self { hint: None, back: Back::Unknown });
        }
        let hinted = hint.as_ref().map(|hint| hint.client_id.clone());
        let client_id = hinted.or(named.flatten());
        let back = Back::find(app, client_id.as_ref(), form).await?;
        Ok(Self { hint, back })
    }
}

impl Back {
    async fn find(app: &App, client_id: Option<&ClientId>, form: &Form) -> Result<Self, Trouble> {
        let Some(uri) = form.text("post_logout_redirect_uri") else { return Ok(Self::Stay) };
        let Some(id) = client_id else { return Ok(Self::Unknown) };
        let known = app.clients.find(&app.store, app.clock.as_ref(), id).await?;
        let allows = |client: &Client| {
            let registered = &client.metadata.post_logout_redirect_uris;
            client.disabled_at.is_none() && registered.iter().any(|known| known == uri)
        };
        let Some(known) = known.filter(|known| allows(known)) else {
            tracing::info!(client.id = %id, "post_logout_redirect_uri is not registered");
            return Ok(Self::Unknown);
        };
        let address = with_state(uri, form.text("state"));
        Ok(Self::To { client: Box::new(Client::clone(&known)), address })
    }

    fn url(&self) -> Option<(&Client, Url)> {
        match self {
            Self::To { client, address } => Some((client, address.parse().ok()?)),
            Self::Stay | Self::Unknown => None,
        }
    }
}

/// The address as it was registered, with `state` as it was given.
fn with_state(uri: &str, state: Option<&str>) -> String {
    let Some(state) = state else { return uri.to_owned() };
    let separator = if uri.contains('?') { '&' } else { '?' };
    let state = form_urlencoded::byte_serialize(state.as_bytes()).collect::<String>();
    format!("{uri}{separator}state={state}")
}

async fn answer(visit: &Visit, form: &Form) -> Result<Response, Trouble> {
    let app = &visit.app;
    let asked = Asked::read(app, form).await?;
    let held = visit.browser.held(app).await?;
    let named = asked.hint.as_ref().and_then(|hint| hint.session_id);
    match (held, &asked.hint, &asked.back) {
        (Some(held), _, Back::Stay | Back::To { .. }) if named == Some(held.session.id) => {
            let session = held.session.id;
            end(visit, session, Some(&held), &asked.back).await
        }
        (Some(held), _, _) => Ok(ask(visit, &asked, &held, form)),
        (None, Some(_), Back::Unknown) => {
            Err(Trouble::mistake("post_logout_redirect_uri is not registered"))
        }
        (None, Some(_), back) => match named {
            Some(session) => end(visit, session, None, back).await,
            None => Ok(go_on(visit, SignedOut::default(), back)),
        },
        (None, None, _) => Ok(go_on(visit, SignedOut::default(), &Back::Stay)),
    }
}

/// Is that so? Only the person can say.
fn ask(visit: &Visit, asked: &Asked, held: &Held, form: &Form) -> Response {
    let app = &visit.app;
    let mut target = FormTarget::to(CONFIRM_PATH);
    let mut card = None;
    if let Some((client, url)) = asked.back.url() {
        target = target.leading_to(&url).carrying("client_id", client.id.as_str());
        for name in ["post_logout_redirect_uri", "state"] {
            if let Some(value) = form.text(name) {
                target = target.carrying(name, value);
            }
        }
        // Anybody can name a client; an ID token of it is not for everybody to have.
        card = asked.hint.is_some().then(|| client_card(client));
    }
    let view = ConfirmSignOut { person: person(&held.user), client: card, form: target };
    let chrome = visit.browser.chrome(app, visit.chrome.clone());
    visit.browser.keep(app, chrome.page(StatusCode::OK, &view))
}

async fn confirmed(visit: &Visit, request: Request) -> Result<Response, Trouble> {
    let app = &visit.app;
    let form = checked(visit, request).await?;
    if form.text("decision") != Some("sign_out") {
        return Ok(see_other(&app.config.endpoint(HOME)));
    }
    let back = Asked::read(app, &form).await?.back;
    match visit.browser.held(app).await? {
        Some(held) => end(visit, held.session.id, Some(&held), &back).await,
        None => Ok(go_on(visit, SignedOut::default(), &back)),
    }
}

/// Ends a session; a success also when it had ended before.
async fn end(
    visit: &Visit,
    session: SessionId,
    held: Option<&Held>,
    back: &Back,
) -> Result<Response, Trouble> {
    let app = &visit.app;
    let receipt = revoke(app, Target::Session(session), Reason::Logout).await?;
    let frames = match receipt.sessions {
        0 => Vec::new(),
        _ => front_channel::frames(app, session).await?,
    };
    let person = held.map(|held| person(&held.user));
    let view = SignedOut { person, apps: receipt.grants, frames, ..SignedOut::default() };
    Ok(go_on(visit, view, back))
}

/// Back to the app, or to the page that says what was ended. Where other apps must be loaded first,
/// the page is shown for a moment.
fn go_on(visit: &Visit, view: SignedOut, back: &Back) -> Response {
    let app = &visit.app;
    let address = match back {
        Back::To { address, .. } => Some(address.as_str()),
        Back::Stay | Back::Unknown => None,
    };
    if let (Some(address), true) = (address, view.frames.is_empty()) {
        return forget_session(app, see_other(address));
    }
    let back_to = back.url().map(|(client, url)| (client_card(client), url));
    let view = SignedOut { back_to, sign_in: Some(page::PATH.to_owned()), ..view };
    let chrome = visit.chrome.clone().at(PATH);
    let mut response = forget_session(app, chrome.page(StatusCode::OK, &view));
    let refresh = address.map(|address| format!("{FRAME_SECONDS}; url={address}"));
    if let Some(refresh) = refresh.and_then(|refresh| HeaderValue::from_str(&refresh).ok()) {
        response.headers_mut().insert(HeaderName::from_static("refresh"), refresh);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::with_state;

    #[test]
    fn an_address_keeps_every_letter_and_gets_the_state() {
        let cases = [
            ("https://app.example", None, "https://app.example"),
            ("https://app.example", Some("a b"), "https://app.example?state=a+b"),
            ("https://app.example/?x=%41", Some("&="), "https://app.example/?x=%41&state=%26%3D"),
            ("com.example.app:/out", Some("1"), "com.example.app:/out?state=1"),
        ];
        for (uri, state, expected) in cases {
            assert_eq!(with_state(uri, state), expected);
        }
    }
}
