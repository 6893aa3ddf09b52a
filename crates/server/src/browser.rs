//! The browser that sends a request: who is signed in there, and whether a form came from a page of
//! ours. Two cookies, neither readable by scripts: one names the browser and ties forms to it, the
//! other holds the session and is replaced at each sign-in.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use cookie::{Cookie, SameSite};
use menshen_domain::session::{Authentication, Device};
use menshen_domain::{Secret, SecretHash, Session, User, csrf};
use menshen_store::{BrowserSignIn, SignedIn, StoreError};
use menshen_token::{Reason, SessionId};

use crate::app::App;
use crate::config::Config;
use crate::form::Form;
use crate::pages::Chrome;
use crate::revoke;

mod device;

pub(crate) use device::device;

/// How long a browser is remembered.
const BROWSER_LIFETIME: cookie::time::Duration = cookie::time::Duration::days(365);

/// The browser that sends a request.
#[derive(Debug)]
pub(crate) struct Browser {
    /// What ties forms to it.
    id: Secret,
    /// Whether the browser does not know its name yet.
    is_new: bool,
    /// The cookie that holds a session, whatever that is worth.
    session_cookie: Option<Secret>,
}

/// A session that a browser holds, and whose it is.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// The session.
    pub(crate) session: Session,
    /// Whose it is.
    pub(crate) user: User,
}

/// A form that no page of ours has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ForeignForm;

impl FromRequestParts<App> for Browser {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self::read(app, &parts.headers))
    }
}

impl Browser {
    /// Reads the cookies of a request.
    pub(crate) fn read(app: &App, headers: &HeaderMap) -> Self {
        let names = Names::of(&app.config);
        let known = value(headers, names.browser);
        Self {
            is_new: known.is_none(),
            id: known.unwrap_or_else(|| Secret::from_random(app.random())),
            session_cookie: value(headers, names.session),
        }
    }

    /// Which browser it is, in what is no secret.
    pub(crate) fn id(&self) -> SecretHash {
        self.id.hash()
    }

    /// Who is signed in here, as the database knows it now.
    ///
    /// # Errors
    ///
    /// The store's: that it cannot be told is not that nobody is.
    pub(crate) async fn held(&self, app: &App) -> Result<Option<Held>, StoreError> {
        let Some(cookie) = &self.session_cookie else { return Ok(None) };
        let found = app.store.find_browser_session(&cookie.hash(), app.now()).await?;
        Ok(found.map(|(session, user)| Held { session, user }))
    }

    /// Why whoever was signed in here is no longer, if that is known.
    ///
    /// # Errors
    ///
    /// The store's.
    pub(crate) async fn why_ended(&self, app: &App) -> Result<Option<Reason>, StoreError> {
        let Some(cookie) = &self.session_cookie else { return Ok(None) };
        app.store.why_browser_session_ended(&cookie.hash(), app.now()).await
    }

    /// What forms shown here carry as `csrf`.
    pub(crate) fn csrf(&self, app: &App) -> String {
        csrf::derive(&app.keyring.mac_keys(), &self.id)
    }

    /// The surroundings of a page with forms.
    pub(crate) fn chrome(&self, app: &App, chrome: Chrome) -> Chrome {
        chrome.with_csrf(self.csrf(app))
    }

    /// Sees to it that a form came from a page of ours, shown in this browser.
    ///
    /// # Errors
    ///
    /// [`ForeignForm`].
    pub(crate) fn check(
        &self,
        app: &App,
        headers: &HeaderMap,
        form: &Form,
    ) -> Result<(), ForeignForm> {
        // What browsers say about themselves; those that say nothing still need the token.
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let own_site = site.is_none_or(|site| site == b"same-origin" || site == b"none");
        let text = form.text("csrf").unwrap_or_default();
        let own_form = !self.is_new && csrf::holds(&app.keyring.mac_keys(), &self.id, text);
        if own_site && own_form { Ok(()) } else { Err(ForeignForm) }
    }

