//! What stands around Menshen: a provider that is not ours, networks that lose things, apps that are
//! told of logouts, services behind a gateway, a Redis.

mod foreign;
mod proxy;
mod receiver;
mod redis;
mod upstream;

pub(crate) use foreign::Foreign;
pub(crate) use proxy::{Mode, Proxy};
pub(crate) use receiver::{Manner, Receiver, Told};
pub(crate) use redis::Redis;
pub(crate) use upstream::Upstream;
