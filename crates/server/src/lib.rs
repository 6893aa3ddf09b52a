#![doc = include_str!("../README.md")]

mod account;
mod admin;
mod app;
mod client_cache;
pub mod config;
mod entropy;
mod error;
mod feed;
mod form;
mod hashing;
mod health;
mod housekeeping;
pub mod keyring;
mod oauth;
mod revoke;
mod router;
mod run;
mod sender;
mod telemetry;

pub use app::{App, AssemblyError};
pub use config::Config;
pub use entropy::{Entropy, SystemEntropy};
pub use router::router;
pub use run::{Running, run};
