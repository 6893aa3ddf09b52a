//! Live revocations, and if asked for live sessions, as plain keys in Redis: `docs/mirror.md`.
//!
//! Behind the requests and never in their way: what Redis does not take now is written later, and
//! nothing is ever read back to decide anything.

mod batch;
mod keys;
mod link;
mod rebuild;
mod seen;

use std::sync::Arc;
use std::time::Duration;

use menshen_store::{SessionChange, Store};
use menshen_token::{Clock, Entry, Seq, Timestamp};
use tokio::sync::watch;

use self::batch::Batch;
use self::link::{Link, State, Trouble};
use self::seen::Seen;
use crate::app::App;
use crate::config::RedisSettings;
use crate::feed::stopped;
use menshen_token::Entropy;

/// How often the markers are renewed, which expire after five seconds.
const BEAT: Duration = Duration::from_secs(1);

/// How often Redis is asked whether it is still one that keeps what it is told.
const INSPECT_EVERY: Duration = Duration::from_mins(1);

/// Rules in one write.
const PAGE: u32 = 1_000;

/// Changes of sessions in one write.
const CHANGES: usize = 5_000;

/// How far back each look at the sessions goes: a transaction may have been slow.
const OVERLAP: Duration = Duration::from_secs(15);

/// How far back a look goes now and then: a node's clock may be behind.
const DEEP_OVERLAP: Duration = Duration::from_mins(2);

/// How often.
const LOOK_DEEP_EVERY: Duration = Duration::from_secs(30);

/// How far the clocks of Redis and ours may be apart, so that rules expire when they should.
const CLOCKS_APART: Duration = Duration::from_secs(30);

