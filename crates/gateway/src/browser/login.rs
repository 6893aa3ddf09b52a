//! `/.menshen/login` and `/.menshen/callback`: the code flow with PKCE, state and nonce, bound to
//! the browser that began it.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode, header};

use super::endpoints::Call;
use super::page::{Reply, page, see_other};
use super::provider::{LoginProvider, ProviderError, SignedIn};
use super::refresh::unavailable;
use super::{cookies, provider};
use crate::config::{Authentication, Requirements};
use crate::decision::LOGIN_PATH;
use crate::vault::{Fingerprint, Held, Login, Session};
use crate::{Host, Identity, OWN_PATHS, Refusal, Scheme, Target, requirements};

/// How long a browser may take to sign in.
const LOGIN_LIFETIME: Duration = Duration::from_mins(15);

/// A provider is asked for a sign-in that is so much more recent than the rule says: it tells whole
/// seconds, by its own clock, and the way back takes time.
const MARGIN: Duration = Duration::from_secs(5);

/// `GET /.menshen/login`: sends the browser to sign in.
pub(super) async fn begin(call: &Call<'_>) -> Result<Reply, Refusal> {
    if call.facts.scheme == Scheme::Http && !is_loopback(&call.host) {
        return Ok(page(StatusCode::FORBIDDEN, "Signing in needs an encrypted connection", ""));
    }
    let return_to = call.query("return_to").and_then(|text| own_target(call, &text));
    let required = return_to.as_ref().and_then(|to| call.requirements(&Method::GET, to));
    let session =
        |required: &&Requirements| required.authenticate.contains(&Authentication::Session);
    let required = required.filter(session).or_else(|| call.first_requirements());
    let Some(required) = required else {
        return Ok(page(StatusCode::NOT_FOUND, "Nobody can sign in here", ""));
    };
    let provider = provider_for(call, required)?;
    let (state, proof) = (call.secret(), call.secret());
    let fingerprint = Fingerprint::of(&state);
    let login = Login {
        login: provider.login.clone(),
        browser: Fingerprint::of(&proof),
        host: call.facts.host.to_ascii_lowercase(),
        redirect_uri: callback_address(call),
        verifier: call.secret(),
        nonce: call.secret(),
        max_age: required.max_age.map(|age| age.saturating_sub(MARGIN.min(age / 2))),
        return_to: return_to.map_or_else(|| "/".to_owned(), |to| to.to_string()),
    };
    let url = provider
        .authorization_url(call.gateway, &login, (&state, &required.acr))
        .await
        .map_err(|error| outage(&provider, &error))?;
    let browsers = call.gateway.browsers().ok_or(Refusal::Unavailable)?;
    let until = call.gateway.now() + LOGIN_LIFETIME;
    browsers.vault.keep_login(&fingerprint, &login, until).await.map_err(unavailable)?;
    let mut reply = see_other(url.as_str());
    let forgotten = cookies::stale_logins(call.facts).into_iter();
    let removed = forgotten.filter_map(|name| cookies::remove(call.facts, &name));
    let name = cookies::login_name(call.facts, &fingerprint);
    for line in removed.chain(cookies::set(call.facts, &name, &proof)) {
        reply.headers_mut().append(header::SET_COOKIE, line);
    }
    Ok(reply)
}

/// `GET /.menshen/callback`: the browser comes back.
pub(super) async fn finish(call: &Call<'_>) -> Result<Reply, Refusal> {
    let Some(state) = call.query("state") else { return Ok(lost()) };
    let fingerprint = Fingerprint::of(&state);
    let name = cookies::login_name(call.facts, &fingerprint);
    // Without the cookie it is another browser's login, and stays as it is.
    let Some(proof) = cookies::find(call.facts, &name)? else { return Ok(lost()) };
    let browsers = call.gateway.browsers().ok_or(Refusal::Unavailable)?;
    let now = call.gateway.now();
    let login = browsers.vault.take_login(&fingerprint, now).await.map_err(unavailable)?;
    let is_same = |login: &Login| {
        login.browser.is_of(&proof) && login.host.eq_ignore_ascii_case(&call.facts.host)
    };
    let Some(login) = login.filter(is_same) else { return Ok(lost()) };
    let Some(provider) = call.rules.logins.of(login.login.as_deref()) else { return Ok(lost()) };
    let mut reply = match signed_in(call, provider, &login).await {
        Ok(signed_in) => enter(call, provider, (login, signed_in)).await?,
        Err(Failed::Refused) => refused_page(&login.return_to),
        Err(Failed::Provider(ProviderError::Outage(reason))) => {
            return Err(outage(provider, &ProviderError::Outage(reason)));
        }
        Err(Failed::Provider(error)) => {
            tracing::warn!(error = %error, login = provider.name, "a login does not hold");
            lost()
        }
    };
    if let Some(line) = cookies::remove(call.facts, &name) {
        reply.headers_mut().append(header::SET_COOKIE, line);
    }
    Ok(reply)
}

enum Failed {
    /// The provider, or the user there, does not want to.
    Refused,
    Provider(ProviderError),
}

