//! What a gateway may ask for at `/token`, and nobody else: a token for whoever sends a password
//! with each request. The gateway is a client that has proved who it is and whose policy says
//! `gateway`; what its users show it never leaves it but to come here.

pub(super) mod basic;
mod sessionless;
