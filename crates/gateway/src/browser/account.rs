//! `/.menshen/session`: who is signed in, for scripts of the site; and an access token made into a
//! cookie, for apps that have one.

use http::{StatusCode, header};
use menshen_verifier::{Presented, Rejection};
use serde_json::json;

pub(super) use super::logout::delete;

use super::endpoints::Call;
use super::page::{Reply, json};
use super::{cookies, login};
use crate::config::Authentication;
use crate::credentials::unauthenticated;
use crate::vault::{Fingerprint, Held, Tokens};
use crate::{Identity, Refusal};

/// `GET`: who is signed in. Never a token.
pub(super) async fn get(call: &Call<'_>) -> Result<Reply, Refusal> {
    let cookie = cookies::find(call.facts, &cookies::session_name(call.facts))?;
    let mut found = Err(Refusal::NoRule);
    if let Some(cookie) = cookie.map(|value| Fingerprint::of(&value)) {
        let browsers = call.gateway.browsers().ok_or(Refusal::Unavailable)?;
        // Rules may have logins of their own: the one that this session is of counts.
        for required in call.all_requirements() {
            found = browsers.identify(call.gateway, &cookie, (call.facts, required)).await;
            if !matches!(found, Err(Refusal::Unauthenticated { .. })) {
                break;
            }
        }
    }
    match found {
        Ok(identity) => Ok(json(StatusCode::OK, &shown(&identity))),
        Err(Refusal::Unavailable) => Err(Refusal::Unavailable),
        Err(_) => Ok(json(StatusCode::UNAUTHORIZED, &json!({ "authenticated": false }))),
    }
}

/// `POST`: the access token of the request becomes the cookie of a session that lasts as long.
pub(super) async fn post(call: &Call<'_>) -> Result<Reply, Refusal> {
    let required = call.first_requirements().ok_or(Refusal::NoRule)?;
    let refused = |reason| unauthenticated(required, reason);
    let facts = call.facts;
    let presented =
        Presented::from_headers(&facts.headers, &facts.method, None).map_err(refused)?;
    // A token that is bound to a key is refused: a cookie proves no possession of it.
    let token = Presented::bearer(presented.token);
    let checked = call.gateway.admit(token, required).await.map_err(refused)?;
    let own = call.rules.logins.of(None).ok_or(Refusal::Unavailable)?;
    let meant = &checked.token().audience;
    let mut accepted = call.all_requirements();
    if !accepted.any(|rule| rule.audiences.iter().any(|audience| meant.contains(audience))) {
        return Err(refused(Rejection::WrongAudience));
    }
    let identity = Identity::of_token(&checked, presented.token, Authentication::Session);
    let expires_at = identity.expires_at;
    let document = shown(&identity);
    let held = Held {
        login: None,
        issuer: own.issuer.clone(),
        host: facts.host.to_ascii_lowercase(),
        identity: Identity { access_token: None, ..identity },
        tokens: Tokens {
            access: Some(presented.token.to_owned()),
            refresh: None,
            id: None,
            expires_at,
            refresh_at: expires_at,
        },
        ends_at: expires_at,
    };
    let (line, _) = login::open(call, held).await?;
    let mut reply = json(StatusCode::CREATED, &document);
    reply.headers_mut().append(header::SET_COOKIE, line);
    Ok(reply)
}

fn shown(identity: &Identity) -> serde_json::Value {
    json!({
        "authenticated": true,
        "sub": identity.subject,
        "sid": identity.session_id,
        "scope": identity.scope.as_str(),
        "roles": identity.roles,
        "acr": identity.acr,
        "auth_time": identity.authenticated_at.map(menshen_token::Timestamp::as_seconds),
    })
}
