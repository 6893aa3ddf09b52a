//! Ages and policies, on readings made up for the purpose.

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(5);

#[test]
fn nothing_suffices_before_the_first_snapshot() {
    let freshness = Freshness::new(LIMIT);
    freshness.doubt(SECOND);
    for policy in [Policy::Introspect, Policy::Refuse, Policy::AllowFor(Duration::MAX)] {
        assert!(!freshness.suffices(policy, SECOND));
    }
    assert_eq!(freshness.age(SECOND), None);
}

#[test]
fn rules_suffice_up_to_the_limit_and_not_a_moment_longer() {
    let freshness = Freshness::new(LIMIT);
    freshness.confirm(10 * SECOND, Duration::ZERO);
    let moment = Duration::from_micros(1);
    for policy in [Policy::Introspect, Policy::Refuse] {
        assert!(freshness.suffices(policy, 15 * SECOND));
        assert!(!freshness.suffices(policy, 15 * SECOND + moment));
    }
    let patient = Policy::AllowFor(60 * SECOND);
    assert!(freshness.suffices(patient, 75 * SECOND));
    assert!(!freshness.suffices(patient, 75 * SECOND + moment));
}

#[test]
fn doubt_makes_stale_at_once_and_counts_from_there() {
    let freshness = Freshness::new(LIMIT);
    freshness.confirm(10 * SECOND, Duration::ZERO);
    freshness.doubt(11 * SECOND);
    assert!(!freshness.suffices(Policy::Refuse, 11 * SECOND));
    assert!(freshness.suffices(Policy::AllowFor(2 * SECOND), 12 * SECOND));
    assert!(!freshness.suffices(Policy::AllowFor(2 * SECOND), 14 * SECOND));
    // Doubt never makes old rules look younger.
    freshness.doubt(60 * SECOND);
    assert_eq!(freshness.age(11 * SECOND), Some(LIMIT + Duration::from_micros(1)));
}

#[test]
fn a_delayed_heartbeat_confirms_only_the_past() {
    let mut meter = DelayMeter::default();
    let at = |second: i64| Timestamp::from_seconds(1_800_000_000 + second);
    assert_eq!(meter.measure(100 * SECOND, at(0)), Duration::ZERO);
    assert_eq!(meter.measure(101 * SECOND, at(1)), Duration::ZERO);
    // From here on something holds the stream back by three seconds.
    assert_eq!(meter.measure(105 * SECOND, at(2)), 3 * SECOND);
    assert_eq!(meter.measure(106 * SECOND, at(3)), 3 * SECOND);
    let freshness = Freshness::new(LIMIT);
    freshness.confirm(106 * SECOND, 3 * SECOND);
    assert_eq!(freshness.age(106 * SECOND), Some(3 * SECOND));
}

#[test]
fn a_slow_first_heartbeat_is_found_out_by_a_quicker_one() {
    let mut meter = DelayMeter::default();
    let at = |second: i64| Timestamp::from_seconds(1_800_000_000 + second);
    assert_eq!(meter.measure(104 * SECOND, at(0)), Duration::ZERO);
    assert_eq!(meter.measure(104 * SECOND, at(4)), Duration::ZERO);
    assert_eq!(meter.measure(108 * SECOND, at(4)), 4 * SECOND);
}

#[test]
fn a_verifier_says_in_a_sentence_what_it_lacks() {
    let sentences = [
        (Readiness::Ready, "keys and revocations are current"),
        (Readiness::NoSnapshot, "no snapshot of the revocations has arrived yet"),
        (Readiness::NoKeys, "the issuer's keys have not arrived yet"),
        (
            Readiness::Stale { age: Duration::from_millis(7_250) },
            "the revocations are 7.2 seconds old",
        ),
    ];
    for (readiness, sentence) in sentences {
        assert_eq!(readiness.to_string(), sentence);
        assert_eq!(readiness.is_ready(), readiness == Readiness::Ready);
    }
}
