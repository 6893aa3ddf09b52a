//! What proves, beside a token or in place of one, that a request comes from whoever holds a secret.

pub mod digest;
pub mod dpop;
