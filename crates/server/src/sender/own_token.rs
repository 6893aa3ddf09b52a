//! Access tokens of our own, as they come back to us: signed ones, and references to what is kept
//! here. Whether they were revoked is not looked at here.
//!
//! A token under a key that is not known here may be a stranger's, or one that another node has
//! made with a key it has made a moment ago: the keys are read again before anybody says "dead".

use menshen_domain::SecretHash;
use menshen_store::StoreError;
use menshen_token::{AccessToken, Expectations, Flaw, KeySet, MAX_LEEWAY};

use crate::app::App;
use crate::error::OAuthError;

/// What opaque access tokens begin with; no signed one does.
pub(crate) const OPAQUE_PREFIX: &str = "mat_";

/// The length of an opaque access token: the prefix and 32 bytes as base64url.
const OPAQUE_CHARACTERS: usize = OPAQUE_PREFIX.len() + 43;

/// A token that is genuine and has not expired, whoever it is meant for; `None` for any other.
///
/// # Errors
///
/// [`OAuthError::Unavailable`] when what is kept cannot be read, or its key is not known and the
/// keys cannot be.
pub(crate) async fn live(app: &App, token: &str) -> Result<Option<AccessToken>, OAuthError> {
    judge_live(app, token, None).await
}

/// Like [`live`], and meant for us: whoever runs another service receives tokens all day, and
/// must not be able to use them here (RFC 9068 section 4).
///
/// # Errors
///
/// Those of [`live`].
pub(super) async fn live_here(app: &App, token: &str) -> Result<Option<AccessToken>, OAuthError> {
    judge_live(app, token, Some(vec![app.config.issuer().to_owned()])).await
}

/// A token that we have signed, expired or not; `None` for any other.
///
/// # Errors
///
/// Those of [`live`].
pub(crate) async fn genuine(app: &App, token: &str) -> Result<Option<AccessToken>, OAuthError> {
    let found = if token.starts_with(OPAQUE_PREFIX) {
        kept(app, token).await?
    } else {
        judge(app, |keys| menshen_token::authenticate(token, keys)).await?
    };
    Ok(found.filter(|token| token.issuer == app.config.issuer()))
}

async fn judge_live(
    app: &App,
    token: &str,
    audience: Option<Vec<String>>,
) -> Result<Option<AccessToken>, OAuthError> {
    let issuer = app.config.issuer().to_owned();
    let expected = Expectations { issuer, audience, leeway: MAX_LEEWAY };
    if token.starts_with(OPAQUE_PREFIX) {
        let found = kept(app, token).await?;
        return Ok(found.filter(|token| expected.judge(token, app.now()).is_ok()));
    }
    judge(app, |keys| menshen_token::verify(token, keys, &expected, app.now())).await
}

/// What an opaque token stands for; other texts need no look-up.
async fn kept(app: &App, token: &str) -> Result<Option<AccessToken>, StoreError> {
    if token.len() != OPAQUE_CHARACTERS {
        return Ok(None);
    }
    app.store.find_opaque_token(&SecretHash::of(token.as_bytes())).await
}

async fn judge(
    app: &App,
    check: impl Fn(&KeySet) -> Result<AccessToken, Flaw>,
) -> Result<Option<AccessToken>, OAuthError> {
    match check(&app.keyring.public()) {
        Err(Flaw::UnknownKey) => {
            app.keyring.refresh_for_unknown(app.clock.monotonic()).await?;
            Ok(check(&app.keyring.public()).ok())
        }
        judged => Ok(judged.ok()),
    }
}
