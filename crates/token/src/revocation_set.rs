//! Many rules, indexed: a handful of look-ups answers for one token.
//!
//! Cloning is cheap and shares what does not change, so that a follower can build the next
//! version beside the one that requests are being checked against.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use crate::id_index::IdIndex;
use crate::{AccessToken, ClientId, Entry, KeyId, Revocation, Timestamp, UserId};

/// The live rules. Exact: a token is killed if and only if one of the rules kills it.
#[derive(Clone, Debug, Default)]
pub struct RevocationSet {
    tokens: IdIndex,
    sessions: IdIndex,
    grants: IdIndex,
    users: Cutoffs<UserId>,
    clients: Cutoffs<ClientId>,
    keys: Cutoffs<KeyId>,
    all: Option<Cutoff>,
}

impl RevocationSet {
    /// Whether any rule kills this token.
    pub fn kills(&self, token: &AccessToken) -> bool {
        self.all.is_some_and(|all| token.issued_at < all.before)
            || self.tokens.contains(token.jti.as_u128())
            || token.session_id.is_some_and(|id| self.sessions.contains(id.as_u128()))
            || token.grant_id.is_some_and(|id| self.grants.contains(id.as_u128()))
            || self.users.kills(&token.subject, token.issued_at)
            || self.clients.kills(&token.client_id, token.issued_at)
            || self.keys.kills(&token.key_id, token.issued_at)
    }

    /// Adds rules. Those that have expired by `now` may be left out or dropped on the way.
    pub fn extend<'a>(&mut self, entries: impl IntoIterator<Item = &'a Entry>, now: Timestamp) {
        let (mut tokens, mut sessions, mut grants) = (Vec::new(), Vec::new(), Vec::new());
        for entry in entries.into_iter().filter(|entry| entry.expires_at > now) {
            let expires_at = entry.expires_at;
            match &entry.revocation {
                Revocation::Token(jti) => tokens.push((jti.as_u128(), expires_at)),
                Revocation::Session(id) => sessions.push((id.as_u128(), expires_at)),
                Revocation::Grant(id) => grants.push((id.as_u128(), expires_at)),
                Revocation::UserBefore(id, before) => {
                    self.users.raise(id, Cutoff { before: *before, expires_at });
                }
                Revocation::ClientBefore(id, before) => {
                    self.clients.raise(id, Cutoff { before: *before, expires_at });
                }
                Revocation::Key(id) => {
                    self.keys.raise(id, Cutoff { before: Timestamp::MAX, expires_at });
                }
                Revocation::AllBefore(before) => {
                    let cutoff = Cutoff { before: *before, expires_at };
                    self.all = Some(self.all.map_or(cutoff, |held| held.max(cutoff)));
                }
            }
        }
        self.tokens.insert(tokens, now);
        self.sessions.insert(sessions, now);
        self.grants.insert(grants, now);
    }

    /// Forgets rules that have expired by `now`: no token that they kill is accepted anyway.
    pub fn prune(&mut self, now: Timestamp) {
        self.tokens.prune(now);
        self.sessions.prune(now);
        self.grants.prune(now);
        self.users.prune(now);
        self.clients.prune(now);
        self.keys.prune(now);
        self.all = self.all.filter(|all| all.expires_at > now);
    }

    /// How many rules are held.
    pub fn len(&self) -> usize {
        let ids = self.tokens.len() + self.sessions.len() + self.grants.len();
        let cutoffs = self.users.len() + self.clients.len() + self.keys.len();
        ids + cutoffs + usize::from(self.all.is_some())
    }

    /// Whether no rule is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes held by the rules that name an id, for measurements.
    pub fn id_bytes(&self) -> usize {
        self.tokens.bytes() + self.sessions.bytes() + self.grants.bytes()
    }
}

#[derive(Clone, Copy, Debug)]
struct Cutoff {
    before: Timestamp,
    expires_at: Timestamp,
}

impl Cutoff {
    /// The later cut-off covers the earlier one, but must live as long as either.
    fn max(self, other: Self) -> Self {
        Self {
            before: self.before.max(other.before),
            expires_at: self.expires_at.max(other.expires_at),
        }
    }
}

const SHARDS: usize = 64;

/// Cut-offs by name. Sharded, so that a new version copies a sixty-fourth.
#[derive(Clone, Debug)]
struct Cutoffs<K> {
    hasher: RandomState,
    shards: Vec<Arc<HashMap<K, Cutoff>>>,
}

impl<K> Default for Cutoffs<K> {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: Vec::new() }
    }
}

impl<K: Clone + Eq + Hash> Cutoffs<K> {
    fn kills(&self, name: &K, issued_at: Timestamp) -> bool {
        // No shard exists before the first rule, and most sets never hold one.
        !self.shards.is_empty()
            && self.shards[self.shard_of(name)]
                .get(name)
                .is_some_and(|cutoff| issued_at < cutoff.before)
    }

    fn raise(&mut self, name: &K, cutoff: Cutoff) {
        if self.shards.is_empty() {
            self.shards.resize_with(SHARDS, Arc::default);
        }
        let shard = self.shard_of(name);
        let held = Arc::make_mut(&mut self.shards[shard]).entry(name.clone()).or_insert(cutoff);
        *held = held.max(cutoff);
    }

    fn prune(&mut self, now: Timestamp) {
        for shard in &mut self.shards {
            if shard.values().any(|cutoff| cutoff.expires_at <= now) {
                Arc::make_mut(shard).retain(|_, cutoff| cutoff.expires_at > now);
            }
        }
    }

    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }

    #[expect(clippy::cast_possible_truncation, reason = "the remainder is below SHARDS")]
    fn shard_of(&self, name: &K) -> usize {
        (self.hasher.hash_one(name) % SHARDS as u64) as usize
    }
}

#[cfg(test)]
mod tests;
