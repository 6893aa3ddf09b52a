//! `menshen user`: who can sign in.

mod digest;
mod otp;
mod password;

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, anyhow};
use clap::Subcommand;
use menshen_domain::user::{Username, check_claims};
use menshen_domain::{Secret, User};
use menshen_store::{Receipt, StoreError, Which};
use menshen_token::{AccessToken, Timestamp, UserId};
use serde_json::{Map, Value, json};

use crate::advice::Advise as _;
use crate::database::{Database, Settings, whole_list};
use crate::output;

/// What `menshen user` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a user who can sign in
    #[command(after_help = "\
Examples:
  menshen user add ada                                  asks for the password
  menshen user add ada --role editor --role admin
  pass show ada | menshen user add ada --password-stdin")]
    Add {
        /// What the user types to sign in
        username: Username,
        /// A role for the user's access tokens; may be given again
        #[arg(long = "role", value_name = "ROLE", value_parser = role)]
        roles: Vec<String>,
        /// A further claim for the user's access tokens; the value is JSON, or text
        #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
        claims: Vec<(String, Value)>,
        /// Read the password from standard input instead of asking for it
        #[arg(long)]
        password_stdin: bool,
    },
    /// List users
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Stop a user from signing in, and end all their sessions
    Disable {
        /// User name or id
        #[arg(allow_hyphen_values = true)]
        user: String,
    },
    /// Let a disabled user sign in again
    Enable {
        /// User name or id
        #[arg(allow_hyphen_values = true)]
        user: String,
    },
    /// Set a new password, and end all sessions of the user
    SetPassword {
        /// User name or id
        #[arg(allow_hyphen_values = true)]
        user: String,
        /// Read the password from standard input instead of asking for it
        #[arg(long)]
        password_stdin: bool,
    },
    /// Let a user authenticate by HTTP Digest at gateways, which needs the password once
    #[command(after_help = "\
Examples:
  menshen user digest ada          asks for ada's password, and turns it on
  menshen user digest ada --off    forgets what it is judged by")]
    Digest {
        /// User name or id
        #[arg(allow_hyphen_values = true)]
        user: String,
        /// Turn it off
        #[arg(long)]
        off: bool,
        /// Read the password from standard input instead of asking for it
        #[arg(long, conflicts_with = "off")]
        password_stdin: bool,
    },
    /// See whether a user signs in with codes of an app, or turn that off for one who lost it
    #[command(after_help = "\
Examples:
  menshen user otp ada          says whether it is on
  menshen user otp ada --off    the password alone is enough again; sessions stay")]
    Otp {
        /// User name or id
        #[arg(allow_hyphen_values = true)]
        user: String,
        /// Turn it off
        #[arg(long)]
        off: bool,
    },
    /// See or replace the roles of a user; tokens that say the old ones die at once
    #[command(after_help = "\
Examples:
  menshen user roles ada                 prints them
  menshen user roles ada editor admin    these, and no others
  menshen user roles ada --none          none")]
    Roles {
        /// User name or id
        #[arg(allow_hyphen_values = true)]
        user: String,
        /// All the roles that the user shall have
        #[arg(value_parser = role)]
        roles: Vec<String>,
        /// Take all roles away
        #[arg(long, conflicts_with = "roles")]
        none: bool,
    },
}

/// Does what `menshen user` was asked.
pub(crate) async fn run(args: Args) -> Result<()> {
    let database = Database::open(&args.settings).await?;
    match args.verb {
        Verb::Add { username, roles, claims, password_stdin } => {
            let claims = claims.into_iter().collect();
            add(&database, username, roles, claims, password_stdin).await?;
        }
        Verb::List { json } => list(&database, json).await?,
        Verb::Disable { user } => {
            let user = find(&database, &user).await?;
            let receipt = database.store.disable_user(&user.id, database.now()).await?;
            output::done(&format!("{} can no longer sign in", user.username));
            receipt.iter().for_each(output::receipt);
        }
        Verb::Enable { user } => {
            let user = find(&database, &user).await?;
            database.store.enable_user(&user.id).await?;
            output::done(&format!("{} can sign in again", user.username));
        }
        Verb::SetPassword { user, password_stdin } => {
            let user = find(&database, &user).await?;
            let receipt = set_password(&database, &user, &password::read(password_stdin)?).await?;
            output::done(&format!("{} has a new password", user.username));
            receipt.iter().for_each(output::receipt);
        }
        Verb::Digest { user, off, password_stdin } => {
            let user = find(&database, &user).await?;
            if off {
                digest::turn_off(&database, &user).await?;
            } else {
                digest::turn_on(&database, &user, &password::current(password_stdin)?).await?;
            }
        }
        Verb::Otp { user, off } => {
            let user = find(&database, &user).await?;
            if off {
                otp::turn_off(&database, &user).await?;
            } else {
                otp::show(&database, &user).await?;
            }
        }
        Verb::Roles { user, roles, none } => {
            let user = find(&database, &user).await?;
            if roles.is_empty() && !none {
                user.roles.iter().for_each(|role| anstream::println!("{role}"));
            } else {
                change_roles(&database, &user, &roles).await?;
            }
        }
    }
    database.close().await;
    Ok(())
}

