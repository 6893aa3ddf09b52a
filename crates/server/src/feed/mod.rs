//! The revocation feed of `docs/feed.md`: the log as a stream, as polled JSON, and who has
//! applied how much of it; and the waking of those who wait for the end of one session.

pub(crate) mod acknowledgement;
mod door;
mod elsewhere;
mod hub;
mod poll;
mod registry;
mod ring;
mod stream;
mod tail;
mod watchers;

pub(crate) use door::get;
pub(crate) use hub::Hub;
pub(crate) use hub::stopped;
pub(crate) use registry::Acknowledgement;
pub(crate) use watchers::{NoRoom, Watch, WatchLimits};
