#![doc = include_str!("../README.md")]

mod browser;
pub mod config;
mod credentials;
mod decision;
mod doors;
mod facts;
mod gateway;
mod host;
mod identity;
mod refusal;
mod requirements;
mod run;
mod target;
pub mod vault;

pub use decision::{Allowed, Decision, Fit, LOGIN_PATH, OWN_PATHS, Refused};
pub use facts::{Door, Facts, Scheme};
pub use gateway::Gateway;
pub use host::{Host, InvalidHost};
pub use identity::{HeaderNames, Identity, KeyError, Signer};
pub use menshen_token::{Entropy, SystemEntropy};
pub use refusal::Refusal;
pub use run::{Running, Start, StartError, open, run};
pub use target::{AmbiguousTarget, Leniency, Target};
pub use vault::{Vault, VaultError};
