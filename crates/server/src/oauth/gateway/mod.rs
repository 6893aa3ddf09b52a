//! What a gateway may ask for at `/token`, and nobody else: a token for whoever sends a password
//! ([`basic`]) or a proof of one ([`digest`]) with each request, and what stands behind an opaque
//! token ([`reference_token`]). The gateway is a client that has proved who it is and whose policy
//! says `gateway`.

pub(super) mod basic;
pub(super) mod digest;
pub(super) mod reference_token;
mod sessionless;
