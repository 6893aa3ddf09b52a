//! Writing everything anew, after Redis was lost or never knew it: by one node at a time, page by
//! page, and in vain if Redis forgets a page meanwhile.

use menshen_token::Seq;

use super::batch::Batch;
use super::link::Trouble;
use super::{Mirror, PAGE};

/// The pages of one rebuild, by the numbers that the key in Redis must show.
#[derive(Debug)]
struct Pages {
    name: String,
    written: u64,
}

impl Pages {
    /// What stands in the key now, and what shall stand there after the next page.
    fn next(&mut self, is_last: bool) -> (String, Option<String>) {
        let held = self.key();
        self.written += 1;
        (held, (!is_last).then(|| self.key()))
    }

    fn key(&self) -> String {
        format!("{}:{}", self.name, self.written)
    }
}

impl Mirror {
    /// Writes every live rule; `false` when another node is at it. Whether it came to its end is
    /// seen by looking again.
    pub(super) async fn rebuild_rules(&mut self) -> Result<bool, Trouble> {
        let Some(mut pages) = self.begin_rebuild("rules").await? else { return Ok(false) };
        let head = self.store.head().await?.seq;
        let now = self.clock.now();
        let mut after = Seq(0);
        loop {
            let rules = self.store.live_revocations_after(after, head, PAGE, now).await?;
            let is_last = rules.len() < PAGE as usize;
            after = rules.last().map_or(after, |entry| entry.seq);
            let batch = Batch {
                rebuild: Some(pages.next(is_last)),
                head: is_last.then_some((head, head)),
                rules,
                ..Batch::default()
            };
            if self.link().write(&batch).await?.is_none() || is_last {
                return Ok(true);
            }
        }
    }

    /// The same with every live session.
    pub(super) async fn rebuild_sessions(&mut self) -> Result<bool, Trouble> {
        let Some(mut pages) = self.begin_rebuild("sessions").await? else { return Ok(false) };
        self.link().forget_sessions().await?;
        // What changes from now on is looked for afterwards, from a while before on.
        let began_at = self.clock.now();
        let mut after = None;
        loop {
            let live = self.store.live_sessions(after, PAGE).await?;
            let is_last = live.len() < PAGE as usize;
            after = live.last().map(|(id, _)| *id);
            let sessions = live.into_iter().map(|(id, expires_at)| (id, Some(expires_at)));
            let batch = Batch {
                rebuild: Some(pages.next(is_last)),
                cursor: is_last.then_some((began_at, began_at)),
                sessions: sessions.collect(),
                ..Batch::default()
            };
            if self.link().write(&batch).await?.is_none() || is_last {
                return Ok(true);
            }
        }
    }

    async fn begin_rebuild(&mut self, what: &'static str) -> Result<Option<Pages>, Trouble> {
        let name = u64::from_be_bytes(self.entropy.bytes()).to_string();
        let pages = Pages { name, written: 0 };
        if !self.link().begin_rebuild(&pages.key()).await? {
            return Ok(None);
        }
        tracing::info!(mirror.of = what, "the mirror in Redis is written anew");
        metrics::counter!("menshen_mirror_rebuilds_total", "of" => what).increment(1);
        Ok(Some(pages))
    }
}