    /// Gives the browser its name with this answer, if it has none yet.
    pub(crate) fn keep(&self, app: &App, response: Response) -> Response {
        if !self.is_new {
            return response;
        }
        let names = Names::of(&app.config);
        let cookie = names.cookie(names.browser, self.id.expose(), BROWSER_LIFETIME);
        with_cookie(response, &cookie)
    }

    /// Signs a user in here: a session of its own, or a newer sign-in in the one they have. `None`
    /// when the user may not sign in any more. The cookies go with [`Entered::keep`].
    ///
    /// # Errors
    ///
    /// The store's.
    pub(crate) async fn enter(
        &self,
        app: &App,
        user: &User,
        authentication: Authentication,
        device: Device,
    ) -> Result<Option<Entered>, StoreError> {
        self.enter_or_raise(app, user, authentication, device, None).await
    }

    /// The same, when a sign-in that went half way is whole: it may be for a session that the
    /// browser must still hold.
    ///
    /// # Errors
    ///
    /// The store's.
    pub(crate) async fn enter_or_raise(
        &self,
        app: &App,
        user: &User,
        authentication: Authentication,
        device: Device,
        raises: Option<SessionId>,
    ) -> Result<Option<Entered>, StoreError> {
        let cookie = Secret::from_random(app.random());
        let sign_in = BrowserSignIn {
            raises,
            user_id: user.id.clone(),
            sign_in_epoch: user.sign_in_epoch,
            authentication,
            device,
            session_id: SessionId::from_bytes(app.random()),
            cookie_hash: cookie.hash(),
            previous: self.session_cookie.as_ref().map(Secret::hash),
            idle_lifetime: app.config.session_idle_lifetime,
            absolute_lifetime: app.config.session_absolute_lifetime,
        };
        match app.store.sign_in_browser(&sign_in, app.now()).await? {
            SignedIn::Refused => Ok(None),
            SignedIn::Held { session, displaced } => {
                displaced.iter().for_each(revoke::count);
                Ok(Some(Entered { session: *session, cookie }))
            }
        }
    }
}

/// Somebody has just signed in.
pub(crate) struct Entered {
    /// The session that the browser holds from now on.
    pub(crate) session: Session,
    cookie: Secret,
}

impl Entered {
    /// Gives the browser the cookie that holds the session.
    pub(crate) fn keep(&self, app: &App, response: Response) -> Response {
        let names = Names::of(&app.config);
        let lifetime = self.session.absolute_expires_at.since(app.now());
        let lifetime = cookie::time::Duration::try_from(lifetime).unwrap_or(BROWSER_LIFETIME);
        let session = names.cookie(names.session, self.cookie.expose(), lifetime);
        with_cookie(response, &session)
    }
}

/// Takes the session's cookie away with this answer.
pub(crate) fn forget_session(app: &App, response: Response) -> Response {
    let names = Names::of(&app.config);
    with_cookie(response, &names.cookie(names.session, "", cookie::time::Duration::ZERO))
}

/// What the cookies are called: under TLS so that no other host or path can set them
/// (draft-ietf-httpbis-rfc6265bis section 4.1.3.2).
struct Names {
    session: &'static str,
    browser: &'static str,
    secure: bool,
}

impl Names {
    fn of(config: &Config) -> Self {
        if config.issuer.scheme() == "https" {
            Self {
                session: "__Host-menshen-session",
                browser: "__Host-menshen-browser",
                secure: true,
            }
        } else {
            Self { session: "menshen-session", browser: "menshen-browser", secure: false }
        }
    }

    fn cookie(&self, name: &'static str, value: &str, lifetime: cookie::time::Duration) -> String {
        Cookie::build((name, value))
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .max_age(lifetime)
            .build()
            .to_string()
    }
}

/// A cookie that is there once: of two with one name nobody can tell which is ours.
fn value(headers: &HeaderMap, name: &str) -> Option<Secret> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let cookies = lines.flat_map(Cookie::split_parse).filter_map(Result::ok);
    let mut values = cookies.filter(|cookie| cookie.name() == name);
    let (Some(found), None) = (values.next(), values.next()) else { return None };
    let found = found.value();
    (found.len() == 43).then(|| Secret::new(found.to_owned()))
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(mut value) = HeaderValue::from_str(cookie) {
        value.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}
