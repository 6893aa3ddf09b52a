//! `menshen client`: the apps and services that may ask for tokens.

mod metadata;
mod policy;

use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use clap::Subcommand;
use menshen_domain::client::{AuthMethod, ClientMetadata, ClientPolicy};
use menshen_domain::{Client, Secret};
use menshen_store::{ClientChange, StoreError, Which};
use menshen_token::ClientId;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::advice::Advise as _;
use crate::database::{Database, Settings, whole_list};
use crate::output::{self, ACCENT, STRONG, paint};
use metadata::MetadataFlags;
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
  A web app with a server, which sends users to our pages:
    menshen client add shop --redirect-uri https://shop.example/callback \\
        --post-logout-redirect-uri https://shop.example/goodbye \\
        --backchannel-logout-uri https://shop.example/logged-out \\
        --scope 'openid profile email offline_access'
  A page that runs in the browser, or an app that uses the system's browser:
    menshen client add desk --public --redirect-uri https://desk.example/callback
    menshen client add phone --public --redirect-uri com.example.phone:/callback
  A television or a command line, which shows a code:
    menshen client add tv --public --grant-type device_code --grant-type refresh_token \\
        --scope 'openid profile'
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
        flags: Box<Flags>,
    },
    /// Change a client: what is given, and nothing else
    #[command(after_help = "\
What may be given again replaces the whole list. Sessions and tokens that there are keep the
lifetimes they were given.

Examples:
  menshen client change shop --redirect-uri https://shop.example/callback \\
      --redirect-uri https://staging.shop.example/callback
  menshen client change shop --require-pkce --first-party=false")]
    Change {
        /// The client's id
        id: ClientId,
        /// What people call it
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        flags: Box<Flags>,
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

#[derive(Debug, clap::Args)]
struct Flags {
    #[command(flatten)]
    metadata: MetadataFlags,
    #[command(flatten)]
    policy: PolicyFlags,
}

impl Flags {
    /// What they make of a client, which makes sense together.
    fn applied_to(&self, client: &Client) -> Result<(ClientMetadata, ClientPolicy)> {
        let metadata = self.metadata.applied_to(&client.metadata)?;
        let policy = self.policy.applied_to(&client.policy)?;
        policy.check()?;
        metadata.check(&policy)?;
        Ok((metadata, policy))
    }
}

/// Does what `menshen client` was asked.
pub(crate) async fn run(args: Args) -> Result<()> {
    let database = Database::open(&args.settings).await?;
    match args.verb {
        Verb::Add { id, name, public, flags } => {
            let name = name.unwrap_or_else(|| id.to_string());
            let client = Client::new(id, name, ClientPolicy::default(), database.now());
            add(&database, client, public, &flags).await?;
        }
        Verb::Change { id, name, flags } => change(&database, &id, name, &flags).await?,
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
            let client = find(&database, &id).await?;
            let secret = Secret::from_random(database.random());
            let sealed = sealed(&database, &client, &secret).await?;
            let (hash, sealed) = (secret.hash(), sealed.as_deref());
            database.store.replace_client_secret(&id, &hash, sealed).await?;
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

async fn add(database: &Database, mut client: Client, public: bool, flags: &Flags) -> Result<()> {
    (client.metadata, client.policy) = flags.applied_to(&client)?;
    let needs_secret = match client.metadata.token_endpoint_auth_method {
        Some(method) if public && method != AuthMethod::None => {
            return Err(anyhow!("a public client cannot authenticate by {method}"))
                .advise("leave out --public or --auth-method");
        }
        Some(method) => method.needs_secret(),
        None => !public,
    };
    let secret = needs_secret.then(|| Secret::from_random(database.random()));
    if let Some(secret) = &secret {
        client.secret_hash = Some(secret.hash());
        client.sealed_secret = sealed(database, &client, secret).await?;
    }
    match database.store.create_client(&client).await {
        Err(StoreError::Conflict(Which::ClientId)) => {
            return Err(anyhow!("the client id {} is taken", client.id))
                .advise(format!("menshen client show {}", client.id));
        }
        other => other.context("failed to add the client")?,
    }
    output::done(&format!("{} is a {} client", client.id, kind(&client)));
    if let Some(secret) = secret {
        show_once(&secret);
    }
    Ok(())
}

async fn change(
    database: &Database,
    id: &ClientId,
    name: Option<String>,
    flags: &Flags,
) -> Result<()> {
    let mut client = find(database, id).await?;
    (client.metadata, client.policy) = flags.applied_to(&client)?;
    let change = ClientChange {
        name,
        metadata: Some(client.metadata.clone()),
        policy: Some(client.policy.clone()),
        secret: None,
    };
    database.store.change_client(id, &change).await.context("failed to change the client")?;
    output::done(&format!("{id} is changed"));
    let method = client.metadata.token_endpoint_auth_method;
    let lacks_secret = match method {
        Some(AuthMethod::ClientSecretJwt) => client.sealed_secret.is_none(),
        Some(method) => method.needs_secret() && client.secret_hash.is_none(),
        None => false,
    };
    if lacks_secret {
        anstream::println!("  It needs a new secret now: menshen client secret {id}");
    }
    Ok(())
}

/// The secret as it is kept for checking what is signed with it.
async fn sealed(database: &Database, client: &Client, secret: &Secret) -> Result<Option<String>> {
    if client.metadata.token_endpoint_auth_method != Some(AuthMethod::ClientSecretJwt) {
        return Ok(None);
    }
    let keyring = database.keyring().await?;
    Ok(keyring.keep_secret(&client.id, &client.metadata, secret))
}

/// A file of JSON.
fn json_file<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("cannot use {}", file.display()))
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
        "metadata": client.metadata,
        "policy": client.policy,
        "created_at": output::rfc3339(client.created_at),
        "disabled_at": client.disabled_at.map(output::rfc3339),
    })
}
