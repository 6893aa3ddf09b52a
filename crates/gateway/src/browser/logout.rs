//! `/.menshen/logout`: the session ends here, at once, and at its provider.

use http::{StatusCode, header};
use serde_json::json;

use super::endpoints::Call;
use super::page::{Reply, empty, json, page, see_other};
use super::refresh::unavailable;
use super::{cookies, cross_site};
use crate::Refusal;
use crate::vault::{Fingerprint, Session};

/// `GET`: a button, because a link that logs out could be on any page.
pub(super) fn ask() -> Reply {
    let form = "<form method=\"post\" action=\"/.menshen/logout\"><button>Sign out</button></form>";
    page(StatusCode::OK, "Sign out?", form)
}

/// `POST`: ends the session, and sends a browser on to the provider, so that it forgets it too.
pub(super) async fn post(call: &Call<'_>) -> Result<Reply, Refusal> {
    cross_site::check(call.facts)?;
    let ended = end(call).await?;
    let provider = ended.as_ref().and_then(|session| {
        call.rules.logins.of(session.held.login.as_deref()).map(|provider| (session, provider))
    });
    let onward = match provider {
        Some((session, provider)) => {
            provider.end_session_url(call.gateway, &session.held.tokens).await
        }
        None => None,
    };
    let accept = call.facts.headers.get(header::ACCEPT).and_then(|line| line.to_str().ok());
    let navigates = accept.is_some_and(|accept| accept.contains("text/html"));
    let reply = match onward {
        Some(url) if navigates => see_other(url.as_str()),
        Some(url) => json(StatusCode::OK, &json!({ "end_session": url.as_str() })),
        None if navigates => page(StatusCode::OK, "You are signed out", ""),
        None => json(StatusCode::OK, &json!({})),
    };
    Ok(forgetting(call, reply))
}

/// `DELETE /.menshen/session`: the same for scripts, which do not go anywhere.
pub(super) async fn delete(call: &Call<'_>) -> Result<Reply, Refusal> {
    cross_site::check(call.facts)?;
    end(call).await?;
    Ok(forgetting(call, empty(StatusCode::NO_CONTENT)))
}

/// Ends the session of the cookie; `None` when there is none.
async fn end(call: &Call<'_>) -> Result<Option<Session>, Refusal> {
    let cookie = cookies::find(call.facts, &cookies::session_name(call.facts))?;
    let Some(cookie) = cookie.map(|value| Fingerprint::of(&value)) else { return Ok(None) };
    let browsers = call.gateway.browsers().ok_or(Refusal::Unavailable)?;
    let now = call.gateway.now();
    let found = browsers.vault.find_session(&cookie, now).await.map_err(unavailable)?;
    // A cookie of another host is none here.
    let is_here = |session: &Session| session.held.host.eq_ignore_ascii_case(&call.facts.host);
    let Some(session) = found.filter(is_here) else { return Ok(None) };
    browsers.end(&cookie).await.map_err(unavailable)?;
    if let Some(provider) = call.rules.logins.of(session.held.login.as_deref())
        && let Err(error) = provider.end(call.gateway, &session.held.tokens).await
    {
        tracing::warn!(error = %error, login = provider.name, "a logout did not reach the provider");
    }
    Ok(Some(session))
}

fn forgetting(call: &Call<'_>, mut reply: Reply) -> Reply {
    if let Some(line) = cookies::remove(call.facts, &cookies::session_name(call.facts)) {
        reply.headers_mut().append(header::SET_COOKIE, line);
    }
    reply
}
