//! How tokens are written: base64url and JSON, each of which has one spelling here.

pub(crate) mod base64url;
pub(crate) mod strict_json;
