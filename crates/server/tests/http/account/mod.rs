//! What users may see and end of their own, from their apps and from the pages.

mod events;
mod outbox;
mod pages;
mod sessions;

pub(crate) use sessions::sign_in_as;
