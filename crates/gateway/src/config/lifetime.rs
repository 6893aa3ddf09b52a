//! Durations as they are written in the rules file: `90s`, `10m`, `12h`, `30d`, `250ms`.

use std::time::Duration;

use menshen_token::parse_duration;
use serde::{Deserialize, Deserializer, de};

/// Reads a duration.
pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    parse_duration(&text).ok_or_else(|| {
        de::Error::custom(format!("`{text}` is no duration; write `250ms`, `90s`, `10m` or `12h`"))
    })
}

/// Reads a duration that may be absent.
pub(super) fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    duration(from).map(Some)
}
