//! `POST /account/logout`: easy from anything, whatever the caller still holds.
//!
//! What is presented may be a refresh token of any generation, superseded or expired; an access
//! token that is genuine, even expired; or a logout handle. What ended before is a success. Only
//! "everywhere" asks for more: a token that is alive and may speak for the account.

use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use menshen_domain::refresh_token::Presented;
use menshen_domain::{Grant, logout_handle};
use menshen_store::{Receipt, StoreError, Target};
use menshen_token::{AccessToken, Reason, SessionId};

use crate::app::App;
use crate::error::{ApiError, OAuthError};
use crate::form::Form;
use crate::revoke::{receipt, revoke};
use crate::sender::{self, own_token};

pub(crate) async fn post(State(app): State<App>, request: Request) -> Result<Response, ApiError> {
    let (method, headers) = (request.method().clone(), request.headers().clone());
    let form = if headers.contains_key(header::CONTENT_TYPE) {
        Some(Form::from_request(request, &app).await?)
    } else {
        None
    };
    let depth = Depth::read(form.as_ref().and_then(|form| form.text("depth")))?;
    let presented = match form.as_ref().and_then(|form| form.text("token")) {
        Some(token) => read(&app, token).await?,
        None => read(&app, header_token(&headers)?).await?,
    };
    let ended = match depth {
        Depth::App => end_grant(&app, &presented).await?,
        Depth::Device => end_session(&app, &presented).await?,
        Depth::Everywhere => end_everything(&app, &presented, &method, &headers).await?,
    };
    Ok(receipt(&app, &ended, &headers).await)
}

/// How much is to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    /// What this app was allowed.
    App,
    /// The session on this device.
    Device,
    /// Every session of the user.
    Everywhere,
}

impl Depth {
    fn read(text: Option<&str>) -> Result<Self, ApiError> {
        match text {
            Some("app") => Ok(Self::App),
            None | Some("device") => Ok(Self::Device),
            Some("everywhere") => Ok(Self::Everywhere),
            Some(_) => Err(ApiError::Invalid("`depth` is app, device or everywhere".to_owned())),
        }
    }
}

/// What the caller holds.
enum Held {
    Handle(SessionId),
    AccessToken(Box<AccessToken>),
    RefreshToken(Box<(Presented, Grant)>),
    /// Ours, but so old that nothing is left of what it belonged to.
    Gone,
}

/// Tells what a text is; one that is none of ours is refused.
async fn read(app: &App, text: &str) -> Result<Held, ApiError> {
    let keys = app.keyring.mac_keys();
    if let Some(session_id) = logout_handle::parse(&keys, text) {
        return Ok(Held::Handle(session_id));
    }
    if let Some(presented) = Presented::parse(&keys, text) {
        return match app.store.find_grant(presented.grant_id).await? {
            Some(grant) if presented.derives_from(&grant.seed) => {
                Ok(Held::RefreshToken(Box::new((presented, grant))))
            }
            Some(_) => Err(foreign()),
            None => Ok(Held::Gone),
        };
    }
    let token = own_token::genuine(app, text).await?.ok_or_else(foreign)?;
    Ok(Held::AccessToken(Box::new(token)))
}

fn foreign() -> ApiError {
    ApiError::Invalid("the token is none of ours".to_owned())
}

/// The token of the `Authorization` header, whatever its binding: ending what one holds asks
/// for no more than holding it.
fn header_token(headers: &HeaderMap) -> Result<&str, ApiError> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let line = match (lines.next(), lines.next()) {
        (Some(line), None) => line.to_str().map_err(|_| foreign())?,
        (None, _) => return Err(ApiError::MissingToken),
        (Some(_), Some(_)) => {
            return Err(ApiError::Invalid("there must be one Authorization header".to_owned()));
        }
    };
    let (scheme, token) = line.split_once(' ').ok_or(ApiError::MissingToken)?;
    let known = ["bearer", "dpop"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    if known { Ok(token.trim_start_matches(' ')) } else { Err(ApiError::MissingToken) }
}

