//! `private_key_jwt` and `client_secret_jwt` (RFC 7523 section 3, OpenID Connect Core 1.0 section
//! 9): a statement that the client signed just now, for us, to be used once.

use std::time::Duration;

use menshen_domain::Client;
use menshen_domain::client::{AuthMethod, SecurityProfile};
use menshen_store::OneTime;
use menshen_token::jws::Compact;
use menshen_token::{Algorithm, Claims, Flaw, MAX_LEEWAY};
use serde_json::Value;

use super::super::{introspect, par, revoke, token};
use crate::app::App;
use crate::client_keys::KeySource;
use crate::error::OAuthError;

/// The longest assertion that is looked at.
const MAX_BYTES: usize = 8 * 1024;

/// How far ahead an assertion may expire: that long its `jti` is remembered.
const LONGEST_LIFE: Duration = Duration::from_hours(1);

/// What `client_secret_jwt` is made with.
pub(super) const SYMMETRIC: &str = "HS256";

/// The endpoints that an assertion may be meant for instead of the issuer.
const ENDPOINTS: [&str; 5] =
    [token::PATH, introspect::PATH, revoke::PATH, par::PATH, "/device_authorization"];

/// Whom an assertion says it is about, unverified.
pub(super) fn subject_of(assertion: &str) -> Option<String> {
    let compact = Compact::parse(assertion, MAX_BYTES).ok()?;
    let claims = Claims::parse(&compact.payload).ok()?;
    claims.text("sub").ok()?.map(str::to_owned)
}

/// Whether an assertion proves that this client sent it. It is used up only when everything
/// else holds: a forgery must not spend what the client is about to send.
///
/// # Errors
///
/// The store's.
pub(super) async fn proves(
    app: &App,
    client: &Client,
    assertion: &str,
) -> Result<bool, OAuthError> {
    let judged = match judge(app, client, assertion).await {
        Ok(judged) => judged,
        Err(flaw) => {
            tracing::info!(client.id = %client.id, flaw = %flaw, "client assertion refused");
            return Ok(false);
        }
    };
    // A client id has no spaces: no two pairs make one text.
    let used = format!("{} {}", client.id, judged.jti);
    let forget_at = judged.expires_at + MAX_LEEWAY;
    Ok(app.store.consume(OneTime::ClientAssertion, &used, forget_at).await?)
}

/// What has to be remembered of an assertion that holds.
struct Judged {
    jti: String,
    expires_at: menshen_token::Timestamp,
}

async fn judge(app: &App, client: &Client, assertion: &str) -> Result<Judged, Flaw> {
    let compact = Compact::parse(assertion, MAX_BYTES)?;
    let typed = |name: &str| compact.header.is_type(name);
    // Anything but an assertion says so, and is not taken for one.
    if compact.header.token_type.is_some() && !typed("JWT") && !typed("client-authentication+jwt") {
        return Err(Flaw::WrongType);
    }
    verify(app, client, &compact).await?;
    let claims = Claims::parse(&compact.payload)?;
    let names_client = |claim| Ok(claims.text(claim)? == Some(client.id.as_str()));
    if !names_client("iss")? || !names_client("sub")? {
        return Err(Flaw::WrongIssuer);
    }
    judge_audience(app, client, &claims)?;
    claims.judge_time(app.now())?;
    let expires_at = claims.instant("exp")?.ok_or(Flaw::MissingClaim("exp"))?;
    if expires_at > app.now() + LONGEST_LIFE {
        return Err(Flaw::NotYetValid);
    }
    let jti = claims.text("jti")?.ok_or(Flaw::MissingClaim("jti"))?;
    if !(1..=255).contains(&jti.len()) {
        return Err(Flaw::Malformed);
    }
    Ok(Judged { jti: jti.to_owned(), expires_at })
}

/// Checks the signature, by the client's secret or one of its keys: never one for the other.
async fn verify(app: &App, client: &Client, compact: &Compact<'_>) -> Result<(), Flaw> {
    let wanted = client.metadata.token_endpoint_auth_signing_alg.as_deref();
    if client.metadata.token_endpoint_auth_method == Some(AuthMethod::ClientSecretJwt) {
        if wanted.is_some_and(|wanted| wanted != SYMMETRIC) {
            return Err(Flaw::UnsupportedAlgorithm);
        }
        let sealed = client.sealed_secret.as_deref().ok_or(Flaw::UnknownKey)?;
        let secret = app.keyring.unseal_secret(&client.id, sealed).map_err(|error| {
            tracing::error!(client.id = %client.id, cause = ?error, "cannot unseal a secret");
            Flaw::UnknownKey
        })?;
        return compact.verify_hs256(&secret);
    }
    let fapi = client.policy.security_profile == SecurityProfile::Fapi2;
    let allowed: Vec<Algorithm> = Algorithm::ALL
        .into_iter()
        .filter(|algorithm| !(fapi && *algorithm == Algorithm::RS256))
        .filter(|algorithm| wanted.is_none_or(|wanted| wanted == algorithm.as_str()))
        .collect();
    let source = KeySource::of(client).ok_or(Flaw::UnknownKey)?;
    app.client_keys.verify(source, compact, &allowed, app.clock.monotonic()).await
}

/// It is meant for us. FAPI 2.0 section 5.3.2.1 asks for the issuer alone, as one text: what
/// names several could have been made for somebody else.
fn judge_audience(app: &App, client: &Client, claims: &Claims) -> Result<(), Flaw> {
    let issuer = app.config.issuer();
    let holds = if client.policy.security_profile == SecurityProfile::Fapi2 {
        claims.find("aud").and_then(Value::as_str) == Some(issuer)
    } else {
        let ours = |meant: &&str| {
            *meant == issuer || ENDPOINTS.iter().any(|path| app.config.endpoint(path) == *meant)
        };
        claims.audience()?.iter().any(ours)
    };
    if holds { Ok(()) } else { Err(Flaw::WrongAudience) }
}
