//! `grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer`: somebody whom the operator trusts says
//! who a user is (RFC 7523 section 2.1).

use std::time::Duration;

use axum::response::Response;
use menshen_domain::User;
use menshen_domain::client::{SecurityProfile, TrustedIssuer};
use menshen_domain::session::Authentication;
use menshen_store::OneTime;
use menshen_token::jws::Compact;
use menshen_token::{Algorithm, Claims, Flaw, MAX_LEEWAY, Timestamp};

use super::TokenRequest;
use super::at_once::Entrance;
use crate::client_keys::KeySource;
use crate::error::OAuthError;

/// The longest assertion that is looked at.
const MAX_BYTES: usize = 8 * 1024;

/// How far ahead an assertion may expire: that long its `jti` is remembered.
const LONGEST_LIFE: Duration = Duration::from_hours(1);

/// Lets a user in of whom an assertion speaks.
pub(super) async fn answer(request: &TokenRequest<'_>) -> Result<Response, OAuthError> {
    let app = request.app;
    let assertion = request.form.require("assertion")?;
    let entrance = Entrance::read(request).await?;
    let judged = judge(request, assertion).await.map_err(|flaw| {
        tracing::info!(client.id = %request.client.id, flaw = %flaw, "user assertion refused");
        OAuthError::InvalidGrant(None)
    })?;
    let user = find(request, &judged.subject).await?.ok_or(OAuthError::InvalidGrant(None))?;
    // No two pairs make one text: the length parts them.
    let once = format!("{} {} {}", judged.issuer.len(), judged.issuer, judged.jti);
    let forget_at = judged.expires_at + MAX_LEEWAY;
    if !app.store.consume(OneTime::UserAssertion, &once, forget_at).await? {
        return Err(OAuthError::InvalidGrant(None));
    }
    // How the user proved who they are, to whoever it was, nobody here knows.
    let authentication = Authentication { time: judged.issued_at, amr: Vec::new(), acr: None };
    entrance.open(request, &user, authentication).await
}

/// What an assertion says that holds.
struct Judged {
    issuer: String,
    subject: String,
    jti: String,
    issued_at: Timestamp,
    expires_at: Timestamp,
}

async fn judge(request: &TokenRequest<'_>, assertion: &str) -> Result<Judged, Flaw> {
    let (app, policy) = (request.app, &request.client.policy);
    let compact = Compact::parse(assertion, MAX_BYTES)?;
    // Anything but an assertion says so, and is not taken for one.
    if compact.header.token_type.is_some() && !compact.header.is_type("JWT") {
        return Err(Flaw::WrongType);
    }
    let claims = Claims::parse(&compact.payload)?;
    let text = |name| claims.text(name)?.map(str::to_owned).ok_or(Flaw::MissingClaim(name));
    let issuer = text("iss")?;
    let trusted = policy.trusted_issuers.iter().find(|trusted| trusted.issuer == issuer);
    let source = trusted.and_then(source_of).ok_or(Flaw::WrongIssuer)?;
    let fapi = policy.security_profile == SecurityProfile::Fapi2;
    let allowed: Vec<Algorithm> = Algorithm::ALL
        .into_iter()
        .filter(|algorithm| !(fapi && *algorithm == Algorithm::RS256))
        .collect();
    app.client_keys.verify(source, &compact, &allowed, app.clock.monotonic()).await?;
    let ours = [app.config.issuer().to_owned(), app.config.endpoint(super::PATH)];
    if !claims.audience()?.iter().any(|meant| ours.iter().any(|own| own == meant)) {
        return Err(Flaw::WrongAudience);
    }
    claims.judge_time(app.now())?;
    let instant = |name| claims.instant(name)?.ok_or(Flaw::MissingClaim(name));
    let (issued_at, expires_at) = (instant("iat")?, instant("exp")?);
    if expires_at > app.now() + LONGEST_LIFE {
        return Err(Flaw::NotYetValid);
    }
    let jti = text("jti")?;
    if !(1..=255).contains(&jti.len()) {
        return Err(Flaw::Malformed);
    }
    Ok(Judged { issuer, subject: text("sub")?, jti, issued_at, expires_at })
}

fn source_of(trusted: &TrustedIssuer) -> Option<KeySource<'_>> {
    let given = trusted.jwks.as_ref().map(KeySource::Given);
    given.or_else(|| trusted.jwks_uri.as_deref().map(KeySource::Published))
}

/// The user of this id or name, who may sign in.
async fn find(request: &TokenRequest<'_>, subject: &str) -> Result<Option<User>, OAuthError> {
    let store = &request.app.store;
    let by_id = match subject.parse() {
        Ok(id) => store.find_user(&id).await?,
        Err(_) => None,
    };
    let user = match (by_id, subject.parse()) {
        (None, Ok(name)) => store.find_user_by_username(&name).await?.map(|(user, _)| user),
        (found, _) => found,
    };
    Ok(user.filter(|user| user.disabled_at.is_none()))
}
