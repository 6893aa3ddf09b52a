//! The OAuth endpoints: each module is one of them, named after its path.

pub(crate) mod authorize;
pub(crate) mod authorize_challenge;
mod client_auth;
pub(crate) mod device_authorization;
pub(crate) mod discovery;
mod gateway;
mod id_token_hint;
pub(crate) mod introspect;
pub(crate) mod jwks;
pub(crate) mod logout;
pub(crate) mod par;
pub(crate) mod register;
mod request_object;
pub(crate) mod revoke;
pub(crate) mod subject;
pub(crate) mod token;
pub(crate) mod userinfo;
