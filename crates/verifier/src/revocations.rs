//! Rules that are kept elsewhere than in the memory of a verifier, such as in a mirror that many
//! processes share.

use std::time::Duration;

use menshen_token::{AccessToken, Revocation};

use crate::verifier::Checked;
use crate::{Policy, Presented, Rejection, Verified, Verifier};

/// Rules that are asked for token by token.
pub trait Revocations: Sync {
    /// What is known there about a genuine token.
    fn naming(&self, token: &AccessToken) -> impl Future<Output = Found> + Send;
}

/// What was found about one token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Rules that may be about it.
    pub rules: Vec<Revocation>,
    /// How long ago these were known to be all the rules about it that there were; `None` when
    /// that has never been known, or nothing could be asked.
    pub age: Option<Duration>,
}

impl Verifier {
    /// As [`Verifier::admit`], by rules that are kept elsewhere: everything else about the token is
    /// checked first, and what they do not know is treated as rules that are too old.
    ///
    /// # Errors
    ///
    /// The first [`Rejection`] found; [`Rejection::Stale`] when neither they nor, with
    /// [`Policy::Introspect`], the issuer can say.
    pub async fn admit_by(
        &self,
        presented: Presented<'_>,
        policy: Policy,
        revocations: &impl Revocations,
    ) -> Result<Verified, Rejection> {
        let token = self.shared().genuine(presented.token)?;
        let found = revocations.naming(&token).await;
        self.note_age(found.age);
        if found.rules.iter().any(|rule| rule.kills(&token)) {
            return Err(Rejection::Revoked);
        }
        self.shared().possessed(&token, presented)?;
        let suffices = self.shared().freshness.permits(policy, found.age);
        match Checked::of(Verified::new(token), suffices, policy)? {
            Checked::Proven(verified) => Ok(verified),
            Checked::Unproven(verified) => self.confirm(presented, verified).await,
        }
    }

    /// Asks the issuer about a token that was checked (RFC 7662), whatever the rules say: for those
    /// who admit only what is known to be alive.
    ///
    /// # Errors
    ///
    /// [`Rejection::Revoked`], or [`Rejection::Stale`] when the issuer does not answer.
    pub async fn confirm(
        &self,
        presented: Presented<'_>,
        verified: Verified,
    ) -> Result<Verified, Rejection> {
        self.ask(presented.token, verified).await
    }

    /// Notes how old the rules are that are kept elsewhere, for [`Verifier::readiness`]. Only for a
    /// verifier that follows no feed.
    pub fn note_age(&self, age: Option<Duration>) {
        if let Some(age) = age {
            let now = self.shared().clock.monotonic();
            self.shared().confirm(now, age);
        }
    }
}
