//! The OAuth endpoints: each module is one of them, named after its path.

pub(crate) mod authorize_challenge;
mod client_auth;
pub(crate) mod discovery;
pub(crate) mod introspect;
pub(crate) mod jwks;
#[cfg_attr(not(test), expect(dead_code, reason = "for the authorization endpoint"))]
pub(crate) mod request_object;
pub(crate) mod revoke;
pub(crate) mod subject;
pub(crate) mod token;
pub(crate) mod userinfo;
