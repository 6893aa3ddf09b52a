//! Refresh tokens: derived from the grant, never stored; and the table that judges one that is
//! presented.
//!
//! A token is `mrt_<mac key id>.<grant id>.<generation>.<secret>.<tag>`. The tag is a MAC over
//! the rest, so that a forgery is refused without touching the database. The secret is a MAC
//! over the grant's seed, which only the database holds, so that the server key alone is not
//! enough to make a token.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_token::{ClientId, GrantId, Reason, Thumbprint, Timestamp};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::mac_key::{MacKey, MacKeyId, MacKeys};
use crate::{Client, Grant, Secret, SecretHash};

const PREFIX: &str = "mrt_";

/// Counts the refresh tokens of a grant, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(pub u64);

impl Generation {
    /// The generation after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Whether `later` comes right after this one.
    pub const fn precedes(self, later: Self) -> bool {
        match self.0.checked_add(1) {
            Some(next) => next == later.0,
            None => false,
        }
    }
}

/// The 32 random bytes of a grant that its refresh tokens derive from.
#[derive(Clone)]
pub struct Seed(Zeroizing<[u8; 32]>);

impl Seed {
    /// From 32 bytes, which the caller drew at random.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// As text for storage. Worth nothing without the server key.
    pub fn to_stored(&self) -> String {
        URL_SAFE_NO_PAD.encode(*self.0)
    }
}

/// The stored text is no seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a seed")]
pub struct InvalidSeed;

impl FromStr for Seed {
    type Err = InvalidSeed;

    fn from_str(text: &str) -> Result<Self, InvalidSeed> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidSeed)?;
        Ok(Self::from_random(bytes.try_into().map_err(|_| InvalidSeed)?))
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// The refresh token of one generation of a grant; the same one each time it is asked for.
pub fn derive(key: &MacKey, grant_id: GrantId, seed: &Seed, generation: Generation) -> Secret {
    let secret = secret(key, grant_id, seed, generation);
    let tag = tag(key, grant_id, generation, &secret);
    Secret::new(format!(
        "{PREFIX}{}.{grant_id}.{}.{}.{}",
        key.id(),
        generation.0,
        URL_SAFE_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(&tag[..16]),
    ))
}

/// A refresh token whose tag is ours. Whether its secret is, only the grant's seed can tell.
#[derive(Clone)]
pub struct Presented {
    /// The grant it names.
    pub grant_id: GrantId,
    /// The generation it names.
    pub generation: Generation,
    key: MacKey,
    secret: [u8; 32],
}

impl Presented {
    /// Reads a token; `None` for a text that we did not make, which needs no look-up.
    pub fn parse(keys: &MacKeys, token: &str) -> Option<Self> {
        let mut parts = token.strip_prefix(PREFIX)?.split('.');
        let key_id: MacKeyId = parts.next()?.parse().ok()?;
        let grant_id = parts.next()?.parse().ok()?;
        let generation = canonical_number(parts.next()?)?;
        let secret: [u8; 32] = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?.try_into().ok()?;
        let found = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        let key = keys.find(&key_id)?;
        let tag = tag(key, grant_id, generation, &secret);
        let genuine = bool::from(found.ct_eq(&tag[..16])) && parts.next().is_none();
        genuine.then(|| Self { grant_id, generation, key: key.clone(), secret })
    }

    /// Whether it was derived from this seed.
    pub fn derives_from(&self, seed: &Seed) -> bool {
        let expected = secret(&self.key, self.grant_id, seed, self.generation);
        self.secret.ct_eq(&expected).into()
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Presented({}, {:?}, ..)", self.grant_id, self.generation)
    }
}

/// One spelling for one number: no sign, no leading zero.
fn canonical_number(text: &str) -> Option<Generation> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(Generation(number))
}

fn secret(key: &MacKey, grant_id: GrantId, seed: &Seed, generation: Generation) -> [u8; 32] {
    let (grant_id, generation) = (grant_id.as_u128().to_be_bytes(), generation.0.to_be_bytes());
    key.mac(&[b"refresh_token", seed.0.as_slice(), &grant_id, &generation])
}

fn tag(key: &MacKey, grant_id: GrantId, generation: Generation, secret: &[u8; 32]) -> [u8; 32] {
    let (grant_id, generation) = (grant_id.as_u128().to_be_bytes(), generation.0.to_be_bytes());
    key.mac(&[b"refresh_token_tag", &grant_id, &generation, secret])
}

/// A refresh token together with who presents it and how.
#[derive(Clone, Debug)]
pub struct Presentation {
    /// The token.
    pub token: Presented,
    /// The client that presents it; authenticated, when it is one that can be.
    pub client_id: ClientId,
    /// The key that the request proved possession of (RFC 9449).
    pub proof: Option<Thumbprint>,
    /// The hash of the request's `Idempotency-Key`.
    pub retry_key_hash: Option<SecretHash>,
}

/// What is to be done with a presented refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Current: the next generation takes its place.
    Rotate,
    /// A retry: the current generation is given again; nothing moves.
    Reissue,
    /// Superseded and presented by somebody else: the session ends, or the grant when it
    /// outlives the session.
    Kill,
    /// A lifetime is over: the session ends for this reason.
    Expire(Reason),
    /// Nothing is given and nothing changes.
    Refuse(Refusal),
}

/// Why nothing is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The grant has ended, alone or with its session.
    Ended(Reason),
    /// It belongs to another client.
    WrongClient,
    /// It is bound to a key that the request did not prove possession of.
    WrongKey,
    /// Its tag is ours but its secret is not: made with the server key alone. An alarm.
    Forged,
    /// Of a generation that was never issued: derivable only with our keys. An alarm.
    NeverIssued,
}

/// Judges a presented refresh token: the whole table, in order. Who presents it is settled
/// before any judgement of reuse, so that a stranger can refuse nothing and kill nothing.
pub fn judge(
    presentation: &Presentation,
    grant: &Grant,
    client: &Client,
    now: Timestamp,
) -> Verdict {
    let presented = presentation.token.generation;
    if !presentation.token.derives_from(&grant.seed) {
        return Verdict::Refuse(Refusal::Forged);
    }
    if presentation.client_id != grant.client_id {
        return Verdict::Refuse(Refusal::WrongClient);
    }
    if grant.confirmation.is_some() && grant.confirmation != presentation.proof {
        return Verdict::Refuse(Refusal::WrongKey);
    }
    if let Some(ended) = grant.ended {
        return Verdict::Refuse(Refusal::Ended(ended.reason));
    }
    if let Some(reason) = grant.expired(now) {
        return Verdict::Expire(reason);
    }
    if presented > grant.generation {
        return Verdict::Refuse(Refusal::NeverIssued);
    }
    if presented == grant.generation {
        return Verdict::Rotate;
    }
    if presented.precedes(grant.generation) && is_retry(presentation, grant, client, now) {
        return Verdict::Reissue;
    }
    Verdict::Kill
}

/// Whether presenting the direct predecessor is the same client asking again.
fn is_retry(presentation: &Presentation, grant: &Grant, client: &Client, now: Timestamp) -> bool {
    // A thief would need the client's secret, or the key of the device, as well.
    if client.is_confidential() || grant.confirmation.is_some() {
        return true;
    }
    match (&grant.retry_key_hash, &presentation.retry_key_hash) {
        (Some(remembered), Some(found)) => remembered == found,
        (Some(_), None) => false,
        (None, _) => {
            let window = client.policy.retry_window();
            !window.is_zero() && now.since(grant.rotated_at) <= window
        }
    }
}

#[cfg(test)]
mod tests;
