#![doc = include_str!("../README.md")]

mod access_tokens;
mod clients;
mod codes;
mod consents;
mod consumed;
mod credentials;
mod database;
mod device_authorizations;
mod error;
mod gateway;
mod grants;
mod logout_deliveries;
mod mac_keys;
mod mailed_links;
mod pushed_requests;
mod quotas;
mod revocations;
mod sessions;
mod signing_keys;
mod store;
mod subjects;
mod users;

pub use access_tokens::sessionless::Sessionless;
pub use clients::{ClientChange, ClientSecret};
pub use codes::{CodeRefusal, Fresh, Redeemed, Redemption};
pub use consents::Consent;
pub use consumed::OneTime;
pub use credentials::digest::{NewPassword, SealedDigestKey};
pub use credentials::half_sign_ins::HalfSignIn;
pub use credentials::one_time_passwords::OneTimePasswords;
pub use credentials::throttle::{Admission, Attempt};
pub use device_authorizations::{Decision, DevicePoll, Polled};
pub use error::{Outage, StoreError, Which};
pub use gateway::{GatewayLogin, GatewaySession, GatewayTicket, LoggedOut};
pub use grants::{Issued, Refreshed};
pub use logout_deliveries::Receiver;
pub use mac_keys::{AddMacKey, SealedMacKey};
pub use mailed_links::{LinkPurpose, MailedLink, PasswordReset};
pub use pushed_requests::PushedRequest;
pub use quotas::Quoted;
pub use revocations::feed_streams::FeedStream;
pub use revocations::log::Head;
pub use revocations::{Receipt, Target};
pub use sessions::browser::{BrowserSignIn, SignedIn};
pub use sessions::{SessionChange, Swept};
pub use store::{Page, Store, StoreOptions};

/// What every fallible method returns.
pub type Result<T> = std::result::Result<T, StoreError>;
