//! A token response (RFC 6749 section 5.1): the access token minted, the refresh token derived
//! from what the store issued.

use axum::Json;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use menshen_domain::claim::{self, ClaimPlace};
use menshen_domain::client::{AccessTokenFormat, Client, Renewal};
use menshen_domain::mac_key::MacKeys;
use menshen_domain::{Secret, SecretHash, logout_handle, refresh_token};
use menshen_store::Issued;
use menshen_token::digest::DigestKey;
use menshen_token::{
    AccessToken, Algorithm, Jti, KeyId, MAX_TOKEN_BYTES, Scope, Thumbprint, Timestamp,
};
use serde::Serialize;

use super::TokenRequest;
use super::grant_type::GrantType;
use super::id_token::IdToken;
use super::resource;
use crate::app::App;
use crate::error::OAuthError;
use crate::keyring::KeyringError;
use crate::sender;
use crate::sender::own_token::OPAQUE_PREFIX;

/// The type of the one kind of token that an exchange takes and gives (RFC 8693 section 3).
pub(in crate::oauth) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// On which occasion tokens are given.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// A session was opened: its logout handle goes with them, this once.
    SignIn {
        /// What the ID token has to give back.
        nonce: Option<String>,
    },
    /// It was renewed by a refresh token.
    Refresh,
    /// An access token was exchanged for the next.
    Exchange,
}

/// What a client gets.
#[derive(Serialize)]
struct TokenResponse<'a> {
    access_token: &'a str,
    token_type: &'static str,
    /// Seconds from now until the access token expires.
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    logout_handle: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest_key: Option<&'a str>,
}

/// What the request narrows its access token to.
#[derive(Default)]
pub(crate) struct Narrowing {
    /// The scope, when it asks for less than was allowed.
    pub(crate) scope: Option<Scope>,
    /// Whom it is for, when that is fewer than was allowed (RFC 8707).
    pub(crate) audience: Option<Vec<String>>,
    /// The key that it proved possession of.
    pub(crate) proof: Option<Thumbprint>,
}

/// Gives the tokens of a session.
pub(crate) async fn of_session(
    app: &App,
    issued: Issued,
    narrowing: Narrowing,
    occasion: Occasion,
) -> Result<Response, OAuthError> {
    let mac_keys = app.keyring.mac_keys();
    let refresh_token = refresh_token(&issued, &mac_keys)?;
    let is_sign_in = matches!(occasion, Occasion::SignIn { .. });
    let logout_handle = is_sign_in.then(|| logout_handle::derive(&mac_keys, issued.session.id));
    let mut token = access_token(app, &issued, narrowing);
    let written = write(app, &issued.client, &mut token).await?;
    let id_token = match &occasion {
        Occasion::SignIn { nonce } => {
            id_token(app, &issued, &token, &written, nonce.as_deref()).await?
        }
        Occasion::Refresh => id_token(app, &issued, &token, &written, None).await?,
        Occasion::Exchange => None,
    };
    let extras = Extras {
        refresh_token,
        id_token,
        logout_handle,
        issued_token_type: (occasion == Occasion::Exchange).then_some(ACCESS_TOKEN),
        digest_key: None,
    };
    Ok(answer(app, &token, &written, &extras))
}

fn refresh_token(issued: &Issued, mac_keys: &MacKeys) -> Result<Option<Secret>, OAuthError> {
    let grant = &issued.grant;
    match issued.client.policy.renewal {
        Renewal::RefreshToken if GrantType::RefreshToken.is_for(&issued.client) => {}
        _ => return Ok(None),
    }
    let Some(key) = mac_keys.find(&grant.mac_key_id) else {
        tracing::error!(mac_key.id = %grant.mac_key_id, "the key of a grant is not here");
        return Err(OAuthError::Unavailable);
    };
    Ok(Some(refresh_token::derive(key, grant.id, &grant.seed, grant.generation)))
}

