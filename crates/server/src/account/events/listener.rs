//! One stream, whatever it is spoken in: what it has to say next.
//!
//! It says that something has ended only when the store has said so, and is silent otherwise: when
//! the store cannot be asked it ends without a word, and the app comes back.

use std::sync::Arc;
use std::time::Duration;

use menshen_token::AccessToken;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, timeout};

use super::event::Event;
use super::look::{Standing, look};
use crate::app::App;
use crate::feed::{Watch, stopped};

/// How often a connection is used, so that whoever stands between does not take it for dead. It
/// says nothing of the session.
const BEAT_EVERY: Duration = Duration::from_secs(15);

/// How long the store may take to answer.
const LOOK_WITHIN: Duration = Duration::from_secs(10);

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// Something to say.
    Event(Event),
    /// A sign of life.
    Beat,
}

/// One stream.
///
/// It lives on when its token expires: it gives access to nothing, and says only what the next
/// refresh would say as well.
pub(super) struct Listener {
    app: App,
    token: Arc<AccessToken>,
    watch: Watch,
    closing: watch::Receiver<bool>,
    beat: Interval,
    first: Option<Event>,
    look_is_due: bool,
    is_over: bool,
}

impl Listener {
    /// A stream that begins with what the store said after the place was taken.
    pub(super) fn new(app: App, token: Arc<AccessToken>, watch: Watch, standing: Standing) -> Self {
        let first = match standing {
            Standing::Lives(until) => {
                watch.wake_at(until);
                Some(Event::Ready(token.session_id))
            }
            Standing::Over(event) => Some(event),
            Standing::Forgotten => None,
        };
        let mut beat = tokio::time::interval(BEAT_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.reset();
        Self {
            closing: app.feed.closing(),
            app,
            token,
            watch,
            beat,
            is_over: first.is_none(),
            first,
            look_is_due: false,
        }
    }

    /// What is to be sent next; `None` at the end. Nothing is lost when it is given up and asked for
    /// again.
    pub(super) async fn next(&mut self) -> Option<Sign> {
        if let Some(first) = self.first.take() {
            return Some(self.say(first));
        }
        loop {
            if self.is_over || *self.closing.borrow() {
                return None;
            }
            if self.look_is_due {
                match self.look().await? {
                    Standing::Lives(until) => {
                        self.look_is_due = false;
                        self.watch.wake_at(until);
                    }
                    Standing::Over(event) => return Some(self.say(event)),
                    Standing::Forgotten => return None,
                }
            }
            tokio::select! {
                () = self.watch.woken() => self.look_is_due = true,
                _ = self.beat.tick() => return Some(Sign::Beat),
                () = stopped(&mut self.closing) => return None,
            }
        }
    }

    /// Whether all has been said that there was to say.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    fn say(&mut self, event: Event) -> Sign {
        self.is_over = event.is_last();
        Sign::Event(event)
    }

    async fn look(&self) -> Option<Standing> {
        let _turn = self.watch.turn().await?;
        let looked = timeout(LOOK_WITHIN, look(&self.app, &self.token)).await.ok()?;
        // The reader of the log tells of an outage, and once; here it would be told by each stream.
        looked.map_err(|error| tracing::debug!(error = %error, "a stream of events broke off")).ok()
    }
}
