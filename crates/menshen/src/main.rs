//! The one binary: composes the two arms, and holds no logic of either.

mod advice;
mod cli;
mod client;
mod config;
mod database;
mod delivery;
mod demo;
mod gateway;
mod key;
mod output;
mod revoke;
mod serve;
mod session;
mod user;

use std::process::ExitCode;

use clap::Parser as _;

/// 0 when it is done, 1 when it failed, 2 when the command line was wrong.
#[tokio::main]
async fn main() -> ExitCode {
    match cli::Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            advice::print(&error);
            ExitCode::FAILURE
        }
    }
}
