//! `menshen config`: the settings, explained and checked.

use anyhow::Result;
use clap::Subcommand;
use menshen_server::Config;

use crate::database::Settings;
use crate::output;

/// What `menshen config` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  menshen config > menshen.toml      every setting, commented, with its default
  menshen config check               what applies here: file, MENSHEN_* and flags")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check the settings, and print those that matter most
    Check {
        #[command(flatten)]
        settings: Settings,
    },
}

/// Does what `menshen config` was asked.
pub(crate) fn run(args: Args) -> Result<()> {
    match args.verb {
        None => anstream::print!("{}", menshen_server::config::reference()),
        Some(Verb::Check { settings }) => show(&settings.resolve(Vec::new())?),
    }
    Ok(())
}

fn show(config: &Config) {
    output::done("the settings are in order");
    let listens = if config.tls.is_some() { "https" } else { "http" };
    output::facts(&[
        ("issuer", config.issuer()),
        ("listens on", &format!("{listens}://{}", config.listen)),
        ("data", &config.data.display().to_string()),
        ("database", database_kind(config.store_url.expose())),
    ]);
}

/// The URL of a database may hold a password, so it is not shown.
fn database_kind(url: &str) -> &'static str {
    if url.starts_with("sqlite:") { "SQLite" } else { "PostgreSQL" }
}
