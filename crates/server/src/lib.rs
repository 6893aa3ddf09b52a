#![doc = include_str!("../README.md")]

mod account;
mod admin;
mod app;
mod backchannel;
mod browser;
mod client_cache;
mod client_keys;
pub mod config;
mod error;
mod feed;
mod form;
mod hashing;
mod health;
mod housekeeping;
mod json;
pub mod keyring;
mod mail;
mod mirror;
mod oauth;
mod outbound;
pub mod pages;
mod revoke;
mod router;
mod run;
mod sender;
mod sign_in;
mod telemetry;
mod trouble;

pub use admin::openapi;
pub use app::{App, AssemblyError};
pub use config::Config;
pub use menshen_token::{Entropy, SystemEntropy};
pub use outbound::{Outbound, OutboundError, OutboundSettings};
pub use router::router;
pub use run::{Running, StartError, open, open_data_folder, open_keyring, open_store, run};
pub use telemetry::install_telemetry;
