//! `/admin/users`: list and create.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use menshen_domain::Secret;
use menshen_domain::user::{User, Username, check_claims};
use menshen_token::{Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Admin;
use super::openapi::Problem;
use crate::account::password::check_new;
use crate::app::App;
use crate::error::ApiError;
use crate::json::{Body, Paging, Query, instant};

/// A person or robot that can sign in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserBody {
    /// `sub` in tokens; never changes.
    #[schema(value_type = String)]
    id: UserId,
    username: String,
    roles: Vec<String>,
    #[schema(value_type = Object)]
    claims: Map<String, Value>,
    #[schema(format = DateTime)]
    created_at: String,
    /// Since when the user may not sign in.
    #[schema(format = DateTime)]
    disabled_at: Option<String>,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username.to_string(),
            roles: user.roles,
            claims: user.claims,
            created_at: instant(user.created_at),
            disabled_at: user.disabled_at.map(instant),
        }
    }
}

/// One page of users, in the order of their ids.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserList {
    users: Vec<UserBody>,
    /// What to give as `after` for the next page; `null` on the last one.
    next: Option<String>,
}

/// List users
#[utoipa::path(
    get, path = "/admin/users", tag = "users", operation_id = "list_users", params(Paging),
    responses((status = 200, body = UserList), (status = "default", body = Problem))
)]
pub(crate) async fn get(
    State(app): State<App>,
    _: Admin,
    Query(paging): Query<Paging>,
) -> Result<Json<UserList>, ApiError> {
    let users = app.store.list_users(&paging.page()?).await?;
    let next = paging.next(&users, |user| user.id.to_string());
    Ok(Json(UserList { users: users.into_iter().map(UserBody::from).collect(), next }))
}

/// Somebody new.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    /// What the user types to sign in; capital letters and spaces around it do not count.
    username: String,
    /// Without one the user cannot sign in with a password.
    password: Option<String>,
    /// Roles, as access tokens carry them.
    #[serde(default)]
    roles: Vec<String>,
    /// Further claims of access tokens. Registered claims cannot be overridden.
    #[serde(default)]
    #[schema(value_type = Object)]
    claims: Map<String, Value>,
}

/// Create a user
#[utoipa::path(
    post, path = "/admin/users", tag = "users", operation_id = "create_user",
    request_body = NewUser,
    responses(
        (status = 201, body = UserBody),
        (status = 409, description = "The username is taken", body = Problem),
        (status = "default", body = Problem)
    )
)]
pub(crate) async fn post(
    State(app): State<App>,
    _: Admin,
    Body(new): Body<NewUser>,
) -> Result<(StatusCode, Json<UserBody>), ApiError> {
    let username: Username =
        new.username.parse().map_err(|error| ApiError::Invalid(format!("{error}")))?;
    check_claims(&new.roles, &new.claims)?;
    let password = match new.password.map(Secret::new) {
        Some(password) => {
            check_new(&password)?;
            Some(app.hashing.hash(password).await?)
        }
        None => None,
    };
    let user = User {
        id: UserId::from_bytes(app.random()),
        username,
        roles: new.roles,
        claims: new.claims,
        tokens_not_before: Timestamp::default(),
        sign_in_epoch: 0,
        created_at: app.now(),
        disabled_at: None,
    };
    match app.store.create_user(&user, password.as_ref()).await {
        Ok(()) => Ok((StatusCode::CREATED, Json(user.into()))),
        Err(menshen_store::StoreError::Conflict(_)) => Err(ApiError::Conflict("username")),
        Err(error) => Err(error.into()),
    }
}
