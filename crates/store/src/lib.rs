#![doc = include_str!("../README.md")]

mod clients;
mod codes;
mod consumed;
mod credentials;
mod database;
mod error;
mod grants;
mod mac_keys;
mod revocations;
mod sessions;
mod signing_keys;
mod store;
mod users;

pub use codes::{CodeRefusal, Fresh, Redeemed, Redemption};
pub use consumed::OneTime;
pub use credentials::throttle::{Admission, Attempt};
pub use error::{Outage, StoreError, Which};
pub use grants::{Issued, Refreshed};
pub use mac_keys::{AddMacKey, SealedMacKey};
pub use revocations::feed_streams::FeedStream;
pub use revocations::log::Head;
pub use revocations::{Receipt, Target};
pub use store::{Page, Store, StoreOptions};

/// What every fallible method returns.
pub type Result<T> = std::result::Result<T, StoreError>;
