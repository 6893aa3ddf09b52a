//! What the whole system does on this machine: the real program in release mode, over real
//! sockets, beside its limits. Ratios within one run mean something; absolute figures drift.

#![expect(clippy::print_stdout, reason = "printing is what a measurement is for")]

#[path = "../../tests/stories/harness/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the stories use the rest")]
mod harness;

mod connection;
mod figures;
mod logins;
mod logouts;
mod refreshes;
mod startup;

use harness::Database;

/// Rounds of each measurement; what is printed is their median.
const ROUNDS: usize = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    match arguments.next().as_deref() {
        Some("watch") => {
            let arguments: Vec<String> = arguments.collect();
            logouts::watch(&arguments);
        }
        Some(only) => runtime.block_on(measure(Some(only))),
        None => runtime.block_on(measure(None)),
    }
}

async fn measure(only: Option<&str>) {
    let chosen = |name: &str| only.is_none_or(|only| only == name);
    harness::program();
    figures::describe_machine();
    if chosen("startup") {
        startup::measure().await;
    }
    if chosen("refreshes") {
        refreshes::measure(&[("SQLite", Database::Sqlite), ("PostgreSQL", Database::postgres())])
            .await;
    }
    if chosen("logins") {
        logins::measure().await;
    }
    if chosen("logouts") {
        logouts::measure().await;
    }
}