async fn end_grant(app: &App, held: &Held) -> Result<Receipt, ApiError> {
    let target = match held {
        Held::RefreshToken(held) => Target::Grant(held.1.id),
        Held::AccessToken(token) => match token.grant_id {
            Some(grant_id) => Target::Grant(grant_id),
            None => return Ok(end_alone(app, token).await?),
        },
        Held::Handle(_) => {
            let sentence = "a logout handle ends its session; its depth is device";
            return Err(ApiError::Invalid(sentence.to_owned()));
        }
        Held::Gone => return Ok(nothing(app).await?),
    };
    Ok(revoke(app, target, Reason::Logout).await?)
}

async fn end_session(app: &App, held: &Held) -> Result<Receipt, ApiError> {
    let (session_id, own_grant) = match held {
        Held::Handle(session_id) => (*session_id, None),
        Held::RefreshToken(held) => {
            let (_, grant) = held.as_ref();
            (grant.session_id, grant.outlives_session.then_some(grant.id))
        }
        // A service that acts for the user gives its own token back, and signs nobody out.
        Held::AccessToken(token) if token.actor.is_some() => {
            return Ok(end_alone(app, token).await?);
        }
        Held::AccessToken(token) => match (token.session_id, token.grant_id) {
            (Some(session_id), _) => (session_id, None),
            // Of a grant that outlives its session: the app that holds it signs out itself.
            (None, Some(grant_id)) => match app.store.find_grant(grant_id).await? {
                Some(grant) => (grant.session_id, Some(grant_id)),
                None => return Ok(nothing(app).await?),
            },
            (None, None) => return Ok(end_alone(app, token).await?),
        },
        Held::Gone => return Ok(nothing(app).await?),
    };
    let mut ended = revoke(app, Target::Session(session_id), Reason::Logout).await?;
    if let Some(grant_id) = own_grant {
        let own = revoke(app, Target::Grant(grant_id), Reason::Logout).await?;
        ended.seq = ended.seq.max(own.seq);
        ended.sessions += own.sessions;
        ended.grants += own.grants;
    }
    Ok(ended)
}

async fn end_everything(
    app: &App,
    held: &Held,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Receipt, ApiError> {
    let user_id = match held {
        Held::AccessToken(token) => {
            let caller = sender::authenticate(app, method, "/account/logout", headers).await?;
            caller.require("account")?;
            if caller.token.jti != token.jti {
                let sentence = "two different access tokens are given";
                return Err(ApiError::Invalid(sentence.to_owned()));
            }
            caller.token.subject
        }
        Held::RefreshToken(held) => {
            let (presented, grant) = held.as_ref();
            let proof = sender::proof(app, method, "/account/logout", headers).await;
            let proof = proof.map_err(OAuthError::at_resource)?;
            let proven = proof.map(|proof| proof.thumbprint);
            let bound_elsewhere = grant.confirmation.is_some() && grant.confirmation != proven;
            let client = app.store.find_client(&grant.client_id).await?;
            let speaks_for_the_account = client.is_some_and(|client| {
                client.policy.first_party
                    && !client.is_confidential()
                    && client.disabled_at.is_none()
            });
            let live = presented.generation == grant.generation
                && grant.ended.is_none()
                && grant.expired(app.now()).is_none();
            if !live || bound_elsewhere {
                return Err(ApiError::InvalidToken);
            }
            if !speaks_for_the_account {
                return Err(ApiError::InsufficientScope("account"));
            }
            grant.user_id.clone()
        }
        Held::Handle(_) | Held::Gone => return Err(ApiError::InsufficientScope("account")),
    };
    Ok(revoke(app, Target::User(user_id), Reason::LogoutEverywhere).await?)
}

/// Ends a token that belongs to nothing but itself. One that has expired needs no rule.
async fn end_alone(app: &App, token: &AccessToken) -> Result<Receipt, StoreError> {
    if token.expires_at <= app.now() {
        return nothing(app).await;
    }
    let target = Target::Token { jti: token.jti, expires_at: token.expires_at };
    revoke(app, target, Reason::Logout).await
}

/// The receipt for what is long gone.
async fn nothing(app: &App) -> Result<Receipt, StoreError> {
    let seq = app.store.head().await?.seq;
    Ok(Receipt::nothing(seq))
}
