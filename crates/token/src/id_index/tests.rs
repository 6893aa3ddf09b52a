//! The index answers like a plain set, whatever is added in whatever order.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_000);
const LATER: Timestamp = Timestamp::from_seconds(2_000);

#[test]
fn an_empty_index_holds_nothing() {
    assert!(!IdIndex::default().contains(0));
    assert!(!IdIndex::default().contains(u128::MAX));
}

#[test]
fn a_new_version_leaves_the_old_one_as_it_was() {
    let mut old = IdIndex::default();
    old.insert(vec![(1, LATER)], NOW);
    let mut new = old.clone();
    new.insert(vec![(2, LATER)], NOW);
    assert!(new.contains(1) && new.contains(2));
    assert!(old.contains(1) && !old.contains(2));
}

#[test]
fn of_two_rules_for_one_id_the_longer_counts() {
    let mut index = IdIndex::default();
    index.insert(vec![(1, LATER)], NOW);
    index.insert(vec![(1, NOW)], NOW);
    index.prune(Timestamp::from_seconds(1_500));
    assert!(index.contains(1));
}

#[test]
fn what_has_expired_is_forgotten() {
    let mut index = IdIndex::default();
    index.insert((0..1_000).map(|id| (id, NOW)).collect(), NOW);
    index.insert((1_000..1_100).map(|id| (id, LATER)).collect(), NOW);
    index.prune(Timestamp::from_seconds(1_500));
    assert_eq!(index.len(), 100);
    assert!((1_000..1_100).all(|id| index.contains(id)));
}

#[test]
fn ids_that_share_their_upper_half_are_told_apart() {
    let mut index = IdIndex::default();
    index.insert((0..1_000).map(|id| (id * 2, LATER)).collect(), NOW);
    assert!((0..1_000).all(|id| index.contains(id * 2) && !index.contains(id * 2 + 1)));
}

#[test]
fn the_filter_passes_everything_held_and_little_else() {
    let spread = |number: u128| number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    for count in [1, 2, 5, 6, 100, 10_000] {
        let ids: Vec<_> = (0..count).map(|number| (spread(number), LATER)).collect();
        let filter = Filter::of(&ids);
        assert!(ids.iter().all(|(id, _)| filter.may_contain(*id)));
        let others = (count..count + 10_000).map(spread);
        let passed = others.filter(|id| filter.may_contain(*id)).count();
        assert!(passed < 500, "{passed} of 10,000 at {count} ids");
    }
}

#[test]
fn the_index_stays_below_24_bytes_an_id() {
    for count in [1_000, 4_097, 30_000] {
        let mut index = IdIndex::default();
        index.insert((0..count).map(|id| (id << 100, LATER)).collect(), NOW);
        let count = usize::try_from(count).expect("small");
        assert!(index.bytes() < count * 24, "{} bytes for {count} ids", index.bytes());
    }
}

proptest! {
    #[test]
    fn it_answers_like_a_plain_set(batches in prop::collection::vec(
        prop::collection::vec(any::<u128>(), 0..40), 0..30), probe in any::<u128>())
    {
        let mut index = IdIndex::default();
        let mut plain = HashSet::new();
        for batch in batches {
            plain.extend(batch.iter().copied());
            index.insert(batch.into_iter().map(|id| (id, LATER)).collect(), NOW);
        }
        prop_assert_eq!(index.contains(probe), plain.contains(&probe));
        for id in &plain {
            prop_assert!(index.contains(*id));
            prop_assert_eq!(index.contains(id ^ 1), plain.contains(&(id ^ 1)));
        }
        prop_assert_eq!(index.len(), plain.len());
    }
}
