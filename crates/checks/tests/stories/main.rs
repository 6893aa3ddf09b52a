//! The stories: one promise per file, kept by the real program over real sockets.

mod harness;

mod browser_mode;
mod crashes;
mod cut_feeds;
mod endings;
mod followers;
mod foreign_logins;
mod gateway_freshness;
mod gateway_methods;
mod guessing;
mod hostile_input;
mod logouts;
mod lost_answers;
mod mirrored_gateways;
mod mirrors;
mod openidconnect;
mod outages;
mod parallel_refreshes;
mod proxies;
mod races;
mod secrets;
mod session_events;
mod thieves;
mod told_logouts;
mod two_nodes;
