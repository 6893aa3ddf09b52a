//! `menshen revoke`: for the day on which something leaked.

use anyhow::Result;
use clap::Subcommand;
use menshen_store::Target;
use menshen_token::{Jti, MAX_LEEWAY, Reason};

use crate::database::{Database, Settings};
use crate::output;

/// What `menshen revoke` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Revoke one access token by its `jti`; its session lives on
    Token {
        /// The `jti` claim of the token
        jti: Jti,
    },
    /// Revoke every access token issued until now; sessions live on, and apps refresh
    All,
}

/// Does what `menshen revoke` was asked.
pub(crate) async fn run(args: Args) -> Result<()> {
    let database = Database::open(&args.settings).await?;
    let now = database.now();
    let (target, reason, sentence) = match args.verb {
        Verb::Token { jti } => {
            // The rule has to outlive any token that it may be about.
            let expires_at = now + database.config.access_token_ceiling + MAX_LEEWAY;
            (Target::Token { jti, expires_at }, Reason::Admin, "the token is dead")
        }
        Verb::All => {
            (Target::All { before: now }, Reason::AllRevoked, "every access token is dead")
        }
    };
    let receipt = database.store.revoke(&target, reason, now).await?;
    output::done(sentence);
    output::receipt(&receipt);
    database.close().await;
    Ok(())
}
