//! Durations as they are written in the rules file: `90s`, `10m`, `12h`, `30d`, `250ms`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// Reads a duration.
pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).ok_or_else(|| {
        de::Error::custom(format!("`{text}` is no duration; write `250ms`, `90s`, `10m` or `12h`"))
    })
}

/// Reads a duration that may be absent.
pub(super) fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    duration(from).map(Some)
}

fn parse(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let number: u64 = number.parse().ok()?;
    let each = match unit {
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.checked_mul(each).map(Duration::from_secs)
}
