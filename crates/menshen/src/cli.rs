//! The command line: every verb, and what `--help` says.

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::output::HELP;
use crate::{client, config, delivery, demo, gateway, key, revoke, serve, session, user};

/// Menshen: the token and session server whose logout logs out.
#[derive(Debug, Parser)]
#[command(
    name = "menshen",
    version,
    styles = HELP,
    max_term_width = 90,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Start here:
  menshen demo                 watch a session open, live and end, in two processes
  menshen serve                run the server; no configuration needed
  menshen user add ada         add somebody who can sign in
  menshen help client add      add an app, with every choice it has"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the server
    Serve(serve::Args),
    /// Run the gateway: the check in front of services that cannot be changed
    Gateway(gateway::Args),
    /// Watch the whole story: sign in, refresh, sign out, and every token is dead
    Demo(demo::Args),
    /// Print every setting with its meaning, or check a file of them
    Config(config::Args),
    /// Add users, list them, change and disable them
    User(user::Args),
    /// Add clients (your apps and services), list them, change and disable them
    Client(client::Args),
    /// See where somebody is signed in, and end it
    Session(session::Args),
    /// See which apps were told of a logout, and which were not reached
    Delivery(delivery::Args),
    /// See the signing keys, rotate them, revoke one that leaked
    Key(key::Args),
    /// Revoke one token, or all that exist
    Revoke(revoke::Args),
    /// Print the description of the admin API (OpenAPI 3.1)
    Openapi,
    /// Print completions for a shell
    #[command(after_help = "Example:\n  source <(menshen completions bash)")]
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// The protected API of the demo
    #[command(hide = true)]
    DemoApi,
}

impl Cli {
    /// Does what was asked.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.verb {
            Verb::Serve(args) => Box::pin(serve::run(args)).await,
            Verb::Gateway(args) => Box::pin(gateway::run(args)).await,
            Verb::Demo(args) => demo::run(args).await,
            Verb::Config(args) => config::run(args),
            Verb::User(args) => user::run(args).await,
            Verb::Client(args) => client::run(args).await,
            Verb::Session(args) => session::run(args).await,
            Verb::Delivery(args) => delivery::run(args).await,
            Verb::Key(args) => key::run(args).await,
            Verb::Revoke(args) => revoke::run(args).await,
            Verb::Openapi => {
                anstream::println!("{}", menshen_server::openapi());
                Ok(())
            }
            Verb::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Self::command(), "menshen", &mut script);
                anstream::print!("{}", String::from_utf8_lossy(&script));
                Ok(())
            }
            Verb::DemoApi => demo::api().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }
}
