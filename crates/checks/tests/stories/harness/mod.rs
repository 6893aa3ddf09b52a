//! What the stories stand on: real servers, real databases, apps that sign in, proxies that lose
//! things. Nothing here stands in for a part of ours.

mod app;
mod browser;
mod database;
mod dice;
mod foreign;
mod gateway;
mod operator;
mod proof;
mod proxy;
mod receiver;
mod redis;
mod server;
mod site;
mod upstream;
mod visitor;

pub(crate) use app::{App, Tokens, session_of};
pub(crate) use browser::{Browser, Kept, SIGNED_OUT, WebApp, sent, with_query};
pub(crate) use database::Database;
pub(crate) use dice::Dice;
pub(crate) use foreign::Foreign;
pub(crate) use gateway::Gateway;
pub(crate) use operator::{Operator, app_policy};
pub(crate) use proof::DeviceKey;
pub(crate) use proxy::{Mode, Proxy};
pub(crate) use receiver::{Manner, Receiver, Told};
pub(crate) use redis::Redis;
pub(crate) use server::{Server, Setup, free_address, program};
pub(crate) use site::{Answer, Site, Wire, until};
pub(crate) use upstream::Upstream;
pub(crate) use visitor::{HOST, Visitor, path_of};
