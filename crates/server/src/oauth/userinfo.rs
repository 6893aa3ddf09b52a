//! `GET` and `POST /userinfo`: who the bearer of an access token is (OpenID Connect Core 1.0
//! section 5.3), as the database knows it now and not as the token said it then.

use axum::Json;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use menshen_domain::claim::{self, ClaimPlace, ClaimsRequest};
use menshen_domain::{Client, Grant, Session, User};
use menshen_token::{AccessToken, Algorithm, Scope};
use serde_json::{Map, Value};

use super::token::response::sign;
use crate::app::App;
use crate::error::OAuthError;
use crate::form::Form;
use crate::sender::{self, Caller};

/// The path.
pub(crate) const PATH: &str = "/userinfo";

/// Who the bearer is.
pub(crate) async fn get(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, OAuthError> {
    answer(&app, &method, &headers).await
}

/// Who the bearer is; the token may stand in a form instead (RFC 6750 section 2.2).
pub(crate) async fn post(State(app): State<App>, request: Request) -> Result<Response, OAuthError> {
    let (method, mut headers) = (request.method().clone(), request.headers().clone());
    if !headers.contains_key(header::AUTHORIZATION) && headers.contains_key(header::CONTENT_TYPE) {
        let form = Form::from_request(request, &app).await?;
        if let Some(token) = form.text("access_token") {
            let mut line = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| OAuthError::InvalidToken)?;
            line.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, line);
        }
    }
    answer(&app, &method, &headers).await
}

async fn answer(app: &App, method: &Method, headers: &HeaderMap) -> Result<Response, OAuthError> {
    let caller = sender::authenticate(app, method, PATH, headers).await?;
    let bearer = find(app, &caller).await?;
    let claims = bearer.claims(&caller.token.scope);
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    let Some(algorithm) = bearer.client.metadata.userinfo_signed_response_alg else {
        return Ok((no_store, Json(Value::Object(claims))).into_response());
    };
    let signed = signed(app, &bearer.client, algorithm, claims).await?;
    let content_type = [(header::CONTENT_TYPE, "application/jwt")];
    Ok((no_store, content_type, signed).into_response())
}

/// Whom the token speaks for, and to whom.
struct Bearer {
    user: User,
    client: Client,
    grant: Grant,
    session: Session,
}

/// A client that acts for itself is nobody's user, whatever its name.
async fn find(app: &App, caller: &Caller) -> Result<Bearer, OAuthError> {
    let gone = || OAuthError::InvalidToken;
    let grant_id = caller.token.grant_id.ok_or_else(gone)?;
    let grant = app.store.find_grant(grant_id).await?.ok_or_else(gone)?;
    let user = app.store.find_user(&grant.user_id).await?;
    let user = user.filter(|user| user.disabled_at.is_none()).ok_or_else(gone)?;
    let client = app.store.find_client(&caller.token.client_id).await?.ok_or_else(gone)?;
    let session = app.store.find_session(grant.session_id).await?.ok_or_else(gone)?;
    Ok(Bearer { user, client, grant, session })
}

impl Bearer {
    /// What the scope releases and the client asked for by name; of our own apps, everything.
    fn claims(&self, scope: &Scope) -> Map<String, Value> {
        let Self { user, client, grant, session } = self;
        let mut claims = claim::released_by(scope, user);
        // A token that was narrowed to something else, or got in exchange, does not speak for that.
        if scope.contains("openid") {
            claims.extend(ClaimsRequest::released(&grant.claims.userinfo, user));
        }
        if client.policy.first_party {
            claims.extend(claim::beyond_standard(user));
        }
        claims.extend(claim::mapped(ClaimPlace::Userinfo, user, client, Some(session)));
        claims.retain(|name, _| !AccessToken::RESERVED_CLAIMS.contains(&name.as_str()));
        if client.policy.first_party && !user.roles.is_empty() {
            claims.insert("roles".to_owned(), user.roles.clone().into());
        }
        claims.insert("sub".to_owned(), grant.subject.as_str().into());
        claims
    }
}

/// The claims as a JWT for the client (OpenID Connect Core 1.0 section 5.3.2).
async fn signed(
    app: &App,
    client: &Client,
    algorithm: Algorithm,
    mut claims: Map<String, Value>,
) -> Result<String, OAuthError> {
    let algorithm = client.signed_with(Some(algorithm));
    claims.insert("iss".to_owned(), app.config.issuer().into());
    claims.insert("aud".to_owned(), client.id.as_str().into());
    let payload = serde_json::to_vec(&claims).expect("a map serializes");
    sign(app, algorithm, "JWT", &payload).await
}
