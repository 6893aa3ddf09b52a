//! What the stories stand on: real servers, real databases, apps that sign in, proxies that lose
//! things. Nothing here stands in for a part of ours.

mod app;
mod browser;
mod cookies;
mod database;
mod dice;
mod ear;
mod gateway;
mod operator;
mod peers;
mod proof;
mod server;
mod site;
mod visitor;

pub(crate) use app::{App, Tokens, session_of};
pub(crate) use browser::{Browser, Kept, SIGNED_OUT, WebApp, sent, with_query};
pub(crate) use cookies::Cookies;
pub(crate) use database::Database;
pub(crate) use dice::Dice;
pub(crate) use ear::{Ear, Listens};
pub(crate) use gateway::Gateway;
pub(crate) use operator::{Operator, app_policy};
pub(crate) use peers::{Foreign, Manner, Mode, Proxy, Receiver, Redis, Told, Upstream};
pub(crate) use proof::DeviceKey;
pub(crate) use server::{Server, Setup, free_address, program};
pub(crate) use site::{Answer, Site, Wire, until};
pub(crate) use visitor::{HOST, Visitor, path_of};
