//! What an attacker tries at the authorization endpoint, and gets nothing by.

mod browser;
mod code;
mod pairwise;
mod redirects;
