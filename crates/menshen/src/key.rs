//! `menshen key`: the keys that sign access tokens.

use anyhow::{Context as _, Result, anyhow};
use clap::Subcommand;
use menshen_domain::signing_key::{SigningKey, State};
use menshen_token::{Algorithm, KeyId};
use serde_json::{Value, json};

use crate::advice::Advise as _;
use crate::database::{Database, Settings};
use crate::output;

/// What `menshen key` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List signing keys and where they stand
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Begin the change to a new key now, ahead of schedule
    #[command(after_help = "\
The new key is announced first, so that everybody who caches the key set has seen it before it
signs. No token dies of it. If a key leaked, revoke it instead.")]
    Rotate {
        /// The algorithm whose key is to change: ES256, RS256, PS256 or EdDSA
        #[arg(long, default_value_t, value_name = "NAME")]
        algorithm: Algorithm,
    },
    /// Revoke a key that leaked: everything it signed is dead, and a new one signs at once
    Revoke {
        /// The key's id (`kid`)
        #[arg(allow_hyphen_values = true)]
        id: KeyId,
    },
}

/// Does what `menshen key` was asked.
pub(crate) async fn run(args: Args) -> Result<()> {
    let database = Database::open(&args.settings).await?;
    match args.verb {
        Verb::List { json } => list(&database, json).await?,
        Verb::Rotate { algorithm } => {
            let keyring = database.keyring().await?;
            keyring.rotate(algorithm, database.now()).await.context("failed to rotate")?;
            output::done(&format!(
                "a new {algorithm} key is on its way; menshen key list shows it"
            ));
        }
        Verb::Revoke { id } => {
            let keyring = database.keyring().await?;
            let revoked = keyring.revoke(&id, database.now()).await.context("failed to revoke")?;
            let receipt = revoked.ok_or_else(|| anyhow!("there is no key {id}"));
            let receipt = receipt.advise("menshen key list")?;
            output::done("the key is dead, with everything it signed; a new one signs");
            output::receipt(&receipt);
        }
    }
    database.close().await;
    Ok(())
}

async fn list(database: &Database, as_json: bool) -> Result<()> {
    let keys = database.store.list_signing_keys().await.context("failed to list keys")?;
    if as_json {
        return output::json(&keys.iter().map(describe).collect::<Vec<_>>());
    }
    let instant = |at: Option<_>| at.map_or_else(|| "-".to_owned(), output::instant);
    let row = |key: &SigningKey| {
        vec![
            key.id.to_string(),
            key.algorithm.to_string(),
            state(key).to_owned(),
            output::instant(key.announced_at),
            instant(key.activated_at),
            instant(key.retired_at),
        ]
    };
    let header = ["id", "algorithm", "state", "announced (UTC)", "active since", "retired"];
    let nothing = "No keys yet: the server makes them when it starts.";
    output::table(&header, keys.iter().map(row).collect(), nothing);
    Ok(())
}

fn state(key: &SigningKey) -> &'static str {
    match key.state() {
        State::Announced => "announced",
        State::Active => "active",
        State::Retired => "retired",
        State::Removed => "removed",
    }
}

fn describe(key: &SigningKey) -> Value {
    json!({
        "id": key.id,
        "algorithm": key.algorithm,
        "state": state(key),
        "announced_at": output::rfc3339(key.announced_at),
        "activated_at": key.activated_at.map(output::rfc3339),
        "retired_at": key.retired_at.map(output::rfc3339),
        "removed_at": key.removed_at.map(output::rfc3339),
    })
}
