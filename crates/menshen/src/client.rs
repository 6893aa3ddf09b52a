//! `menshen client`: the apps and services that may ask for tokens.

mod policy;

use anyhow::{Context as _, Result, anyhow};
use clap::Subcommand;
use menshen_domain::{Client, Secret};
use menshen_store::{StoreError, Which};
use menshen_token::ClientId;
use serde_json::{Value, json};

use crate::advice::Advise as _;
use crate::database::{Database, Settings, whole_list};
use crate::output::{self, ACCENT, STRONG, paint};
use policy::PolicyFlags;

/// What `menshen client` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a client; a confidential one, with a secret, unless --public
    #[command(after_help = "\
Examples:
  Your own app, which shows its own sign-in screen and can keep no secret:
    menshen client add shop-app --public --first-party \\
        --scope 'openid orders:read' --audience orders
  A service that follows the revocation feed, to check tokens by itself:
    menshen client add orders --scope revocations:read
  Somebody who may call the admin API:
    menshen client add backoffice --scope admin")]
    Add {
        /// The client's id: short, and never changed
        id: ClientId,
        /// What people call it [default: its id]
        #[arg(long)]
        name: Option<String>,
        /// It can keep no secret: an app on a phone, a page in a browser
        #[arg(long)]
        public: bool,
        #[command(flatten)]
        policy: PolicyFlags,
    },
    /// List clients
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one client and everything it may do, as JSON
    Show {
        /// The client's id
        id: ClientId,
    },
    /// Stop a client, and end everything that users allowed it
    Disable {
        /// The client's id
        id: ClientId,
    },
    /// Let a disabled client work again
    Enable {
        /// The client's id
        id: ClientId,
    },
    /// Give a client a new secret; the old one stops to work within a second
    Secret {
        /// The client's id
        id: ClientId,
    },
}

/// Does what `menshen client` was asked.
pub(crate) async fn run(args: Args) -> Result<()> {
    let database = Database::open(&args.settings).await?;
    match args.verb {
        Verb::Add { id, name, public, policy } => {
            add(&database, id, name, public, &policy).await?;
        }
        Verb::List { json } => list(&database, json).await?,
        Verb::Show { id } => output::json(&describe(&find(&database, &id).await?))?,
        Verb::Disable { id } => {
            find(&database, &id).await?;
            let receipt = database.store.disable_client(&id, database.now()).await?;
            output::done(&format!("{id} can do nothing any more"));
            receipt.iter().for_each(output::receipt);
        }
        Verb::Enable { id } => {
            find(&database, &id).await?;
            database.store.enable_client(&id).await?;
            output::done(&format!("{id} can work again"));
        }
        Verb::Secret { id } => {
            find(&database, &id).await?;
            let secret = Secret::from_random(database.random());
            database.store.replace_client_secret(&id, &secret.hash(), None).await?;
            output::done(&format!("{id} has a new secret"));
            show_once(&secret);
        }
    }
    database.close().await;
    Ok(())
}

async fn find(database: &Database, id: &ClientId) -> Result<Client> {
    let client = database.store.find_client(id).await.context("failed to find the client")?;
    client.ok_or_else(|| anyhow!("there is no client {id}")).advise("menshen client list")
}

async fn add(
    database: &Database,
    id: ClientId,
    name: Option<String>,
    public: bool,
    policy: &PolicyFlags,
) -> Result<()> {
    let policy = policy.policy();
    policy.check()?;
    let secret = (!public).then(|| Secret::from_random(database.random()));
    let name = name.unwrap_or_else(|| id.to_string());
    let client = Client {
        secret_hash: secret.as_ref().map(Secret::hash),
        ..Client::new(id, name, policy, database.now())
    };
    match database.store.create_client(&client).await {
        Err(StoreError::Conflict(Which::ClientId)) => {
            return Err(anyhow!("the client id {} is taken", client.id))
                .advise(format!("menshen client show {}", client.id));
        }
        other => other.context("failed to add the client")?,
    }
    let kind = if public { "public" } else { "confidential" };
    output::done(&format!("{} is a {kind} client", client.id));
    if let Some(secret) = secret {
        show_once(&secret);
    }
    Ok(())
}

fn show_once(secret: &Secret) {
    let label = paint(STRONG, "client secret");
    anstream::println!("  {label}  {}", paint(ACCENT, secret.expose()));
    anstream::println!("  It is not stored and cannot be shown again.");
}

async fn list(database: &Database, as_json: bool) -> Result<()> {
    let clients = whole_list(
        async |page| database.store.list_clients(&page).await,
        |client: &Client| client.id.to_string(),
    )
    .await?;
    if as_json {
        return output::json(&clients.iter().map(describe).collect::<Vec<_>>());
    }
    let row = |client: &Client| {
        vec![
            client.id.to_string(),
            client.name.clone(),
            kind(client).to_owned(),
            output::or_dash(Some(client.policy.scope.as_str())),
            if client.disabled_at.is_some() { "disabled" } else { "active" }.to_owned(),
            output::instant(client.created_at),
        ]
    };
    let header = ["id", "name", "kind", "scope", "state", "created (UTC)"];
    let nothing = "No clients yet. How to add one: menshen help client add";
    output::table(&header, clients.iter().map(row).collect(), nothing);
    Ok(())
}

fn kind(client: &Client) -> &'static str {
    if client.is_confidential() { "confidential" } else { "public" }
}

fn describe(client: &Client) -> Value {
    json!({
        "id": client.id,
        "name": client.name,
        "kind": kind(client),
        "policy": client.policy,
        "created_at": output::rfc3339(client.created_at),
        "disabled_at": client.disabled_at.map(output::rfc3339),
    })
}
