//! The `OpenAPI` description of the admin API, made from the handlers and the bodies they take.

use axum::http::{HeaderName, header};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use super::{
    client, clients, deliveries, keys, one_time_passwords, revocations, sessions, user, users,
};

/// A problem document (RFC 9457).
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the JSON of ApiError, and is never made")]
pub(super) struct Problem {
    /// `urn:menshen:problem:` and the code.
    r#type: String,
    title: String,
    status: u16,
    /// Stable; for programs.
    code: String,
    /// For people.
    detail: String,
}

/// One entry of the revocation log, as `docs/feed.md` specifies it.
#[derive(ToSchema)]
#[schema(as = Revocation)]
#[expect(dead_code, reason = "describes the JSON of an entry, and is never made")]
pub(super) struct LogEntry {
    seq: u64,
    /// `jti`, `sid`, `grant`, `sub_before`, `client_before`, `kid` or `all_before`.
    kind: String,
    value: Option<String>,
    before_ms: Option<i64>,
    reason: String,
    appended_at_ms: i64,
    expires_at_ms: i64,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Menshen admin API",
        description = "Users, clients, sessions, revocations and keys. Every call carries an \
                       access token with scope `admin`. What ends something answers with a \
                       receipt; `Prefer: wait=N` (RFC 7240) holds it back until every connected \
                       verifier has applied it, or N seconds (at most 30) have passed."
    ),
    paths(
        users::get, users::post, user::get, user::patch, user::set_password, user::disable,
        user::enable, one_time_passwords::get, one_time_passwords::delete, sessions::list, sessions::delete_all, sessions::get, sessions::delete,
        clients::get, clients::post, client::get, client::patch, client::replace_secret,
        client::disable, client::enable, revocations::get, revocations::post, keys::get,
        keys::rotate, keys::revoke, deliveries::get, deliveries::of_session
    ),
    security(("access_token" = ["admin"])),
    modifiers(&AccessTokenScheme)
)]
struct Description;

struct AccessTokenScheme;

impl Modify for AccessTokenScheme {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("access_token", scheme);
    }
}

/// The `OpenAPI` 3.1 description of the admin API, as JSON.
pub fn openapi() -> String {
    Description::openapi().to_pretty_json().expect("a description always serializes")
}

/// `GET /admin/openapi.json`: no secret, and so for everybody.
pub(crate) async fn get() -> ([(HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, "application/json")], openapi())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_description_changes_only_on_purpose() {
        insta::assert_snapshot!(super::openapi());
    }
}
