//! `menshen session`: where users are signed in.

use anyhow::{Result, anyhow};
use clap::Subcommand;
use menshen_domain::Session;
use menshen_store::Target;
use menshen_token::{Reason, SessionId};
use serde_json::{Value, json};

use crate::advice::Advise as _;
use crate::database::{Database, Settings, whole_list};
use crate::{delivery, output, user};

/// What `menshen session` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the live sessions of a user
    List {
        /// User name or id
        #[arg(allow_hyphen_values = true)]
        user: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a session, live or ended, and which apps were told of its end
    Show {
        /// The id that `menshen session list` shows
        #[arg(allow_hyphen_values = true)]
        id: SessionId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End one session, or all of a user
    #[command(after_help = "\
Examples:
  menshen session end 5nXq0gk2S0uQbX0c3yq3Zw
  menshen session end --all-of ada")]
    End {
        /// The id that `menshen session list` shows
        #[arg(
            allow_hyphen_values = true,
            required_unless_present = "all_of",
            conflicts_with = "all_of"
        )]
        id: Option<SessionId>,
        /// End every session of this user
        #[arg(long, value_name = "USER", allow_hyphen_values = true)]
        all_of: Option<String>,
    },
}

/// Does what `menshen session` was asked.
pub(crate) async fn run(args: Args) -> Result<()> {
    let database = Database::open(&args.settings).await?;
    match args.verb {
        Verb::List { user, json } => list(&database, &user, json).await?,
        Verb::Show { id, json } => show(&database, id, json).await?,
        Verb::End { id: Some(id), .. } => end(&database, id).await?,
        Verb::End { id: None, all_of } => {
            let user = user::find(&database, all_of.as_deref().unwrap_or_default()).await?;
            let target = Target::User(user.id);
            let receipt = database.store.revoke(&target, Reason::Admin, database.now()).await?;
            output::done(&format!("{} is signed out everywhere", user.username));
            output::receipt(&receipt);
        }
    }
    database.close().await;
    Ok(())
}

async fn list(database: &Database, named: &str, as_json: bool) -> Result<()> {
    let user = user::find(database, named).await?;
    let sessions = whole_list(
        async |page| database.store.list_sessions(&user.id, &page).await,
        |session: &Session| session.id.to_string(),
    )
    .await?;
    if as_json {
        return output::json(&sessions.iter().map(describe).collect::<Vec<_>>());
    }
    let row = |session: &Session| {
        vec![
            session.id.to_string(),
            output::or_dash(session.client_id.as_ref().map(menshen_token::ClientId::as_str)),
            output::or_dash(session.device.name.as_deref()),
            output::or_dash(session.device.address.as_deref()),
            output::instant(session.created_at),
            output::instant(session.last_seen_at),
        ]
    };
    let header = ["id", "client", "device", "address", "created (UTC)", "last seen (UTC)"];
    let nothing = format!("{} is not signed in anywhere.", user.username);
    output::table(&header, sessions.iter().map(row).collect(), &nothing);
    Ok(())
}

fn describe(session: &Session) -> Value {
    json!({
        "id": session.id,
        "user_id": session.user_id,
        "client_id": session.client_id,
        "device": session.device.name,
        "platform": session.device.platform,
        "address": session.device.address,
        "created_at": output::rfc3339(session.created_at),
        "last_seen_at": output::rfc3339(session.last_seen_at),
        "expires_at": output::rfc3339(session.absolute_expires_at),
        "ended_at": session.ended.map(|ended| output::rfc3339(ended.at)),
        "ended_reason": session.ended.map(|ended| ended.reason.as_str()),
    })
}

async fn show(database: &Database, id: SessionId, as_json: bool) -> Result<()> {
    let session = find(database, id).await?;
    let deliveries = database.store.list_deliveries_of(id).await?;
    if as_json {
        let mut shown = describe(&session);
        shown["deliveries"] = deliveries.iter().map(delivery::describe).collect();
        return output::json(&shown);
    }
    let ended = session
        .ended
        .map(|ended| format!("{}: {}", output::instant(ended.at), ended.reason.sentence()));
    let client = output::or_dash(session.client_id.as_ref().map(menshen_token::ClientId::as_str));
    let (created, seen) =
        (output::instant(session.created_at), output::instant(session.last_seen_at));
    output::facts(&[
        ("user", session.user_id.as_str()),
        ("client", &client),
        ("device", &output::or_dash(session.device.name.as_deref())),
        ("address", &output::or_dash(session.device.address.as_deref())),
        ("created", &created),
        ("last seen", &seen),
        ("ended", &output::or_dash(ended.as_deref())),
    ]);
    if session.ended.is_some() || !deliveries.is_empty() {
        delivery::table(&deliveries, "No app wanted to be told.");
    }
    Ok(())
}

async fn find(database: &Database, id: SessionId) -> Result<Session> {
    match database.store.find_session(id).await? {
        Some(session) => Ok(session),
        None => Err(anyhow!("there is no session {id}")).advise("menshen session list <user>"),
    }
}

async fn end(database: &Database, id: SessionId) -> Result<()> {
    if let Some(ended) = find(database, id).await?.ended {
        output::done(&format!("it had ended already: {}", ended.reason));
        return Ok(());
    }
    let target = Target::Session(id);
    let receipt = database.store.revoke(&target, Reason::Admin, database.now()).await?;
    output::done("the session has ended");
    output::receipt(&receipt);
    Ok(())
}
