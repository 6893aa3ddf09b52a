//! `/authorize`: somebody wants to sign in to an app (RFC 6749 section 3.1, OpenID Connect Core 1.0
//! section 3.1.2). The request travels with its pages, so that nothing has to be kept for somebody
//! who never comes back; each time it returns, it is judged anew.

pub(crate) mod consent;
mod issue;
pub(crate) mod reply;
pub(crate) mod request;
mod response_type;

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{FromRequest as _, FromRequestParts, RawQuery, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use menshen_domain::authorization::{self, Asked, ConsentGiven, Missing, Next, SubjectFits};
use menshen_domain::prompt_mark::{AccountChosen, PromptMark};
use menshen_domain::{SecretHash, User};
use url::form_urlencoded;

use self::reply::{Reply, see_other};
use self::request::{AuthorizationRequest, Lost, Origin};
use super::{id_token_hint, subject};
use crate::app::App;
use crate::browser::{Browser, Held};
use crate::error::OAuthError;
use crate::form::Form;
use crate::pages::Chrome;
use crate::sign_in::{code_page, page as sign_in_page};
use crate::trouble::Trouble;

/// The path.
pub(crate) const PATH: &str = "/authorize";

/// The parameter of our own by which a request knows that it is not here for the first time.
pub(crate) const MARK: &str = "prompt_mark";

/// How long a request may be on our pages before whoever comes back to it begins anew.
const LONGEST_PROMPT: Duration = Duration::from_hours(1);

/// The longest request that is turned from a form into an address.
const LONGEST_QUERY: usize = 8 * 1024;

/// A request as an address.
pub(crate) async fn get(visit: Visit, RawQuery(query): RawQuery) -> Response {
    match Form::parse(query.unwrap_or_default().as_bytes()) {
        Ok(form) => visit.answer(form).await,
        Err(error) => Trouble::from(error).show(&visit.app, &visit.chrome),
    }
}

/// A request as a form: sent by a page of somebody else, without our cookies. As an address it comes
/// back with them.
pub(crate) async fn post(visit: Visit, request: Request) -> Response {
    match Form::from_request(request, &visit.app).await {
        Ok(form) => match visit.as_address(PATH, &form) {
            Some(elsewhere) => elsewhere,
            None => visit.answer(form).await,
        },
        Err(error) => Trouble::from(error).show(&visit.app, &visit.chrome),
    }
}

/// Somebody is here with a browser.
pub(crate) struct Visit {
    pub(crate) app: App,
    pub(crate) browser: Browser,
    pub(crate) chrome: Chrome,
    pub(crate) headers: HeaderMap,
}

impl FromRequestParts<App> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self {
            browser: Browser::read(app, &parts.headers),
            chrome: Chrome::from_request_parts(parts, app).await?,
            headers: parts.headers.clone(),
            app: app.clone(),
        })
    }
}

/// A request with all that is known around it.
pub(crate) struct Pending {
    /// Who asks, and what was pushed.
    pub(crate) origin: Origin,
    /// Where the answer goes.
    pub(crate) reply: Reply,
    /// What is asked for.
    pub(crate) request: AuthorizationRequest,
    /// Where the request stands.
    pub(crate) mark: Option<PromptMark>,
    /// What names it in marks.
    fingerprint: SecretHash,
    /// The parameters as they came, without the mark.
    query: String,
}

/// Why a request cannot even be judged.
pub(crate) enum Unready {
    /// Only the person can be told.
    Lost(Lost),
    /// The client is told.
    Refused(Reply, OAuthError),
}

impl Pending {
    /// Reads a request; `form` is what the browser brought.
    pub(crate) async fn read(visit: &Visit, form: Form) -> Result<Self, Unready> {
        let app = &visit.app;
        let kept = form.pairs().filter(|(name, _)| *name != MARK);
        let query = written(kept.clone());
        let kept = kept.filter(|(name, _)| *name != "ui_locales");
        let fingerprint = fingerprint(&visit.browser, kept);
        let mark = form.text(MARK);
        let mark =
            mark.and_then(|mark| PromptMark::parse(&app.keyring.mac_keys(), &fingerprint, mark));
        let mark = mark.filter(|mark| app.now().since(mark.begun_at) <= LONGEST_PROMPT);
        let origin = request::origin(app, form).await.map_err(Unready::Lost)?;
        let (client, parameters) = (&origin.client, &origin.parameters);
        let reply = request::reply(client, parameters).map_err(Unready::Lost)?;
        let understood = if reply.mode_is_known {
            request::understand(client, parameters, origin.confirmation.as_ref())
        } else {
            Err(OAuthError::InvalidRequest("this response_mode is not supported here"))
        };
        match understood {
            Ok(request) => Ok(Self { origin, reply, request, mark, fingerprint, query }),
            Err(error) => Err(Unready::Refused(reply, error)),
        }
    }