/// Keeps the mirror until told to stop, if there is to be one.
pub(crate) async fn keep(app: App, mut stop: watch::Receiver<bool>) {
    let Some(settings) = app.config.redis.clone() else { return };
    let (mut entries, mut openings) = (app.store.head_changes(), app.store.session_openings());
    let mirrors_sessions = settings.sessions;
    let mut mirror = Mirror::new(&app, settings);
    loop {
        entries.mark_unchanged();
        openings.mark_unchanged();
        let progress = tokio::select! {
            progress = mirror.beat() => progress,
            () = stopped(&mut stop) => return,
        };
        let news = async {
            if progress != Progress::Complete {
                // Nothing to hurry for: it would fail again.
                std::future::pending::<()>().await;
            }
            tokio::select! {
                _ = entries.changed() => {}
                _ = openings.changed(), if mirrors_sessions => {}
            }
        };
        tokio::select! {
            () = news => {}
            () = tokio::time::sleep(BEAT) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

/// How far a beat came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Everything is there.
    Complete,
    /// Another node is writing everything anew.
    Waiting,
    /// Something is in the way.
    Failed,
}

/// What writes the mirror.
#[derive(Debug)]
struct Mirror {
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: RedisSettings,
    link: Option<Link>,
    /// By the monotonic clock.
    inspected_at: Duration,
    looked_deep_at: Option<Duration>,
    seen: Seen,
    failing: bool,
}

impl Mirror {
    fn new(app: &App, settings: RedisSettings) -> Self {
        Self {
            store: app.store.clone(),
            clock: app.clock.clone(),
            entropy: app.entropy.clone(),
            settings,
            link: None,
            inspected_at: Duration::ZERO,
            looked_deep_at: None,
            seen: Seen::default(),
            failing: false,
        }
    }

    /// Brings the mirror up to date and renews its markers.
    async fn beat(&mut self) -> Progress {
        let result = self.try_beat().await;
        let progress = match result {
            Ok(progress) => {
                if self.failing {
                    tracing::info!("the mirror in Redis is written again");
                }
                self.failing = false;
                progress
            }
            Err(trouble) => {
                self.link = None;
                metrics::counter!("menshen_mirror_failures_total").increment(1);
                // Once per outage: the markers expire, and readers notice that.
                if !self.failing {
                    let cause = std::error::Error::source(&trouble).map(ToString::to_string);
                    tracing::warn!(error = %trouble, cause, "the mirror in Redis is not written");
                }
                self.failing = true;
                Progress::Failed
            }
        };
        let complete = if progress == Progress::Complete { 1.0 } else { 0.0 };
        metrics::gauge!("menshen_mirror_complete").set(complete);
        progress
    }

    async fn try_beat(&mut self) -> Result<Progress, Trouble> {
        self.connect().await?;
        if !self.write_rules().await? || (self.settings.sessions && !self.write_sessions().await?) {
            return Ok(Progress::Waiting);
        }
        Ok(Progress::Complete)
    }

    async fn connect(&mut self) -> Result<(), Trouble> {
        let now = self.clock.monotonic();
        match &mut self.link {
            Some(link) if now >= self.inspected_at + INSPECT_EVERY => link.inspect().await?,
            Some(_) => return Ok(()),
            None => self.link = Some(Link::open(&self.settings).await?),
        }
        self.inspected_at = now;
        Ok(())
    }

    fn link(&mut self) -> &mut Link {
        self.link.as_mut().expect("a beat begins by connecting")
    }

    /// What stands in Redis, whose clock must not be far from ours.
    async fn state(&mut self) -> Result<State, Trouble> {
        let state = self.link().state().await?;
        let apart = state.now.as_millis().abs_diff(self.clock.now().as_millis());
        if u128::from(apart) > CLOCKS_APART.as_millis() {
            return Err(Trouble::Clock(apart));
        }
        Ok(state)
    }

    /// Writes the rules that are missing; `false` when another node is at it.
    async fn write_rules(&mut self) -> Result<bool, Trouble> {
        loop {
            let state = self.state().await?;
            let found = match state.head {
                Some(head) => self.rules_after(head).await?,
                None => None,
            };
            let Some((head, rules)) = found else {
                if self.rebuild_rules().await? {
                    continue;
                }
                return Ok(false);
            };
            let reached = rules.last().map_or(head, |entry| entry.seq);
            let at_end = rules.len() < PAGE as usize;
            let batch = Batch {
                head: Some((head, reached)),
                rules_as_of: at_end.then_some(state.now),
                rules,
                ..Batch::default()
            };
            let written = self.link().write(&batch).await?.and_then(|state| state.head);
            if at_end && written.is_some_and(|written| written >= reached) {
                return Ok(true);
            }
        }
    }

    /// The rules after the head that stands in Redis; `None` when the log does not go on there.
    async fn rules_after(&self, head: Seq) -> Result<Option<(Seq, Vec<Entry>)>, Trouble> {
        let rules = self.store.revocations_after(head, PAGE).await?;
        let log = self.store.head().await?;
        Ok((log.compacted_through <= head && head <= log.seq).then_some((head, rules)))
    }

    /// Writes the sessions that began or ended; `false` when another node is writing all of them.
    async fn write_sessions(&mut self) -> Result<bool, Trouble> {
        let monotonic = self.clock.monotonic();
        let is_deep = self.looked_deep_at.is_none_or(|at| monotonic >= at + LOOK_DEEP_EVERY);
        let overlap = if is_deep { DEEP_OVERLAP } else { OVERLAP };
        loop {
            let state = self.state().await?;
            let Some(cursor) = state.cursor else {
                if self.rebuild_sessions().await? {
                    continue;
                }
                return Ok(false);
            };
            self.seen.compare(cursor);
            let now = self.clock.now();
            let (changes, reached) = self.changes_since(cursor - overlap).await?;
            let at_end = reached.is_none();
            let reached = reached.unwrap_or(now).max(cursor);
            let batch = Batch {
                sessions: changes.iter().map(|change| (change.id, change.lives_until)).collect(),
                cursor: Some((cursor, reached)),
                sessions_as_of: at_end.then_some(state.now),
                ..Batch::default()
            };
            let written = self.link().write(&batch).await?.and_then(|state| state.cursor);
            if written.is_none_or(|written| written < reached) {
                self.seen = Seen::default();
                continue;
            }
            self.seen.note(&changes, reached);
            if at_end {
                if is_deep {
                    self.looked_deep_at = Some(monotonic);
                }
                return Ok(true);
            }
        }
    }

    /// The changes since an instant that we have not written, and up to when, if there are more
    /// than one write takes.
    async fn changes_since(
        &self,
        since: Timestamp,
    ) -> Result<(Vec<SessionChange>, Option<Timestamp>), Trouble> {
        let mut changes = Vec::new();
        let mut after = (since, None);
        loop {
            let page = self.store.session_changes(after.0, after.1, PAGE).await?;
            let Some(last) = page.last() else { return Ok((changes, None)) };
            after = (last.at, Some(last.id));
            let is_last = page.len() < PAGE as usize;
            changes.extend(page.into_iter().filter(|change| !self.seen.holds(change)));
            if is_last {
                return Ok((changes, None));
            }
            if changes.len() >= CHANGES {
                return Ok((changes, Some(after.0)));
            }
        }
    }
}
