//! Request objects (RFC 9101, OpenID Connect Core 1.0 section 6): what a client asks for, signed
//! by the client, sent along or fetched from where the client publishes it.

use http::StatusCode;
use menshen_domain::Client;
use menshen_domain::client::SecurityProfile;
use menshen_token::jws::Compact;
use menshen_token::{Algorithm, Claims, Flaw};
use serde_json::Value;
use url::Url;

use crate::app::App;
use crate::client_keys::KeySource;
use crate::error::OAuthError;
use crate::outbound::Refused;

/// The longest request object that is looked at.
const MAX_BYTES: usize = 32 * 1024;

/// What a request object may be signed with.
pub(crate) const ALGORITHMS: [Algorithm; 4] = Algorithm::ALL;

/// Claims about the object itself; all others are parameters.
const ABOUT_ITSELF: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// Where a request object is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    /// In the parameter `request`.
    Value(&'a str),
    /// At the address in `request_uri`, which is not one of those that we gave ourselves.
    Reference(&'a str),
}

/// The parameters that a request object holds, once its client and its purpose are known to be
/// right. One that is a list of resources stands there as often (RFC 8707 section 2).
///
/// # Errors
///
/// [`OAuthError::InvalidRequestObject`], [`OAuthError::InvalidRequestUri`] or
/// [`OAuthError::RequestNotSupported`].
pub(crate) async fn parameters(
    app: &App,
    client: &Client,
    source: Source<'_>,
) -> Result<Vec<(String, String)>, OAuthError> {
    let fetched;
    let object = match source {
        Source::Value(object) => object,
        Source::Reference(address) => {
            fetched = fetch(app, client, address).await?;
            fetched.trim()
        }
    };
    if object.matches('.').count() == 4 {
        return Err(OAuthError::RequestNotSupported("encrypted request objects are not supported"));
    }
    if object.ends_with('.') {
        return Err(OAuthError::RequestNotSupported("unsigned request objects are not supported"));
    }
    match read(app, client, object).await {
        Ok(parameters) => Ok(parameters),
        Err(flaw) => {
            tracing::info!(client.id = %client.id, flaw = %flaw, "request object refused");
            Err(OAuthError::InvalidRequestObject(sentence(flaw)))
        }
    }
}

/// Fetches the object from an address that the client registered, if it registered any. The
/// fragment is not part of where it is: it may be there for caches (OpenID Connect Core 1.0
/// section 6.2).
async fn fetch(app: &App, client: &Client, address: &str) -> Result<String, OAuthError> {
    const ACCEPT: &str = "application/oauth-authz-req+jwt, application/jwt";
    let place = |uri: &str| uri.split('#').next().unwrap_or_default().to_owned();
    let registered = &client.metadata.request_uris;
    if !registered.is_empty() && !registered.iter().any(|known| place(known) == place(address)) {
        return Err(OAuthError::InvalidRequestUri("this client did not register the request_uri"));
    }
    let url: Url = address
        .parse()
        .map_err(|_| OAuthError::InvalidRequestUri("the request_uri is not an absolute URL"))?;
    // One answer, or whoever asks could look around where only we can.
    let refuse = |cause: &dyn std::fmt::Debug| {
        tracing::info!(client.id = %client.id, url.host = url.host_str(), ?cause,
            "cannot fetch a request object");
        OAuthError::InvalidRequestUri("there is no request object at the request_uri")
    };
    match app.outbound.get(&url, ACCEPT).await {
        Ok(answer) if answer.status == StatusCode::OK => {
            String::from_utf8(answer.body.to_vec()).map_err(|error| refuse(&error.utf8_error()))
        }
        Ok(answer) => Err(refuse(&answer.status)),
        Err(Refused::Address(sentence)) => Err(refuse(&sentence)),
        Err(refused) => Err(refuse(&refused)),
    }
}

async fn read(app: &App, client: &Client, object: &str) -> Result<Vec<(String, String)>, Flaw> {
    let compact = Compact::parse(object, MAX_BYTES)?;
    let typed = |name: &str| compact.header.is_type(name);
    if compact.header.token_type.is_some() && !typed("oauth-authz-req+jwt") && !typed("JWT") {
        return Err(Flaw::WrongType);
    }
    let fapi = client.policy.security_profile == SecurityProfile::Fapi2;
    let wanted = client.metadata.request_object_signing_alg;
    let allowed: Vec<Algorithm> = ALGORITHMS
        .into_iter()
        .filter(|algorithm| !(fapi && *algorithm == Algorithm::RS256))
        .filter(|algorithm| wanted.is_none_or(|wanted| wanted == *algorithm))
        .collect();
    let source = KeySource::of(client).ok_or(Flaw::UnknownKey)?;
    app.client_keys.verify(source, &compact, &allowed, app.clock.monotonic()).await?;
    let claims = Claims::parse(&compact.payload)?;
    judge(app, client, &claims)?;
    claims.judge_time(app.now())?;
    let members = claims.into_members();
    let parameters = members.into_iter().filter(|(name, _)| !ABOUT_ITSELF.contains(&&**name));
    Ok(parameters.flat_map(|(name, value)| written(name, value)).collect())
}

/// It is the client's, for us, and holds a request and not another object.
fn judge(app: &App, client: &Client, claims: &Claims) -> Result<(), Flaw> {
    let id = client.id.as_str();
    if claims.text("iss")?.is_some_and(|issuer| issuer != id) {
        return Err(Flaw::WrongIssuer);
    }
    // What is about the client itself is an assertion of who it is (RFC 9101 section 10.8).
    if claims.text("sub")?.is_some_and(|subject| subject == id) {
        return Err(Flaw::WrongType);
    }
    let audience = claims.audience()?;
    let fapi = client.policy.security_profile == SecurityProfile::Fapi2;
    let names_us = audience.contains(&app.config.issuer());
    if !names_us && (fapi || claims.find("aud").is_some()) {
        return Err(Flaw::WrongAudience);
    }
    if claims.text("client_id")?.is_some_and(|named| named != id) {
        return Err(Flaw::WrongIssuer);
    }
    let nested = ["request", "request_uri"].iter().any(|name| claims.find(name).is_some());
    if nested { Err(Flaw::Malformed) } else { Ok(()) }
}

/// A claim as the parameter it stands for (RFC 9101 section 4): numbers and switches become text,
/// and what has members stays JSON.
fn written(name: String, value: Value) -> Vec<(String, String)> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![(name, text)],
        Value::Array(many) if name == "resource" => {
            many.into_iter().flat_map(|one| written(name.clone(), one)).collect()
        }
        other => vec![(name, other.to_string())],
    }
}

const fn sentence(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Malformed => "the request object is malformed",
        Flaw::UnsupportedAlgorithm => {
            "the request object is signed with an algorithm that this client may not use"
        }
        Flaw::WrongType => "the request object is a token of another type",
        Flaw::UnknownKey | Flaw::BadSignature => "the request object is not signed by this client",
        Flaw::Expired | Flaw::NotYetValid => "the request object is not valid now",
        Flaw::WrongIssuer => "the request object is another client's",
        Flaw::WrongAudience | Flaw::MissingClaim(_) => {
            "the request object is not meant for this server"
        }
    }
}

#[cfg(test)]
mod tests;
