//! `menshen delivery`: back-channel logouts, and what became of them.

use anyhow::Result;
use clap::Subcommand;
use menshen_domain::LogoutDelivery;
use menshen_domain::logout_delivery::DeliveryState;
use serde_json::{Value, json};

use crate::database::{Database, Settings, whole_list};
use crate::output;

/// What `menshen delivery` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List back-channel logouts, the newest first; what is finished is kept for 30 days
    List {
        /// Only those that are queued, delivered or abandoned
        #[arg(long, value_name = "STATE")]
        state: Option<DeliveryState>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Does what `menshen delivery` was asked.
pub(crate) async fn run(args: Args) -> Result<()> {
    let database = Database::open(&args.settings).await?;
    let Verb::List { state, json } = args.verb;
    let deliveries = whole_list(
        async |page| database.store.list_deliveries(state, &page).await,
        |delivery: &LogoutDelivery| delivery.id.clone(),
    )
    .await?;
    database.close().await;
    if json {
        return output::json(&deliveries.iter().map(describe).collect::<Vec<_>>());
    }
    table(&deliveries, "Nothing is queued, and nothing was lately.");
    Ok(())
}

/// Deliveries for people.
pub(crate) fn table(deliveries: &[LogoutDelivery], nothing: &str) {
    let row = |delivery: &LogoutDelivery| {
        vec![
            delivery.client_id.to_string(),
            delivery.session_id.to_string(),
            delivery.state.to_string(),
            delivery.attempts.to_string(),
            output::instant(delivery.created_at),
            output::or_dash(delivery.last_problem.as_deref()),
        ]
    };
    let header = ["client", "session", "state", "attempts", "queued (UTC)", "last problem"];
    output::table(&header, deliveries.iter().map(row).collect(), nothing);
}

/// A delivery for scripts.
pub(crate) fn describe(delivery: &LogoutDelivery) -> Value {
    let queued = delivery.state == DeliveryState::Queued;
    json!({
        "id": delivery.id,
        "session_id": delivery.session_id,
        "client_id": delivery.client_id,
        "subject": delivery.subject,
        "state": delivery.state.as_str(),
        "attempts": delivery.attempts,
        "created_at": output::rfc3339(delivery.created_at),
        "due_at": queued.then(|| output::rfc3339(delivery.due_at)),
        "finished_at": delivery.finished_at.map(output::rfc3339),
        "last_problem": delivery.last_problem,
    })
}
