#![doc = include_str!("../README.md")]

mod builder;
mod follower;
mod freshness;
mod issuer;
mod key_cache;
mod layer;
mod proof;
mod rejection;
mod revocations;
#[cfg(feature = "testing")]
pub mod testing;
mod token_cache;
mod verified;
mod verifier;

pub use builder::{BuildError, VerifierBuilder};
pub use freshness::{Policy, Readiness, Status};
pub use issuer::Credentials;
#[cfg(feature = "axum")]
pub use layer::Claims;
pub use layer::{
    RequireRole, RequireScope, Requires, Verify, VerifyLayer, require_role, require_scope,
};
pub use menshen_token as token;
pub use proof::{Presented, Proof};
pub use rejection::{Rejection, Schemes};
pub use revocations::{Found, Revocations};
pub use verified::Verified;
pub use verifier::{Changes, Verifier};
