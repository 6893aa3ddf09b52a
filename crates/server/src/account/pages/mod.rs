//! `/account`: where people look after their own account, in a browser that they are signed in with.

pub(crate) mod apps;
pub(crate) mod devices;
pub(crate) mod home;
pub(crate) mod one_time_passwords;
pub(crate) mod owner;
pub(crate) mod password;
