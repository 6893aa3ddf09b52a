//! Millions of 128-bit ids, looked up in a few nanoseconds, shared between versions.
//!
//! A handful of sorted, immutable runs, each at least [`RATIO`] times smaller than the one
//! before it. Adding an id writes a small run and merges the small ones, so a new version
//! shares the large runs with the old one. 20 bytes an id, up to one byte of directory, and
//! one and a half of a filter that spares nearly every look-up in vain the rest.

use std::sync::Arc;

use crate::Timestamp;

const RATIO: usize = 8;
const IDS_PER_BUCKET: usize = 8;
const FILTER_BITS_PER_ID: usize = 12;

/// A set of ids, each with the instant from which it may be forgotten.
#[derive(Clone, Debug, Default)]
pub(crate) struct IdIndex {
    runs: Vec<Arc<Run>>,
}

impl IdIndex {
    pub(crate) fn contains(&self, id: u128) -> bool {
        self.runs.iter().any(|run| run.contains(id))
    }

    pub(crate) fn len(&self) -> usize {
        self.runs.iter().map(|run| run.high.len()).sum()
    }

    /// Adds ids; what has expired by `now` in the runs it rewrites is dropped.
    pub(crate) fn insert(&mut self, mut added: Vec<(u128, Timestamp)>, now: Timestamp) {
        if added.is_empty() {
            return;
        }
        while let Some(last) = self.runs.last()
            && last.high.len() <= RATIO * added.len()
        {
            added.extend(last.iter().filter(|(_, expires_at)| *expires_at > now));
            self.runs.pop();
        }
        self.runs.push(Arc::new(Run::new(added)));
    }

    /// Drops what has expired by `now`, run by run, where at least half of a run has.
    pub(crate) fn prune(&mut self, now: Timestamp) {
        let mut kept = Vec::new();
        self.runs.retain(|run| {
            let live = run.iter().filter(|(_, expires_at)| *expires_at > now).count();
            let keep = live * 2 > run.high.len();
            if !keep {
                kept.extend(run.iter().filter(|(_, expires_at)| *expires_at > now));
            }
            keep
        });
        self.insert(kept, now);
        self.runs.sort_by_key(|run| std::cmp::Reverse(run.high.len()));
    }

    /// Bytes held, for measurements.
    pub(crate) fn bytes(&self) -> usize {
        self.runs
            .iter()
            .map(|run| {
                let ids = run.high.len() * 20 + run.directory.len() * 4;
                ids + run.filter.0.len() * 8 + size_of::<Run>()
            })
            .sum()
    }
}

/// Ids in ascending order, split into columns. Most look-ups are in vain, and most of those
/// touch one word of the filter and nothing else: in a set of millions each touch waits for
/// memory.
#[derive(Debug)]
struct Run {
    filter: Filter,
    /// Where the ids of each bucket begin; a bucket is named by the top bits of an id.
    directory: Box<[u32]>,
    shift: u32,
    high: Box<[u64]>,
    low: Box<[u64]>,
    expires_at_seconds: Box<[u32]>,
}

impl Run {
    fn new(mut ids: Vec<(u128, Timestamp)>) -> Self {
        // Of twins the one that lives longer comes first, and is kept. What comes from other runs
        // is in order already, which a stable sort finds and merely merges.
        ids.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        ids.dedup_by_key(|(id, _)| *id);
        let bits = (ids.len() / IDS_PER_BUCKET).max(1).ilog2();
        let shift = 63 - bits;
        let mut directory = Vec::with_capacity((1 << (bits + 1)) + 1);
        for (position, (id, _)) in ids.iter().enumerate() {
            while directory.len() <= bucket_of(*id, shift) {
                directory.push(u32::try_from(position).expect("fewer than 2^32 rules"));
            }
        }
        directory.resize((1 << (bits + 1)) + 1, u32::try_from(ids.len()).expect("fewer than 2^32"));
        Self {
            filter: Filter::of(&ids),
            directory: directory.into(),
            shift,
            high: ids.iter().map(|(id, _)| high_half(*id)).collect(),
            low: ids.iter().map(|(id, _)| low_half(*id)).collect(),
            expires_at_seconds: ids.iter().map(|(_, at)| seconds_rounded_up(*at)).collect(),
        }
    }

    fn contains(&self, id: u128) -> bool {
        self.filter.may_contain(id) && self.holds(id)
    }

    fn holds(&self, id: u128) -> bool {
        let bucket = bucket_of(id, self.shift);
        let (from, to) = (self.directory[bucket] as usize, self.directory[bucket + 1] as usize);
        let high = high_half(id);
        let first = from + self.high[from..to].partition_point(|held| *held < high);
        (first..to)
            .take_while(|position| self.high[*position] == high)
            .any(|position| self.low[position] == low_half(id))
    }

    fn iter(&self) -> impl Iterator<Item = (u128, Timestamp)> {
        let ids = self.high.iter().zip(&self.low);
        ids.zip(&self.expires_at_seconds).map(|((high, low), expires_at)| {
            let id = (u128::from(*high) << 64) | u128::from(*low);
            (id, Timestamp::from_seconds(i64::from(*expires_at)))
        })
    }
}

/// A Bloom filter in which all bits of an id lie in one word: a word is loaded, and the answer
/// is "no" or, for an id that is there and one in fifty others, "perhaps".
#[derive(Debug)]
struct Filter(Box<[u64]>);

impl Filter {
    fn of(ids: &[(u128, Timestamp)]) -> Self {
        let mut words = vec![0; (ids.len() * FILTER_BITS_PER_ID).div_ceil(64)];
        for (id, _) in ids {
            let (word, bits) = Self::place(*id, words.len());
            words[word] |= bits;
        }
        Self(words.into())
    }

    fn may_contain(&self, id: u128) -> bool {
        let (word, bits) = Self::place(id, self.0.len());
        self.0[word] & bits == bits
    }

    /// The word of an id and its four bits therein.
    #[expect(clippy::cast_possible_truncation, reason = "a word number is below the word count")]
    fn place(id: u128, words: usize) -> (usize, u64) {
        // Ids are random; the products are for those who make up ids that are not.
        let mixed =
            (high_half(id) ^ low_half(id).rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let word = (u128::from(mixed) * words as u128) >> 64;
        let draw = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bit = |shift: u32| 1 << ((draw >> shift) & 63);
        (word as usize, bit(40) | bit(46) | bit(52) | bit(58))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a bucket number is below 2^30")]
const fn bucket_of(id: u128, shift: u32) -> usize {
    (high_half(id) >> shift) as usize
}

const fn high_half(id: u128) -> u64 {
    (id >> 64) as u64
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
const fn low_half(id: u128) -> u64 {
    id as u64
}

/// Rounded up, so that a rule is never forgotten early; saturates in the year 2106.
fn seconds_rounded_up(at: Timestamp) -> u32 {
    let seconds = at.as_seconds().saturating_add(1).max(0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
