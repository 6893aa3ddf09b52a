//! Whether a genuine token is alive: by the rules of the feed or of the mirror, and on an allowlist
//! by the word of somebody who knows that its session lives.

use menshen_token::{Jti, SessionId, Timestamp};
use menshen_verifier::{Policy, Presented, Rejection, Verified};
use papaya::HashMap;

use super::Gateway;
use super::mirror::SessionState;
use crate::config::{Lists, Requirements};

/// How many are remembered to live; beyond that everything is asked anew.
const CAPACITY: usize = 100_000;

/// Sessions that the provider has called alive, and until when that is worth something. Their ends
/// need no forgetting: rules kill every token of a session that has ended, and outlive them.
#[derive(Debug, Default)]
pub(crate) struct KnownAlive {
    until: HashMap<Name, Timestamp>,
}

/// Whatever must be alive: a token that no session stands behind stands for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Name {
    Session(SessionId),
    Token(Jti),
}

impl Name {
    fn of(verified: &Verified) -> Self {
        verified.session_id().map_or(Self::Token(verified.token().jti), Self::Session)
    }
}

impl KnownAlive {
    fn holds(&self, name: Name, now: Timestamp) -> bool {
        self.until.pin().get(&name).is_some_and(|until| *until > now)
    }

    fn note(&self, name: Name, until: Timestamp, now: Timestamp) {
        let known = self.until.pin();
        if known.len() >= CAPACITY {
            known.retain(|_, until| *until > now);
            if known.len() >= CAPACITY {
                known.clear();
            }
        }
        known.insert(name, until);
    }
}

impl Gateway {
    /// Checks a token by everything that a rule asks of its life.
    pub(crate) async fn admit(
        &self,
        presented: Presented<'_>,
        required: &Requirements,
    ) -> Result<Verified, Rejection> {
        let verifier = self.verifier().ok_or(Rejection::Stale)?;
        let Some(mirror) = self.mirror() else {
            let token = verifier.admit(presented, required.when_stale).await?;
            return match required.lists {
                Lists::Denylist => Ok(token),
                Lists::Allowlist => self.ask_once(presented, token).await,
            };
        };
        let question = mirror.question(required.lists, self.now());
        let token = verifier.admit_by(presented, required.when_stale, &question).await?;
        match (required.lists, question.session()) {
            (Lists::Denylist, _) | (Lists::Allowlist, SessionState::Lives) => Ok(token),
            (Lists::Allowlist, SessionState::Ended) => Err(Rejection::Revoked),
            (Lists::Allowlist, SessionState::Unknown)
                if token.session_id().is_some() && required.when_stale == Policy::Refuse =>
            {
                Err(Rejection::Stale)
            }
            (Lists::Allowlist, SessionState::TooYoung | SessionState::Unknown) => {
                self.ask_once(presented, token).await
            }
        }
    }

    /// Asks the provider about a session that is seen for the first time.
    async fn ask_once(
        &self,
        presented: Presented<'_>,
        token: Verified,
    ) -> Result<Verified, Rejection> {
        let (name, now) = (Name::of(&token), self.now());
        if self.known_alive().holds(name, now) {
            return Ok(token);
        }
        let verifier = self.verifier().ok_or(Rejection::Stale)?;
        let token = verifier.confirm(presented, token).await?;
        self.known_alive().note(name, token.token().expires_at, now);
        Ok(token)
    }
}
