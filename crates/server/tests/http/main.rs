//! Whole exchanges over HTTP: a router in this process, a SQLite file of its own, a clock that
//! the test moves.

mod account;
mod account_pages;
mod admin;
mod authorize;
mod authorize_challenge;
mod bad_input;
mod claims_by_name;
mod client_assertions;
mod client_auth;
mod client_keys;
mod cors;
mod device;
mod discovery;
mod dpop;
mod end_session;
mod feed;
mod forged_tokens;
mod forgot_password;
mod harness;
mod introspect;
mod lifecycle;
mod opaque_tokens;
mod outage;
mod own_endpoints;
mod postbox;
mod proof;
mod refresh;
mod register;
mod resources;
mod revoke;
mod sign_up;
mod single_token;
mod token;
mod userinfo;
mod walk;
