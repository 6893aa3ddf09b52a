//! Asking the user whether an app may have what it asks for, and remembering the answer.

use axum::extract::{FromRequest as _, Request};
use axum::http::StatusCode;
use axum::response::Response;
use menshen_domain::authorization::{self, ConsentGiven, Next};
use menshen_domain::prompt_mark::AccountChosen;
use menshen_domain::{Client, User};
use menshen_token::Scope;

use super::request::AuthorizationRequest;
use super::{Pending, Visit, asked, issue, see_other};
use crate::app::App;
use crate::browser::Held;
use crate::error::OAuthError;
use crate::form::Form;
use crate::pages::{Consent, FormTarget};
use crate::sign_in::page::{client_card, person, request_of};
use crate::trouble::Trouble;

/// The path.
pub(crate) const PATH: &str = "/consent";

/// Whether the user has allowed what a request asks for.
pub(super) async fn given(
    app: &App,
    client: &Client,
    user: &User,
    request: &AuthorizationRequest,
) -> Result<ConsentGiven, OAuthError> {
    if client.policy.first_party {
        return Ok(ConsentGiven::NotNeeded);
    }
    let allowed = app.store.find_consent(&user.id, &client.id).await?;
    let all = allowed.includes(&wanted(request)) && !allowed.is_empty();
    Ok(if all { ConsentGiven::Yes } else { ConsentGiven::No })
}

/// The scope, and what would release the claims that are asked for by name.
fn wanted(request: &AuthorizationRequest) -> Scope {
    let claims = request.claims.scope();
    let both = format!("{} {}", request.scope.as_str(), claims.as_str());
    both.parse().unwrap_or_else(|_| request.scope.clone())
}

/// The page that asks.
pub(super) fn ask(visit: &Visit, pending: &Pending, held: &Held) -> Response {
    let app = &visit.app;
    let next = pending.come_back(app, AccountChosen::Yes);
    let url = pending.reply.url();
    let mut form = FormTarget::to(PATH)
        .carrying("next", next.as_str())
        .carrying("session", held.session.id.to_string())
        .carrying("scope", wanted(&pending.request).as_str());
    if let Some(url) = &url {
        form = form.leading_to(url);
    }
    let view = Consent {
        client: client_card(&pending.origin.client),
        leads_to: url.and_then(|url| url.host_str().map(str::to_owned)),
        person: person(&held.user),
        scopes: wanted(&pending.request).iter().map(str::to_owned).collect(),
        form,
        other_account: Some(FormTarget::to("/sign-in/other").carrying("next", next)),
    };
    let chrome = visit.chrome_for(Some(pending));
    let response = chrome.page(StatusCode::OK, &view);
    visit.browser.keep(app, response)
}

/// The answer.
pub(crate) async fn post(visit: Visit, request: Request) -> Response {
    match Form::from_request(request, &visit.app).await {
        Ok(form) => match answered(&visit, &form).await {
            Ok(response) => response,
            Err(trouble) => trouble.show(&visit.app, &visit.chrome),
        },
        Err(error) => Trouble::from(error).show(&visit.app, &visit.chrome),
    }
}

async fn answered(visit: &Visit, form: &Form) -> Result<Response, Trouble> {
    let app = &visit.app;
    visit.browser.check(app, &visit.headers, form)?;
    let next = form.text("next").unwrap_or_default();
    let Some(request) = request_of(next) else { return Err(Trouble::expired()) };
    let pending = match Pending::read(visit, request).await {
        Ok(pending) => pending,
        Err(unready) => return Ok(visit.turn_away(unready)),
    };
    let held = visit.browser.held(app).await?;
    let asked_of = form.text("session");
    // Somebody else may have signed in meanwhile, in another tab.
    let held = held.filter(|held| Some(held.session.id.to_string().as_str()) == asked_of);
    let Some(held) = held else { return Ok(see_other(&app.config.endpoint(next))) };
    if form.text("decision") != Some("allow") {
        if let Some(pushed) = &pending.origin.pushed {
            app.store.drop_pushed_request(pushed).await?;
        }
        return Ok(pending.reply.refuse(app, &visit.chrome, &OAuthError::Denied));
    }
    let mut asked = asked(app, &pending, Some(&held)).await?;
    (asked.consent, asked.prompt.consent) = (ConsentGiven::Yes, false);
    if authorization::judge(&asked, Some(&held.session), app.now()) != Next::Answer {
        return Ok(see_other(&app.config.endpoint(next)));
    }
    let (client, scope) = (&pending.origin.client, wanted(&pending.request));
    // A request object that lies at the client's may say something else by now.
    if form.text("scope").unwrap_or_default() != scope.as_str() {
        return Ok(see_other(&app.config.endpoint(next)));
    }
    if !client.policy.first_party {
        app.store.give_consent(&held.user.id, &client.id, &scope, app.now()).await?;
    }
    match issue::answer(visit, &pending, &held).await {
        Ok(response) => Ok(response),
        Err(error) => Ok(visit.fail(&pending.reply, error)),
    }
}
