//! How the text of a setting becomes a value.

use std::ops::RangeInclusive;
use std::time::Duration;

use menshen_token::parse_duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A duration within a range.
pub(super) fn duration_within(
    text: &str,
    range: &RangeInclusive<Duration>,
) -> Result<Duration, String> {
    parse_duration(text).filter(|duration| range.contains(duration)).ok_or_else(|| {
        format!("a duration from {} to {}", written(*range.start()), written(*range.end()))
    })
}

/// A whole number within a range.
pub(super) fn number_within(text: &str, range: &RangeInclusive<u32>) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| format!("a whole number from {} to {}", range.start(), range.end()))
}

/// `true` or `false`.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "`true` or `false`".to_owned())
}

/// The parts of a list.
pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn written(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{}ms", duration.as_millis()),
        _ if seconds.is_multiple_of(DAY) => format!("{}d", seconds / DAY),
        _ if seconds.is_multiple_of(HOUR) => format!("{}h", seconds / HOUR),
        _ if seconds.is_multiple_of(MINUTE) => format!("{}m", seconds / MINUTE),
        _ => format!("{seconds}s"),
    }
}
