//! Tokens whose signature and claims held before, so that the next request need not pay again.
//!
//! Belongs to one key set and is thrown away with it. Says nothing about time, revocation or
//! proof of possession: those are judged on every request.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use arc_swap::ArcSwap;
use menshen_token::AccessToken;

/// A bounded table in two generations: when the young one is full it becomes the old one, and
/// the old one is dropped. What is still used moves along.
#[derive(Debug)]
pub(crate) struct TokenCache {
    generations: ArcSwap<Generations>,
    generation_capacity: usize,
}

#[derive(Debug, Default)]
struct Generations {
    young: Arc<Table>,
    old: Arc<Table>,
}

/// By the whole text of the token: two texts are never taken for one.
type Table = papaya::HashMap<Box<str>, Arc<AccessToken>, ByTail>;

impl TokenCache {
    /// A cache of at most about this many tokens; 0 keeps none.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { generations: ArcSwap::default(), generation_capacity: capacity.div_ceil(2) }
    }

    pub(crate) fn find(&self, token: &str) -> Option<Arc<AccessToken>> {
        let generations = self.generations.load();
        if let Some(found) = generations.young.pin().get(token) {
            return Some(Arc::clone(found));
        }
        let found = Arc::clone(generations.old.pin().get(token)?);
        self.insert(token, Arc::clone(&found));
        Some(found)
    }

    pub(crate) fn insert(&self, token: &str, verified: Arc<AccessToken>) {
        if self.generation_capacity == 0 {
            return;
        }
        let generations = self.generations.load_full();
        if generations.young.len() < self.generation_capacity {
            generations.young.pin().insert(token.into(), verified);
            return;
        }
        let young = Table::default();
        young.pin().insert(token.into(), verified);
        let next = Generations { young: Arc::new(young), old: Arc::clone(&generations.young) };
        // Whoever comes second loses one entry, and verifies that token once more.
        self.generations.compare_and_swap(&generations, Arc::new(next));
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let generations = self.generations.load();
        generations.young.len() + generations.old.len()
    }
}

/// Hashes the end of a token, which is its signature and differs whenever the token does;
/// keyed, so that nobody can choose tokens that collide.
#[derive(Clone, Debug, Default)]
struct ByTail(RandomState);

const TAIL_BYTES: usize = 48;

impl BuildHasher for ByTail {
    type Hasher = TailHasher<<RandomState as BuildHasher>::Hasher>;

    fn build_hasher(&self) -> Self::Hasher {
        TailHasher(self.0.build_hasher())
    }
}

struct TailHasher<H>(H);

impl<H: Hasher> Hasher for TailHasher<H> {
    fn write(&mut self, bytes: &[u8]) {
        self.0.write(&bytes[bytes.len().saturating_sub(TAIL_BYTES)..]);
    }

    fn finish(&self) -> u64 {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Arc<AccessToken> {
        let payload = br#"{"iss":"i","sub":"s","aud":"a","exp":1,"iat":0,
            "jti":"AAAAAAAAAAAAAAAAAAAAAA","client_id":"c"}"#;
        let key_id = "k".parse().expect("valid");
        Arc::new(AccessToken::from_payload(key_id, payload).expect("valid"))
    }

    #[test]
    fn tokens_that_differ_only_in_their_head_are_told_apart() {
        let cache = TokenCache::new(10);
        let tail = "x".repeat(200);
        cache.insert(&format!("a{tail}"), token());
        assert!(cache.find(&format!("a{tail}")).is_some());
        assert!(cache.find(&format!("b{tail}")).is_none());
        assert!(cache.find(&tail).is_none());
    }

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_used() {
        let cache = TokenCache::new(100);
        cache.insert("used", token());
        for number in 0..10_000 {
            cache.insert(&number.to_string(), token());
            assert!(cache.find("used").is_some());
        }
        assert!(cache.len() <= 101, "{}", cache.len());
        assert!(cache.find("0").is_none());
    }

    #[test]
    fn a_cache_of_nothing_keeps_nothing() {
        let cache = TokenCache::new(0);
        cache.insert("a", token());
        assert!(cache.find("a").is_none());
    }
}
