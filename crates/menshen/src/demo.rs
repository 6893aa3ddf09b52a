//! `menshen demo`: the promise, shown on real processes.

mod api;
mod cast;
mod curl;
mod device;
mod leaving;
mod lost_answer;
mod narrator;
mod probe;
mod stage;
mod staying;
mod theft;
mod wire;

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};

pub(crate) use api::run as api;

use crate::output::{FAINT, STRONG, paint};
use cast::Cast;
use narrator::Narrator;
use stage::Stage;

/// What `menshen demo` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Starts a server on an empty database in a temporary folder, and a protected API in a second
process; both are gone when the demo ends. Needs no network and changes nothing on this machine.")]
pub(crate) struct Args {
    /// End after the story, with a failure if anything went otherwise than told
    #[arg(long)]
    once: bool,
    /// Pause a moment before each chapter
    #[arg(long)]
    pace: bool,
}

const PACE: Duration = Duration::from_secs(3);

/// Tells the story, then leaves everything running until interrupted.
pub(crate) async fn run(args: Args) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    let mut stage = Stage::open().await?;
    let outcome = tokio::select! {
        outcome = play(&args, &mut stage) => outcome,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    if outcome.is_err() {
        anstream::eprintln!("{}", paint(FAINT, stage.last_words()));
    }
    stage.close().await;
    outcome
}

async fn play(args: &Args, stage: &mut Stage) -> Result<()> {
    let mut narrator = Narrator::new(args.pace.then_some(PACE));
    anstream::println!("{}", paint(STRONG, "A logout that logs out: a story on real processes"));
    let cast = Cast::assemble(stage).await?;
    cast.introduce(stage, &narrator);
    let phone = staying::tell(&mut narrator, &cast).await?;
    leaving::tell(&mut narrator, &cast, phone).await?;
    theft::tell(&mut narrator, &cast).await?;
    narrator.ending()?;
    if args.once {
        return Ok(());
    }
    anstream::print!("{}", curl::lines(&cast));
    anstream::println!("\n{}", paint(FAINT, "Both keep running. Ctrl-C ends them."));
    std::future::pending().await
}