/// The access token of a grant, not signed yet.
pub(crate) fn access_token(app: &App, issued: &Issued, narrowing: Narrowing) -> AccessToken {
    let Issued { grant, session, user, client, access_expires_at, .. } = issued;
    let scope = narrowing.scope.unwrap_or_else(|| grant.scope.clone());
    let named = narrowing.audience.as_ref().unwrap_or(&grant.audience);
    let scope = resource::scope_at(named, scope, &client.policy);
    let custom = if client.policy.claims.is_empty() {
        claim::beyond_standard(user)
    } else {
        claim::mapped(ClaimPlace::AccessToken, user, client, Some(session))
    };
    AccessToken {
        key_id: unsigned(),
        issuer: app.config.issuer().to_owned(),
        subject: grant.subject.clone(),
        audience: audience(app, named, &scope),
        expires_at: *access_expires_at,
        issued_at: grant.issued_at,
        not_before: None,
        jti: Jti::from_bytes(app.random()),
        client_id: grant.client_id.clone(),
        session_id: (!grant.outlives_session).then_some(session.id),
        grant_id: Some(grant.id),
        scope,
        auth_time: Some(grant.authentication.time),
        acr: grant.authentication.acr.clone(),
        amr: grant.authentication.amr.clone(),
        roles: user.roles.clone(),
        confirmation: grant.confirmation.clone().or(narrowing.proof),
        actor: None,
        custom,
    }
}

/// The ID token that goes with an access token, when the scope asks for one.
async fn id_token(
    app: &App,
    issued: &Issued,
    token: &AccessToken,
    written: &str,
    nonce: Option<&str>,
) -> Result<Option<String>, OAuthError> {
    if !token.scope.contains("openid") {
        return Ok(None);
    }
    let id_token = IdToken {
        grant: &issued.grant,
        session: &issued.session,
        user: &issued.user,
        client: &issued.client,
        nonce,
        access_token: Some(written),
        code: None,
    };
    id_token.mint(app, app.now()).await.map(Some)
}

/// What goes with an access token.
#[derive(Default)]
pub(crate) struct Extras {
    refresh_token: Option<Secret>,
    id_token: Option<String>,
    logout_handle: Option<Secret>,
    issued_token_type: Option<&'static str>,
    digest_key: Option<DigestKey>,
}

impl Extras {
    /// What goes with a token of this type that was got in exchange.
    pub(in crate::oauth) fn of_exchange(issued: &'static str) -> Self {
        Self { issued_token_type: Some(issued), ..Self::default() }
    }

    /// What goes with a token that a gateway got: a key for the requests that follow, if any.
    pub(in crate::oauth) fn of_digest(digest_key: Option<DigestKey>) -> Self {
        Self { digest_key, ..Self::default() }
    }
}

/// Writes an access token for a client and gives it.
pub(crate) async fn of_token(
    app: &App,
    client: &Client,
    mut token: AccessToken,
    extras: Extras,
) -> Result<Response, OAuthError> {
    let written = write(app, client, &mut token).await?;
    Ok(answer(app, &token, &written, &extras))
}

/// Like [`of_token`], but signed whatever the client's other tokens look like.
pub(in crate::oauth) async fn of_signed_token(
    app: &App,
    client: &Client,
    mut token: AccessToken,
    extras: Extras,
) -> Result<Response, OAuthError> {
    let algorithm = client.signed_with(Some(client.policy.algorithm));
    let written = mint(app, algorithm, &mut token).await?;
    Ok(answer(app, &token, &written, &extras))
}

fn answer(app: &App, token: &AccessToken, written: &str, extras: &Extras) -> Response {
    // As the token says it: in whole seconds.
    let expires_at = Timestamp::from_seconds(token.expires_at.as_seconds());
    let body = Json(TokenResponse {
        access_token: written,
        token_type: if token.confirmation.is_some() { "DPoP" } else { "Bearer" },
        expires_in: expires_at.since(app.now()).as_secs(),
        refresh_token: extras.refresh_token.as_ref().map(Secret::expose),
        id_token: extras.id_token.as_deref(),
        scope: token.scope.as_str(),
        logout_handle: extras.logout_handle.as_ref().map(Secret::expose),
        issued_token_type: extras.issued_token_type,
        digest_key: extras.digest_key.as_ref().map(DigestKey::expose),
    });
    ([(header::CACHE_CONTROL, "no-store")], body).into_response()
}

/// Writes an access token as its client gets it: signed, or as a reference to what is kept here.
pub(crate) async fn write(
    app: &App,
    client: &Client,
    token: &mut AccessToken,
) -> Result<String, OAuthError> {
    match client.policy.access_token_format {
        AccessTokenFormat::Jwt => {
            mint(app, client.signed_with(Some(client.policy.algorithm)), token).await
        }
        AccessTokenFormat::Opaque => {
            let reference = Secret::from_random(app.random());
            let written = format!("{OPAQUE_PREFIX}{}", reference.expose());
            let hash = SecretHash::of(written.as_bytes());
            app.store.keep_opaque_token(&hash, token).await?;
            Ok(written)
        }
    }
}

