#![doc = include_str!("../README.md")]

pub mod authorization;
pub mod claim;
pub mod client;
pub mod code;
pub mod credential;
pub mod csrf;
pub mod device_authorization;
pub mod dpop_nonce;
pub mod grant;
pub mod logout_delivery;
pub mod logout_handle;
pub mod mac_key;
pub mod one_time_password;
pub mod prompt_mark;
pub mod refresh_token;
pub mod sealed;
mod secret;
pub mod session;
pub mod signing_key;
pub mod throttle;
pub mod user;

pub use client::Client;
pub use grant::Grant;
pub use logout_delivery::LogoutDelivery;
pub use secret::{Secret, SecretHash};
pub use session::Session;
pub use user::User;
