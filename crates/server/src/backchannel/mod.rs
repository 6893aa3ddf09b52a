//! Back-channel logout (OpenID Connect Back-Channel Logout 1.0): tells clients that sessions have
//! ended, from the outbox of the store, until they confirm it or a day has passed.

mod attempt;
mod lane;
mod logout_token;
mod worker;

pub(crate) use worker::deliver;
