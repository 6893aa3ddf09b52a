//! What the store says of a session that somebody listens for.

use std::time::Duration;

use menshen_domain::session::Ended;
use menshen_store::StoreError;
use menshen_token::{AccessToken, Timestamp};

use super::event::Event;
use crate::app::App;

/// How soon is looked again for the end of what is past its time. The log says nothing of it, and it
/// has not ended before it is swept: until then it may be found to have been used after all.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Alive, and nothing but the log can change that before this instant.
    Lives(Timestamp),
    /// Over.
    Over(Event),
    /// So long gone that nobody knows why.
    Forgotten,
}

/// Looks.
///
/// # Errors
///
/// The store's: then nothing is known.
pub(super) async fn look(app: &App, token: &AccessToken) -> Result<Standing, StoreError> {
    let now = app.now();
    // The token first: when the session ends between two questions, the later one says why.
    let is_revoked = app.store.is_revoked(token, now).await?.is_some();
    let mut past = Past { ended: None, until: Timestamp::from_millis(i64::MAX) };
    if let Some(id) = token.grant_id {
        let Some(grant) = app.store.find_grant(id).await? else { return Ok(Standing::Forgotten) };
        past.add(grant.ended, grant.idle_expires_at.min(grant.absolute_expires_at));
    }
    if let Some(id) = token.session_id {
        let Some(session) = app.store.find_session(id).await? else {
            return Ok(Standing::Forgotten);
        };
        let idle = session.idle_lifetime.map(|idle| session.last_seen_at + idle);
        let until = idle.unwrap_or(session.absolute_expires_at).min(session.absolute_expires_at);
        past.add(session.ended, until);
    }
    Ok(match past.ended {
        Some(ended) => Standing::Over(Event::SessionEnded(token.session_id, ended.reason)),
        None if is_revoked => Standing::Over(Event::AccessTokenRevoked),
        None => Standing::Lives(past.until.max(now + LOOK_AGAIN_AFTER)),
    })
}

/// What is known of grant and session together.
struct Past {
    /// How the first of them ended that did.
    ended: Option<Ended>,
    /// When the time of the first of them is over.
    until: Timestamp,
}

impl Past {
    fn add(&mut self, ended: Option<Ended>, until: Timestamp) {
        self.ended = self.ended.or(ended);
        self.until = self.until.min(until);
    }
}
