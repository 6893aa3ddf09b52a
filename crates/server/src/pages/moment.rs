//! Instants, as a person would say them.

use menshen_token::Timestamp;

use super::chrome::Chrome;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// An instant in words, and for machines.
#[derive(askama::Template)]
#[template(path = "moment.html")]
pub(super) struct Moment {
    words: String,
    machine: String,
}

impl Moment {
    /// How long ago it was, or on which day once that is longer than a week.
    pub(super) fn ago(chrome: &Chrome, at: Timestamp) -> Self {
        let seconds = chrome.now().since(at).as_secs();
        let words = match seconds {
            0..MINUTE => chrome.text("moment-now"),
            MINUTE..HOUR => chrome.text_of("moment-minutes", "count", &(seconds / MINUTE)),
            HOUR..DAY => chrome.text_of("moment-hours", "count", &(seconds / HOUR)),
            _ if seconds < 7 * DAY => chrome.text_of("moment-days", "count", &(seconds / DAY)),
            _ => return Self::day(chrome, at),
        };
        Self { words, machine: machine(at) }
    }

    /// On which day it was, by UTC.
    pub(super) fn day(chrome: &Chrome, at: Timestamp) -> Self {
        Self { words: day(chrome, at), machine: machine(at) }
    }
}

fn day(chrome: &Chrome, at: Timestamp) -> String {
    let Some(date) = date_of(at) else { return machine(at) };
    let month = chrome.text(MONTHS[usize::from(date.month().unsigned_abs()) - 1]);
    let (day, year) = (i64::from(date.day()), i64::from(date.year()));
    chrome.text_of_all("moment-date", &[("day", &day), ("month", &month), ("year", &year)])
}

fn machine(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(instant) => instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => String::new(),
    }
}

fn date_of(at: Timestamp) -> Option<jiff::civil::Date> {
    let instant = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
    Some(jiff::tz::TimeZone::UTC.to_datetime(instant).date())
}

const MONTHS: [&str; 12] = [
    "month-january",
    "month-february",
    "month-march",
    "month-april",
    "month-may",
    "month-june",
    "month-july",
    "month-august",
    "month-september",
    "month-october",
    "month-november",
    "month-december",
];
