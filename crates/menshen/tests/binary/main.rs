//! The built binary, used as its users use it.

mod configuration;
mod demo;
mod gateway;
mod harness;
mod help;
mod serve;
mod verbs;