    /// The request as a path of ours, to come back to from a page of ours.
    pub(crate) fn come_back(&self, app: &App, account_chosen: AccountChosen) -> String {
        let begun_at = self.mark.map_or_else(|| app.now(), |mark| mark.begun_at);
        let mark = PromptMark { begun_at, account_chosen };
        let mark = mark.derive(&app.keyring.mac_keys(), &self.fingerprint);
        format!("{PATH}?{}&{MARK}={mark}", self.query)
    }
}

impl Visit {
    /// Sends the browser to the same request as an address, unless that would be too long.
    pub(crate) fn as_address(&self, path: &str, form: &Form) -> Option<Response> {
        let query = written(form.pairs());
        let address = || self.app.config.endpoint(&format!("{path}?{query}"));
        (query.len() <= LONGEST_QUERY).then(|| see_other(&address()))
    }

    /// What surrounds a page that a request leads to, in the language that the request asks for
    /// unless the person has chosen one.
    pub(crate) fn chrome_for(&self, pending: Option<&Pending>) -> Chrome {
        let asked = pending.and_then(|pending| pending.origin.parameters.text("ui_locales"));
        self.browser.chrome(&self.app, self.chrome.clone().preferring(asked))
    }

    async fn answer(&self, form: Form) -> Response {
        let pending = match Pending::read(self, form).await {
            Ok(pending) => pending,
            Err(unready) => return self.turn_away(unready),
        };
        match self.proceed(&pending).await {
            Ok(response) => response,
            Err(error) => self.fail(&pending.reply, error),
        }
    }

    /// What is wrong with a request that cannot be judged.
    pub(crate) fn turn_away(&self, unready: Unready) -> Response {
        match unready {
            Unready::Lost(lost) => Trouble::from(lost).show(&self.app, &self.chrome),
            Unready::Refused(reply, error) => self.fail(&reply, error),
        }
    }

    /// An outage is told to the person: the client could not do anything about it.
    pub(crate) fn fail(&self, reply: &Reply, error: OAuthError) -> Response {
        match error {
            OAuthError::Unavailable | OAuthError::Internal => {
                Trouble::from(error).show(&self.app, &self.chrome)
            }
            error => reply.refuse(&self.app, &self.chrome, &error),
        }
    }

    async fn proceed(&self, pending: &Pending) -> Result<Response, OAuthError> {
        let app = &self.app;
        let held = self.browser.held(app).await?;
        let asked = asked(app, pending, held.as_ref()).await?;
        let session = held.as_ref().map(|held| &held.session);
        match (authorization::judge(&asked, session, app.now()), held) {
            (Next::Answer, Some(held)) => issue::answer(self, pending, &held).await,
            (Next::AskConsent, Some(held)) => Ok(consent::ask(self, pending, &held)),
            (Next::SignInAgain, Some(held)) => {
                Ok(sign_in_page::ask_again(self, pending, &held, None))
            }
            (Next::StepUp, Some(held)) => code_page::step_up(self, pending, &held).await,
            (Next::ChooseAccount, Some(held)) => Ok(sign_in_page::choose(self, pending, &held)),
            (Next::Refuse(Missing::Consent), _) => Err(OAuthError::ConsentRequired),
            (Next::Refuse(Missing::SignIn), _) => Err(OAuthError::LoginRequired),
            _ => Ok(sign_in_page::ask(self, pending, StatusCode::OK, None)),
        }
    }
}

/// What the request asks of the sign-in, given who is signed in.
pub(crate) async fn asked(
    app: &App,
    pending: &Pending,
    held: Option<&Held>,
) -> Result<Asked, OAuthError> {
    let (request, client) = (&pending.request, &pending.origin.client);
    let (subject, consent) = match held {
        None => (SubjectFits::Yes, ConsentGiven::No),
        Some(held) => (
            subject_fits(app, pending, &held.user).await?,
            consent::given(app, client, &held.user, request).await?,
        ),
    };
    Ok(Asked {
        prompt: request.prompt,
        max_age: request.max_age,
        acr: request.acr,
        mark: pending.mark,
        subject,
        consent,
    })
}

/// Whether the user is whom the hint and the claim `sub` name, if they name somebody.
async fn subject_fits(
    app: &App,
    pending: &Pending,
    user: &User,
) -> Result<SubjectFits, OAuthError> {
    let request = &pending.request;
    let hint = request.id_token_hint.as_deref().map(|hint| id_token_hint::read(app, hint));
    let own = subject::of(app, &pending.origin.client, &user.id).await?;
    let hinted = match hint {
        None => true,
        // Perhaps signed with a key that is gone: whom it names, only the person can tell.
        Some(None) => !request.prompt.none,
        Some(Some(hint)) => hint.subject == own.as_str(),
    };
    let claimed = request.claims.subject().is_none_or(|wanted| wanted == own.as_str());
    Ok(if hinted && claimed { SubjectFits::Yes } else { SubjectFits::No })
}

fn written<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// What names a request in this browser: a mark is good for nothing in another.
fn fingerprint<'a>(
    browser: &Browser,
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
) -> SecretHash {
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_unstable();
    let request = written(pairs.into_iter());
    SecretHash::of(format!("{} {request}", browser.id().as_str()).as_bytes())
}
