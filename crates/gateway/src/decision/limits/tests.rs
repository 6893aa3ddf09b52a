//! Limits that hold, are made up for, and cannot be flooded.

use std::num::NonZeroU32;

use menshen_token::{ManualClock, Timestamp};

use super::*;
use crate::config::{Config, RateBy};

fn limit(requests: u32) -> (Limit, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_800_000_000)));
    let requests = NonZeroU32::new(requests).expect("more than none");
    let says = RateLimit { requests, per: Duration::from_mins(1), by: RateBy::Address };
    let shared: Arc<dyn Clock> = clock.clone();
    (Limit::new(says, &shared).expect("a limit"), clock)
}

fn address(text: &str) -> Sender<'static> {
    Sender::Address(text.parse().expect("an address"))
}

#[test]
fn whoever_has_sent_enough_is_told_when_to_come_back() {
    let (limit, clock) = limit(3);
    for _ in 0..3 {
        limit.take(address("203.0.113.9")).expect("let through");
    }
    let refused = limit.take(address("203.0.113.9")).expect_err("too many");
    assert_eq!(refused, Refusal::TooMany { retry_after: Duration::from_secs(20) });
    assert_eq!(refused.headers()["retry-after"], "20");
    limit.take(address("203.0.113.10")).expect("another address has a limit of its own");
    clock.advance(Duration::from_secs(20));
    limit.take(address("203.0.113.9")).expect("one is made up for");
    limit.take(address("203.0.113.9")).expect_err("and no more than one");
}

#[test]
fn a_wait_is_rounded_up() {
    let refused = Refusal::TooMany { retry_after: Duration::from_millis(1_001) };
    assert_eq!(refused.headers()["retry-after"], "2");
}

#[test]
fn a_network_of_64_bits_is_one_sender() {
    let (limit, _clock) = limit(2);
    limit.take(address("2001:db8:1:2::1")).expect("let through");
    limit.take(address("2001:db8:1:2:ffff:ffff:ffff:ffff")).expect("let through");
    limit.take(address("2001:db8:1:2:3::4")).expect_err("too many");
    limit.take(address("2001:db8:1:3::1")).expect("another network");
    limit.take(address("203.0.113.9")).expect("let through");
    limit.take(address("::ffff:203.0.113.9")).expect("let through");
    limit.take(address("203.0.113.9")).expect_err("one address in two spellings");
}

#[test]
fn an_address_is_no_subject() {
    let (limit, _clock) = limit(1);
    limit.take(Sender::Subject("203.0.113.9")).expect("let through");
    limit.take(address("203.0.113.9")).expect("let through");
    limit.take(Sender::Subject("203.0.113.9")).expect_err("too many");
}

#[test]
fn a_flood_fills_no_memory_and_frees_nobody() {
    let (limit, clock) = limit(2);
    for _ in 0..2 {
        limit.take(address("203.0.113.9")).expect("let through");
    }
    let flood = |from: u32| {
        for number in 0..200_000_u32 {
            let _ = limit.take(Sender::Address(IpAddr::V4((from + number).into())));
        }
    };
    flood(0);
    let most = SHARDS * (SENDERS_PER_SHARD + 256);
    assert!(limit.seen.len() <= most, "{}", limit.seen.len());
    limit.take(address("203.0.113.9")).expect_err("remembered through the flood");
    clock.advance(Duration::from_mins(2));
    limit.take(address("203.0.113.9")).expect("its limit is whole again");
    flood(1_000_000);
    assert!(limit.seen.len() <= most, "{}", limit.seen.len());
    limit.take(address("203.0.113.9")).expect("remembered again, with what is left");
    limit.take(address("203.0.113.9")).expect_err("too many");
}

#[test]
fn a_limit_that_stays_the_same_goes_on_counting() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_seconds(0)));
    let config = |requests: u32, name: &str| {
        let text = format!(
            "[[rule]]\nname = \"{name}\"\nhosts = [\"*\"]\npaths = [\"/**\"]\naccess = \"public\"\n\
             rate_limit = {{ requests = {requests}, per = \"1m\" }}\n"
        );
        Config::parse("gateway.toml", &text).expect("a sound file")
    };
    let first = config(1, "all");
    let limits = Limits::new(&first.rules, None, &clock);
    limits.take(&first.rules[0], address("203.0.113.9")).expect("let through");
    for (text, goes_on) in [(config(1, "all"), true), (config(2, "all"), false)] {
        let next = Limits::new(&text.rules, Some(&limits), &clock);
        let taken = next.take(&text.rules[0], address("203.0.113.9"));
        assert_eq!(taken.is_err(), goes_on);
    }
    let other = config(1, "other");
    let next = Limits::new(&other.rules, Some(&limits), &clock);
    next.take(&other.rules[0], address("203.0.113.9")).expect("another rule");
}
