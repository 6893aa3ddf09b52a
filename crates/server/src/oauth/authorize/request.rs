//! An authorization request, read and checked: by itself, by reference to one that was pushed
//! (RFC 9126), or out of a request object (RFC 9101).

use std::time::Duration;

use menshen_domain::authorization::Prompt;
use menshen_domain::claim::ClaimsRequest;
use menshen_domain::client::{Client, SecurityProfile};
use menshen_domain::code::CodeChallenge;
use menshen_domain::session::Acr;
use menshen_domain::{Secret, SecretHash};
use menshen_token::{ClientId, Scope, Thumbprint};

use super::reply::{Reply, ResponseMode};
use super::response_type::ResponseType;
use crate::app::App;
use crate::client_cache::Known;
use crate::error::OAuthError;
use crate::form::Form;
use crate::oauth::request_object::{self, Source};

/// What the addresses of pushed requests begin with (RFC 9126 section 2.2).
pub(crate) const PUSHED: &str = "urn:ietf:params:oauth:request_uri:";

/// The longest `state` and `nonce` that are kept, in bytes.
const LONGEST: usize = 2 * 1024;

/// Where the parameters of a request are, and whose they are.
pub(crate) struct Origin {
    /// Who asks.
    pub(crate) client: Known,
    /// What for.
    pub(crate) parameters: Form,
    /// The pushed request behind it, which a code uses up.
    pub(crate) pushed: Option<SecretHash>,
    /// The key that it was pushed with (RFC 9449 section 10.1).
    pub(crate) confirmation: Option<Thumbprint>,
}