/// Signs a payload; the first of an algorithm waits until a key has been made.
///
/// # Errors
///
/// The keyring's.
pub(crate) async fn sign(
    app: &App,
    algorithm: Algorithm,
    token_type: &str,
    payload: &[u8],
) -> Result<String, OAuthError> {
    match app.keyring.sign(algorithm, token_type, payload) {
        Err(KeyringError::NoKey(_)) => {
            app.keyring.tend(algorithm, app.now()).await?;
            Ok(app.keyring.sign(algorithm, token_type, payload)?)
        }
        signed => Ok(signed?),
    }
}

/// Signs; the first token of an algorithm waits until a key has been made.
///
/// # Errors
///
/// The keyring's; [`OAuthError::Internal`] for a token longer than anybody looks at.
async fn mint(
    app: &App,
    algorithm: Algorithm,
    token: &mut AccessToken,
) -> Result<String, OAuthError> {
    let minted = match app.keyring.mint(algorithm, token) {
        Err(KeyringError::NoKey(_)) => {
            app.keyring.tend(algorithm, app.now()).await?;
            app.keyring.mint(algorithm, token)?
        }
        minted => minted?,
    };
    if minted.len() > MAX_TOKEN_BYTES {
        // Nobody would accept it: the client must not take it for a session.
        tracing::error!(
            client.id = %token.client_id,
            user.id = %token.subject,
            token.bytes = minted.len(),
            "an access token is too long: its user has too many claims, or its client too much \
             scope or audience"
        );
        return Err(OAuthError::Internal);
    }
    Ok(minted)
}

/// Stands in for the id of the signing key until [`mint`] writes the real one.
pub(in crate::oauth) fn unsigned() -> KeyId {
    "unsigned".parse().expect("visible ASCII is a key id")
}

/// Scopes of endpoints of our own.
pub(in crate::oauth) const OWN_SCOPES: [&str; 5] =
    ["openid", "account", "admin", "revocations:read", super::super::register::SCOPE];

/// Who a token is for: whom the client's policy names, and the issuer itself when it names
/// nobody or the token is good for something here.
pub(in crate::oauth) fn audience(app: &App, policy: &[String], scope: &Scope) -> Vec<String> {
    let issuer = app.config.issuer();
    let mut audience = policy.to_vec();
    let used_here = audience.is_empty() || OWN_SCOPES.iter().any(|own| scope.contains(own));
    if used_here && !audience.iter().any(|named| named == issuer) {
        audience.push(issuer.to_owned());
    }
    audience
}

/// The key that a token request proved possession of.
///
/// # Errors
///
/// As [`sender::proof`]; a client that must prove one and does not is refused.
pub(in crate::oauth) async fn proof(
    request: &TokenRequest<'_>,
) -> Result<Option<Thumbprint>, OAuthError> {
    let proof = sender::proof(request.app, &Method::POST, super::PATH, request.headers).await?;
    match proof {
        None if request.client.needs_proof() => {
            Err(OAuthError::InvalidDpopProof("a DPoP proof is required"))
        }
        proof => Ok(proof.map(|proof| proof.thumbprint)),
    }
}

/// The scope that a request asks for, which what was allowed must include.
///
/// # Errors
///
/// [`OAuthError::InvalidScope`].
pub(in crate::oauth) fn narrowed(
    request: &TokenRequest<'_>,
    allowed: &Scope,
) -> Result<Option<Scope>, OAuthError> {
    let Some(asked) = request.form.text("scope") else { return Ok(None) };
    let scope: Scope = asked.parse().map_err(|_| OAuthError::InvalidScope)?;
    if allowed.includes(&scope) { Ok(Some(scope)) } else { Err(OAuthError::InvalidScope) }
}

/// The one value of a header that may be left out.
///
/// # Errors
///
/// [`OAuthError::InvalidRequest`] with `sentence` when it is given twice or is not 1 to 255
/// visible ASCII characters.
pub(super) fn one_line<'a>(
    headers: &'a HeaderMap,
    name: &str,
    sentence: &'static str,
) -> Result<Option<&'a [u8]>, OAuthError> {
    let mut lines = headers.get_all(name).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    let line = line.as_bytes();
    let valid = (1..=255).contains(&line.len()) && line.iter().all(u8::is_ascii_graphic);
    if valid && lines.next().is_none() {
        Ok(Some(line))
    } else {
        Err(OAuthError::InvalidRequest(sentence))
    }
}