/// The user of this name or, failing that, of this id.
pub(crate) async fn find(database: &Database, named: &str) -> Result<User> {
    if let Ok(username) = named.parse::<Username>()
        && let Some((user, _)) = database.store.find_user_by_username(&username).await?
    {
        return Ok(user);
    }
    let by_id = match named.parse::<UserId>() {
        Ok(id) => database.store.find_user(&id).await?,
        Err(_) => None,
    };
    by_id.ok_or_else(|| anyhow!("there is no user {named}")).advise("menshen user list")
}

async fn add(
    database: &Database,
    username: Username,
    roles: Vec<String>,
    claims: Map<String, Value>,
    password_stdin: bool,
) -> Result<()> {
    check_claims(&roles, &claims)?;
    if database.store.find_user_by_username(&username).await?.is_some() {
        return taken(&username);
    }
    let hash = password::hash(&password::read(password_stdin)?, database.config.hashing_cost)?;
    let user = User {
        id: UserId::from_bytes(database.random()),
        username,
        roles,
        claims,
        tokens_not_before: Timestamp::default(),
        sign_in_epoch: 0,
        created_at: database.now(),
        disabled_at: None,
    };
    match database.store.create_user(&user, Some(&hash)).await {
        Err(StoreError::Conflict(Which::Username)) => return taken(&user.username),
        other => other.context("failed to add the user")?,
    }
    output::done(&format!("{} can sign in (id {})", user.username, user.id));
    Ok(())
}

fn taken(username: &Username) -> Result<()> {
    Err(anyhow!("the user name {username} is taken"))
        .advise(format!("menshen user set-password {username}"))
}

async fn list(database: &Database, as_json: bool) -> Result<()> {
    let users = whole_list(
        async |page| database.store.list_users(&page).await,
        |user: &User| user.id.to_string(),
    )
    .await?;
    let with_codes: BTreeSet<String> = whole_list(
        async |page| database.store.list_one_time_passwords(&page).await,
        |id: &UserId| id.to_string(),
    )
    .await?
    .iter()
    .map(UserId::to_string)
    .collect();
    let has_codes = |user: &User| with_codes.contains(user.id.as_str());
    if as_json {
        let one = |user: &User| {
            let mut described = describe(user);
            described["one_time_passwords"] = has_codes(user).into();
            described
        };
        return output::json(&users.iter().map(one).collect::<Vec<_>>());
    }
    let row = |user: &User| {
        let state = if user.disabled_at.is_some() { "disabled" } else { "active" };
        let codes = has_codes(user).then_some("on");
        vec![
            user.username.to_string(),
            user.id.to_string(),
            output::or_dash(Some(&user.roles.join(" "))),
            state.to_owned(),
            output::or_dash(codes),
            output::instant(user.created_at),
        ]
    };
    let header = ["username", "id", "roles", "state", "codes", "created (UTC)"];
    let nothing = "No users yet. Add one: menshen user add ada";
    output::table(&header, users.iter().map(row).collect(), nothing);
    Ok(())
}

fn describe(user: &User) -> Value {
    json!({
        "id": user.id,
        "username": user.username.as_str(),
        "roles": user.roles,
        "claims": user.claims,
        "created_at": output::rfc3339(user.created_at),
        "disabled_at": user.disabled_at.map(output::rfc3339),
    })
}

async fn set_password(
    database: &Database,
    user: &User,
    password: &Secret,
) -> Result<Option<Receipt>> {
    let config = &database.config;
    let hash = password::hash(password, config.hashing_cost)?;
    let keyring = database.keyring().await?;
    let new = keyring.keep_password(user, &config.digest_realm, password, hash);
    Ok(database.store.change_password(&user.id, None, &new, database.now()).await?)
}

async fn change_roles(database: &Database, user: &User, roles: &[String]) -> Result<()> {
    check_claims(roles, &user.claims)?;
    let now = database.now();
    let receipt = database.store.change_claims(&user.id, Some(roles), None, now).await?;
    let roles = output::or_dash(Some(&roles.join(" ")));
    output::done(&format!("roles of {}: {roles}", user.username));
    receipt.iter().for_each(output::receipt);
    Ok(())
}

fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("write it as name=value")?;
    if name.is_empty() {
        return Err("the name is empty".to_owned());
    }
    if AccessToken::RESERVED_CLAIMS.contains(&name) {
        return Err(format!("the claim {name} says something of its own in every token"));
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}

fn role(text: &str) -> Result<String, String> {
    let valid = (1..=255).contains(&text.len());
    if valid { Ok(text.to_owned()) } else { Err("a role is 1 to 255 bytes".to_owned()) }
}