impl From<ProviderError> for Failed {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

async fn signed_in(
    call: &Call<'_>,
    provider: &Arc<LoginProvider>,
    login: &Login,
) -> Result<SignedIn, Failed> {
    if !provider.sent(call.gateway, call.query("iss").as_deref()).await? {
        return Err(ProviderError::Untrue("the answer comes from another provider").into());
    }
    let Some(code) = call.query("code") else { return Err(Failed::Refused) };
    Ok(provider.redeem(call.gateway, &code, login).await?)
}

/// Opens the session, and sends the browser back to where it was.
async fn enter(
    call: &Call<'_>,
    provider: &Arc<LoginProvider>,
    (login, signed_in): (Login, SignedIn),
) -> Result<Reply, Refusal> {
    let SignedIn { person, tokens, scope } = signed_in;
    let (now, lifetimes) = (call.gateway.now(), call.rules.config.sessions);
    let ends_at = now + lifetimes.lifetime;
    let provider::Person { subject, session_id, roles, acr, authenticated_at } = person;
    let identity = Identity {
        by: Authentication::Session,
        subject,
        client_id: provider.client_id.clone(),
        session_id,
        scope: scope.parse().unwrap_or_default(),
        roles,
        acr,
        authenticated_at,
        expires_at: ends_at,
        access_token: None,
        verified: None,
        kept: None,
    };
    let held = Held {
        login: provider.login.clone(),
        issuer: provider.issuer.clone(),
        host: login.host,
        identity,
        tokens,
        ends_at,
    };
    let (line, cookie) = open(call, held).await?;
    let mut reply = match complaint(call, &cookie, &login.return_to).await? {
        Some(complaint) => page(StatusCode::FORBIDDEN, complaint, &try_again(&login.return_to)),
        None => see_other(&login.return_to),
    };
    reply.headers_mut().append(header::SET_COOKIE, line);
    Ok(reply)
}

/// Opens a session under a new cookie, in the place of the one that the browser had; the line that
/// sets it.
pub(super) async fn open(
    call: &Call<'_>,
    held: Held,
) -> Result<(HeaderValue, Fingerprint), Refusal> {
    let browsers = call.gateway.browsers().ok_or(Refusal::Unavailable)?;
    let name = cookies::session_name(call.facts);
    let before = cookies::find(call.facts, &name).ok().flatten();
    let before = before.map(|value| Fingerprint::of(&value));
    let value = call.secret();
    let idle_until = call.gateway.now() + call.rules.config.sessions.idle;
    let session = Session {
        cookie: Fingerprint::of(&value),
        generation: 0,
        expires_at: held.ends_at.min(idle_until),
        held,
    };
    browsers.vault.keep_session(&session, before.as_ref()).await.map_err(unavailable)?;
    if let Some(before) = &before {
        browsers.end(before).await.map_err(unavailable)?;
    }
    tracing::info!(
        issuer = session.held.issuer,
        subject = session.held.identity.subject,
        "signed in"
    );
    let line = cookies::set(call.facts, &name, &value).ok_or(Refusal::Unavailable)?;
    Ok((line, session.cookie))
}

/// What still keeps somebody out who has just signed in. Sending them to sign in once more would
/// never end.
async fn complaint(
    call: &Call<'_>,
    cookie: &Fingerprint,
    return_to: &str,
) -> Result<Option<&'static str>, Refusal> {
    let target = Target::parse(return_to, call.rules.config.paths).ok();
    let required = target.and_then(|target| call.requirements(&Method::GET, &target));
    let Some(required) = required else { return Ok(None) };
    let browsers = call.gateway.browsers().ok_or(Refusal::Unavailable)?;
    let identity = browsers.identify(call.gateway, cookie, (call.facts, required)).await;
    let met = identity.and_then(|who| requirements::met(required, &who, call.gateway.now()));
    Ok(match met {
        Err(Refusal::InsufficientAuthentication { .. }) => {
            Some("You must sign in in a stronger way to see this")
        }
        Err(Refusal::Unauthenticated { reason, .. }) => {
            tracing::warn!(reason = %reason, "a session just opened does not suffice for its rule");
            Some("You are signed in, but this is not for you")
        }
        // Whatever else is in the way is said where the browser goes now.
        Ok(()) | Err(_) => None,
    })
}

/// The provider that a rule would have browsers sign in at.
fn provider_for(call: &Call<'_>, required: &Requirements) -> Result<Arc<LoginProvider>, Refusal> {
    call.rules.logins.of(required.login.as_deref()).cloned().ok_or(Refusal::Unavailable)
}

/// A target on the same host, read as rules read it; never an address of somebody else.
fn own_target(call: &Call<'_>, text: &str) -> Option<Target> {
    let target = Target::parse(text, call.rules.config.paths).ok()?;
    let path = target.path();
    // Browsers take two slashes, or a slash and a backslash, for the beginning of a host.
    let leaves = path.starts_with("//") || text.contains('\\');
    if leaves || path.starts_with(OWN_PATHS) { None } else { Some(target) }
}

fn callback_address(call: &Call<'_>) -> String {
    let host = call.facts.host.to_ascii_lowercase();
    format!("{}://{host}{OWN_PATHS}callback", call.facts.scheme.as_str())
}

fn is_loopback(host: &Host) -> bool {
    let name = host.as_str();
    let address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    name == "localhost"
        || name.ends_with(".localhost")
        || address.is_ok_and(|address| address.is_loopback())
}

fn outage(provider: &LoginProvider, error: &ProviderError) -> Refusal {
    tracing::error!(error = %error, login = provider.name, "nobody can sign in");
    Refusal::Unavailable
}

fn lost() -> Reply {
    page(
        StatusCode::BAD_REQUEST,
        "This login is not under way",
        "<p>It was finished already, took too long, or was begun in another browser.</p>\
         <p><a href=\"/\">Begin again</a></p>",
    )
}

fn refused_page(return_to: &str) -> Reply {
    page(StatusCode::FORBIDDEN, "You were not signed in", &try_again(return_to))
}

fn try_again(return_to: &str) -> String {
    let to: String = url::form_urlencoded::byte_serialize(return_to.as_bytes()).collect();
    format!("<p><a href=\"{LOGIN_PATH}?return_to={to}\">Sign in again</a></p>")
}
