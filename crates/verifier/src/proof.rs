//! How a token was presented, and the DPoP proof that came with it (RFC 9449 section 7).

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use menshen_token::{Thumbprint, Timestamp, dpop};
use url::Url;

use crate::Rejection;

/// A token as it came with a request.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// The token.
    pub token: &'a str,
    /// The proof, when it came by the `DPoP` scheme.
    pub proof: Option<Proof<'a>>,
}

/// A DPoP proof, and the request it must have been made for.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// The `DPoP` header.
    pub proof: &'a str,
    /// The token as the client sent it: what the proof was made for, also where another form of
    /// the same token is verified in its place.
    pub token: &'a str,
    /// The method of the request.
    pub method: &'a Method,
    /// The URL of the request as the client sees it; query and fragment do not count.
    pub url: &'a Url,
}

impl<'a> Presented<'a> {
    /// A token that came by the `Bearer` scheme.
    pub fn bearer(token: &'a str) -> Self {
        Self { token, proof: None }
    }

    /// Takes the token out of a request's headers. Without a `url` the `DPoP` scheme is not
    /// taken, because no proof could be judged.
    ///
    /// # Errors
    ///
    /// [`Rejection::Missing`], [`Rejection::Malformed`] (also for two `Authorization` headers),
    /// [`Rejection::ProofMissing`], or [`Rejection::WrongProof`] for two proofs.
    pub fn from_headers(
        headers: &'a HeaderMap,
        method: &'a Method,
        url: Option<&'a Url>,
    ) -> Result<Self, Rejection> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = values.next().ok_or(Rejection::Missing)?;
        if values.next().is_some() {
            return Err(Rejection::Malformed);
        }
        let value = value.to_str().map_err(|_| Rejection::Malformed)?;
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        let token = token.trim_matches(' ');
        let proof = if scheme.eq_ignore_ascii_case("Bearer") {
            None
        } else if scheme.eq_ignore_ascii_case("DPoP") {
            let url = url.ok_or(Rejection::Missing)?;
            Some(Proof { proof: only_proof(headers)?, token, method, url })
        } else {
            return Err(Rejection::Missing);
        };
        if token.is_empty() || token.contains([' ', ',']) {
            return Err(Rejection::Malformed);
        }
        Ok(Self { token, proof })
    }
}

fn only_proof(headers: &HeaderMap) -> Result<&str, Rejection> {
    let mut proofs = headers.get_all("dpop").iter();
    let proof = proofs.next().ok_or(Rejection::ProofMissing)?;
    if proofs.next().is_some() {
        return Err(Rejection::WrongProof);
    }
    proof.to_str().map_err(|_| Rejection::WrongProof)
}

/// How far from now a proof may have been made, either way.
const WINDOW: Duration = Duration::from_mins(1);

/// The proofs of the last minutes: each is good for one request.
#[derive(Debug)]
pub(crate) struct ProofMemory {
    /// Key and `jti`, with the last moment at which the proof would be recent.
    seen: papaya::HashMap<String, Timestamp>,
    capacity: usize,
    pruned_at_ms: AtomicI64,
}

impl ProofMemory {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { seen: papaya::HashMap::new(), capacity, pruned_at_ms: AtomicI64::new(i64::MIN) }
    }

    /// Judges a proof for a token bound to this key, and remembers it.
    ///
    /// [`Rejection::Stale`] when there is no room to remember it: a proof that is not
    /// remembered could be used twice.
    pub(crate) fn judge(
        &self,
        bound_to: &Thumbprint,
        proof: Proof<'_>,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let Proof { proof, token, method, url } = proof;
        let proof = dpop::Proof::parse(proof).map_err(|_| Rejection::WrongProof)?;
        if proof.thumbprint != *bound_to {
            return Err(Rejection::WrongProof);
        }
        proof
            .judge_request(method.as_str(), url, now, WINDOW)
            .and_then(|()| proof.judge_token(token))
            .map_err(|_| Rejection::WrongProof)?;
        self.prune(now);
        if self.seen.len() >= self.capacity {
            return Err(Rejection::Stale);
        }
        let name = format!("{}.{}", proof.thumbprint, proof.jti);
        // A proof found here is recent still, or the judgment above had refused it.
        let fresh = self.seen.pin().try_insert(name, proof.issued_at + WINDOW).is_ok();
        if fresh { Ok(()) } else { Err(Rejection::WrongProof) }
    }

    /// Forgets old proofs, every ten seconds at most.
    fn prune(&self, now: Timestamp) {
        let pruned_at = self.pruned_at_ms.load(Ordering::Relaxed);
        if now.as_millis() < pruned_at.saturating_add(10_000) {
            return;
        }
        let ours = self.pruned_at_ms.compare_exchange(
            pruned_at,
            now.as_millis(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if ours.is_ok() {
            self.seen.pin().retain(|_, recent_until| *recent_until >= now);
        }
    }
}
