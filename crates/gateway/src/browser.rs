//! Browsers: they sign in here, hold a cookie, and never see a token.

mod account;
mod backchannel;
pub(crate) mod cookies;
pub(crate) mod cross_site;
pub(crate) mod endpoints;
mod login;
mod logins;
mod logout;
mod page;
mod provider;
mod refresh;
mod sessions;
pub(crate) mod tickets;

pub(crate) use logins::Logins;
pub(crate) use sessions::Browsers;
