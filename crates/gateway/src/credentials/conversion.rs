//! Every way to authenticate ends in an access token: what was shown is exchanged for one at the
//! provider, and the token is verified each time, so that whatever kills it takes effect at once.

use std::sync::Arc;

use menshen_token::Clock;
use menshen_verifier::{Presented, Proof, Rejection};

use super::digest::Digests;
use super::exchange::{Denied, Given, TokenEndpoint};
use super::held::{Held, Outcome, Shown};
use super::unauthenticated;
use crate::config::{Authentication, Provider, Requirements};
use crate::gateway::Gateway;
use crate::{Entropy, Identity, Refusal};

/// What turns that which was shown into access tokens.
#[derive(Debug)]
pub(crate) struct Conversion {
    endpoint: TokenEndpoint,
    held: Held,
    /// What HTTP Digest needs to be judged.
    pub(super) digests: Digests,
}

/// Something that was shown, and how it is exchanged.
pub(super) struct Ask<'a> {
    /// How whoever asks authenticates.
    pub(super) by: Authentication,
    /// What was shown, part by part.
    pub(super) shown: &'a [&'a str],
    /// The form for the token endpoint.
    pub(super) form: &'a [(&'a str, &'a str)],
    /// The proof of possession that came along.
    pub(super) proof: Option<Proof<'a>>,
}

impl Conversion {
    pub(crate) fn new(
        http: reqwest::Client,
        provider: &Provider,
        client_secret: &str,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> Self {
        Self {
            endpoint: TokenEndpoint::new(http, provider, client_secret),
            held: Held::new(Arc::clone(&clock), entropy),
            digests: Digests::new(provider.digest_realm.clone(), clock, entropy),
        }
    }

    /// The token for what was shown.
    pub(super) async fn obtain(&self, ask: &Ask<'_>) -> (Shown, Outcome) {
        let shown = self.held.name(ask.shown);
        (shown, self.held.obtain(shown, self.endpoint.ask(ask.form)).await)
    }
}

/// Exchanges what was shown, and verifies what it gives. A token that has died meanwhile is
/// exchanged for another once: it may be the roles that changed, or the password.
pub(super) async fn admit(
    gateway: &Gateway,
    required: &Requirements,
    ask: &Ask<'_>,
) -> Result<Identity, Refusal> {
    let conversion = gateway.conversion().ok_or(Refusal::Unavailable)?;
    let (shown, outcome) = conversion.obtain(ask).await;
    let given = outcome.map_err(|denied| refusal(required, denied))?;
    match verify(gateway, required, ask, &given).await {
        Err(Verdict::Dead(_)) => conversion.held.forget(shown, &given).await,
        verdict => return verdict.map_err(|verdict| verdict.refusal(required)),
    }
    let (_, outcome) = conversion.obtain(ask).await;
    let given = outcome.map_err(|denied| refusal(required, denied))?;
    verify(gateway, required, ask, &given).await.map_err(|verdict| verdict.refusal(required))
}

/// Why a token that the provider gave is not taken.
pub(super) enum Verdict {
    /// It has died.
    Dead(Rejection),
    /// Something about the request is wrong.
    Refused(Rejection),
    /// It cannot be told, or the fault is not the client's.
    Unavailable,
}

impl Verdict {
    pub(super) fn refusal(self, required: &Requirements) -> Refusal {
        match self {
            Self::Dead(reason) | Self::Refused(reason) => unauthenticated(required, reason),
            Self::Unavailable => Refusal::Unavailable,
        }
    }
}

/// Verifies a token that the provider gave.
pub(super) async fn verify(
    gateway: &Gateway,
    required: &Requirements,
    ask: &Ask<'_>,
    given: &Given,
) -> Result<Identity, Verdict> {
    let presented = Presented { token: &given.access_token, proof: ask.proof };
    let token = match gateway.admit(presented, required).await {
        Ok(token) => token,
        Err(reason @ (Rejection::Revoked | Rejection::Expired)) => {
            return Err(Verdict::Dead(reason));
        }
        Err(reason @ (Rejection::ProofMissing | Rejection::WrongProof)) => {
            return Err(Verdict::Refused(reason));
        }
        Err(reason) => {
            // A key that we have not fetched yet, or a provider other than the one we verify for.
            tracing::warn!(reason = %reason, "what the provider gave cannot be verified");
            return Err(Verdict::Unavailable);
        }
    };
    let meant = &token.token().audience;
    if required.audiences.iter().any(|audience| meant.contains(audience)) {
        return Ok(Identity::of_token(&token, &given.access_token, ask.by));
    }
    if ask.by == Authentication::ReferenceToken {
        return Err(Verdict::Refused(Rejection::WrongAudience));
    }
    tracing::error!(
        audience = ?meant,
        rule.audiences = ?required.audiences,
        "the gateway's client at the provider has none of the audiences that the rule names"
    );
    Err(Verdict::Unavailable)
}

pub(super) fn refusal(required: &Requirements, denied: Denied) -> Refusal {
    match denied {
        // Neither is told from the other, nor from showing nothing.
        Denied::Refused | Denied::NotEnough => unauthenticated(required, Rejection::Missing),
        Denied::TooMany(retry_after) => Refusal::TooMany { retry_after },
        Denied::Outage => Refusal::Unavailable,
    }
}