/// Nobody can be told but the person in front of the browser.
#[derive(Debug)]
pub(crate) enum Lost {
    /// What the client did wrong: a stable phrase.
    Mistake(&'static str),
    /// What was pushed is used up or too old.
    Expired,
    /// Something of ours, or of the request object, is wrong.
    Error(OAuthError),
}

impl<E: Into<OAuthError>> From<E> for Lost {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// Finds out who asks, and what for.
pub(crate) async fn origin(app: &App, form: Form) -> Result<Origin, Lost> {
    let id = form.text("client_id").ok_or(Lost::Mistake("missing client_id"))?;
    let id: ClientId = id.parse().map_err(|_| Lost::Mistake("unknown client_id"))?;
    let client = app.clients.find(&app.store, app.clock.as_ref(), &id).await?;
    let client = client.filter(|client| client.disabled_at.is_none());
    let client = client.ok_or(Lost::Mistake("unknown client_id"))?;
    match (form.text("request"), form.text("request_uri")) {
        (Some(_), Some(_)) => Err(Lost::Mistake("request and request_uri together")),
        (None, Some(uri)) if uri.starts_with(PUSHED) => pushed(app, client, &form, uri).await,
        _ if client.needs_pushed_request() => {
            Err(Lost::Mistake("invalid request: it must be pushed"))
        }
        (Some(object), None) => {
            let parameters =
                request_object::parameters(app, &client, Source::Value(object)).await?;
            by_object(client, &form, parameters)
        }
        (None, Some(uri)) => {
            let source = Source::Reference(uri);
            let parameters = request_object::parameters(app, &client, source).await?;
            by_object(client, &form, parameters)
        }
        (None, None) if client.metadata.require_signed_request_object => {
            Err(Lost::Mistake("invalid request: it must be signed"))
        }
        (None, None) => Ok(Origin { client, parameters: form, pushed: None, confirmation: None }),
    }
}

/// Only what was pushed counts (RFC 9126 section 4).
async fn pushed(app: &App, client: Known, form: &Form, uri: &str) -> Result<Origin, Lost> {
    let hash = SecretHash::of(uri.strip_prefix(PUSHED).unwrap_or_default().as_bytes());
    let found = app.store.find_pushed_request(&hash, app.now()).await?;
    let found = found.filter(|found| found.client_id == client.id).ok_or(Lost::Expired)?;
    let mut parameters = found.parameters;
    carry_over(form, &mut parameters);
    Ok(Origin {
        client,
        parameters: Form::from_pairs(parameters)?,
        pushed: Some(hash),
        confirmation: found.confirmation,
    })
}

/// Only what is signed counts (RFC 9101 section 6.3).
fn by_object(
    client: Known,
    form: &Form,
    mut parameters: Vec<(String, String)>,
) -> Result<Origin, Lost> {
    carry_over(form, &mut parameters);
    let parameters = Form::from_pairs(parameters)?;
    Ok(Origin { client, parameters, pushed: None, confirmation: None })
}

/// What is about the person in front of the browser and not about the request.
fn carry_over(form: &Form, parameters: &mut Vec<(String, String)>) {
    for own in ["ui_locales", super::MARK] {
        if let Some(value) = form.text(own) {
            parameters.retain(|(name, _)| name != own);
            parameters.push((own.to_owned(), value.to_owned()));
        }
    }
}

/// Where the answer goes, good or bad; that must be settled before anything else is looked at.
pub(crate) fn reply(client: &Client, parameters: &Form) -> Result<Reply, Lost> {
    let uri = parameters.text("redirect_uri").ok_or(Lost::Mistake("missing redirect_uri"))?;
    if !client.metadata.allows_redirect_to(uri) {
        return Err(Lost::Mistake("invalid redirect_uri"));
    }
    let asked = parameters.text("response_type").and_then(ResponseType::parse);
    let by_default = asked.map_or(ResponseMode::Query, ResponseType::default_mode);
    let mode = match parameters.text("response_mode") {
        None => Some(by_default),
        Some("query") if by_default == ResponseMode::Query => Some(ResponseMode::Query),
        Some("fragment") => Some(ResponseMode::Fragment),
        Some("form_post") => Some(ResponseMode::FormPost),
        Some(_) => None,
    };
    let state = parameters.text("state").filter(|state| state.len() <= LONGEST);
    Ok(Reply {
        redirect_uri: uri.to_owned(),
        mode: mode.unwrap_or(by_default),
        mode_is_known: mode.is_some(),
        state: state.map(str::to_owned),
        client_name: client.name.clone(),
    })
}

/// A request that makes sense.
pub(crate) struct AuthorizationRequest {
    pub(crate) response_type: ResponseType,
    /// What is asked for, as far as the client may have it.
    pub(crate) scope: Scope,
    /// Whom access tokens are for.
    pub(crate) audience: Vec<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<CodeChallenge>,
    /// The key that a code is bound to (RFC 9449 section 10).
    pub(crate) confirmation: Option<Thumbprint>,
    pub(crate) prompt: Prompt,
    pub(crate) max_age: Option<Duration>,
    /// The least that the sign-in must be worth.
    pub(crate) acr: Acr,
    pub(crate) claims: ClaimsRequest,
    pub(crate) login_hint: Option<String>,
    pub(crate) id_token_hint: Option<String>,
}

/// Reads a request whose client and address are known.
///
/// # Errors
///
/// What the client is told.
pub(crate) fn understand(
    client: &Client,
    parameters: &Form,
    proven: Option<&Thumbprint>,
) -> Result<AuthorizationRequest, OAuthError> {
    let response_type = response_type(client, parameters)?;
    let scope = scope(client, parameters)?;
    let nonce = bounded(parameters, "nonce", "nonce is too long")?;
    bounded(parameters, "state", "state is too long")?;
    if response_type.id_token && (nonce.is_none() || !scope.contains("openid")) {
        return Err(OAuthError::InvalidRequest("an ID token needs a nonce and the scope openid"));
    }
    if parameters.text("registration").is_some() {
        return Err(OAuthError::InvalidRequest("registration is not supported"));
    }
    let prompt = Prompt::parse(parameters.text("prompt").unwrap_or_default());
    let claims = parameters.text("claims").map(ClaimsRequest::parse);
    let claims = claims.unwrap_or_else(|| Some(ClaimsRequest::default()));
    let claims = claims.ok_or(OAuthError::InvalidRequest("claims is malformed"))?;
    Ok(AuthorizationRequest {
        response_type,
        audience: audience(client, parameters)?,
        nonce,
        challenge: challenge(client, parameters)?,
        confirmation: confirmation(parameters, proven)?,
        prompt: prompt.ok_or(OAuthError::InvalidRequest("prompt=none stands alone"))?,
        max_age: max_age(client, parameters)?,
        acr: essential_acr(&claims)?.max(acr(client, parameters)),
        claims: claims.within(&client.policy.scope),
        login_hint: parameters.text("login_hint").map(str::to_owned),
        id_token_hint: parameters.text("id_token_hint").map(str::to_owned),
        scope,
    })
}

/// The least that the claim `acr` insists on (OpenID Connect Core 1.0 section 5.5.1.1).
fn essential_acr(claims: &ClaimsRequest) -> Result<Acr, OAuthError> {
    let wanted = claims.essential_acr().unwrap_or_default();
    let least = Acr::least_of(wanted.iter().map(String::as_str));
    if least.is_none() && !wanted.is_empty() {
        return Err(OAuthError::UnmetAuthenticationRequirements);
    }
    Ok(least.unwrap_or_default())
}

/// The least of `acr_values` that we know, or of those that the client has registered: any one of
/// them will do (RFC 9470 section 4). Values of others ask for nothing.
pub(crate) fn acr(client: &Client, parameters: &Form) -> Acr {
    let registered =
        || Acr::least_of(client.metadata.default_acr_values.iter().map(String::as_str));
    let asked = parameters.text("acr_values").map(|values| Acr::least_of(values.split(' ')));
    asked.unwrap_or_else(registered).unwrap_or_default()
}

fn response_type(client: &Client, parameters: &Form) -> Result<ResponseType, OAuthError> {
    let text = parameters.text("response_type");
    let text = text.ok_or(OAuthError::MissingParameter("response_type"))?;
    let asked = ResponseType::parse(text).ok_or(OAuthError::UnsupportedResponseType)?;
    let legacy =
        client.policy.legacy_grants && client.policy.security_profile != SecurityProfile::Fapi2;
    let allowed = client.metadata.allows_response_type(text) && (asked.is_code_only() || legacy);
    if allowed { Ok(asked) } else { Err(OAuthError::UnsupportedResponseType) }
}

/// What the client may have of what it asks for. OpenID Connect Core 1.0 section 3.1.2.1 has values
/// that are not understood passed over; without `openid` there is no such rule, and an app is told.
pub(crate) fn scope(client: &Client, parameters: &Form) -> Result<Scope, OAuthError> {
    let Some(asked) = parameters.text("scope") else { return Ok(client.policy.scope.clone()) };
    let asked: Scope = asked.parse().map_err(|_| OAuthError::InvalidScope)?;
    if client.policy.scope.includes(&asked) {
        return Ok(asked);
    }
    if !asked.contains("openid") || !client.policy.scope.contains("openid") {
        return Err(OAuthError::InvalidScope);
    }
    let allowed = asked.iter().filter(|value| client.policy.scope.contains(value));
    allowed.collect::<Vec<_>>().join(" ").parse().map_err(|_| OAuthError::InvalidScope)
}

/// The resources asked for (RFC 8707 section 2.1), or else whomever the client's policy names.
pub(crate) fn audience(client: &Client, parameters: &Form) -> Result<Vec<String>, OAuthError> {
    let policy = &client.policy;
    let mut resources: Vec<String> = Vec::new();
    for resource in parameters.all("resource") {
        let known = policy.resources.contains_key(resource)
            || policy.audience.iter().any(|named| named == resource);
        if !known {
            return Err(OAuthError::InvalidTarget);
        }
        resources.push(resource.to_owned());
    }
    Ok(if resources.is_empty() { policy.audience.clone() } else { resources })
}

/// S256 and nothing weaker. Only a client that authenticates may do without.
pub(crate) fn challenge(
    client: &Client,
    parameters: &Form,
) -> Result<Option<CodeChallenge>, OAuthError> {
    match (parameters.text("code_challenge"), parameters.text("code_challenge_method")) {
        (Some(challenge), Some("S256")) => {
            let malformed = OAuthError::InvalidRequest("the code challenge is malformed");
            challenge.parse().map(Some).map_err(|_| malformed)
        }
        (None, None) if !client.needs_challenge() => Ok(None),
        (None, _) => Err(OAuthError::MissingParameter("code_challenge")),
        (Some(_), _) => Err(OAuthError::InvalidRequest("code_challenge_method must be S256")),
    }
}

pub(crate) fn confirmation(
    parameters: &Form,
    proven: Option<&Thumbprint>,
) -> Result<Option<Thumbprint>, OAuthError> {
    let named = parameters.text("dpop_jkt").map(str::parse::<Thumbprint>).transpose();
    let named = named.map_err(|_| OAuthError::InvalidRequest("dpop_jkt is malformed"))?;
    match (named, proven) {
        (Some(named), Some(proven)) if named != *proven => {
            Err(OAuthError::InvalidDpopProof("dpop_jkt names another key than the DPoP proof"))
        }
        (named, proven) => Ok(proven.cloned().or(named)),
    }
}

fn max_age(client: &Client, parameters: &Form) -> Result<Option<Duration>, OAuthError> {
    let malformed = |_| OAuthError::InvalidRequest("max_age is a number of seconds");
    let asked = parameters.text("max_age").map(str::parse::<u32>).transpose().map_err(malformed)?;
    let seconds = asked.map(u64::from).or(client.metadata.default_max_age);
    Ok(seconds.map(Duration::from_secs))
}

fn bounded(
    parameters: &Form,
    name: &str,
    too_long: &'static str,
) -> Result<Option<String>, OAuthError> {
    match parameters.text(name) {
        Some(text) if text.len() > LONGEST => Err(OAuthError::InvalidRequest(too_long)),
        text => Ok(text.map(str::to_owned)),
    }
}

/// A new address for a request that is pushed: what the client gets, and the hash that is kept.
pub(crate) fn fresh_uri(random: [u8; 32]) -> (String, SecretHash) {
    let secret = Secret::from_random(random);
    (format!("{PUSHED}{}", secret.expose()), secret.hash())
}
