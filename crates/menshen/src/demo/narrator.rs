//! How the story is told: chapters, what is asked, what is answered, and whether it was so.

use std::time::Duration;

use anyhow::bail;

use crate::output::{ACCENT, BAD, FAINT, GOOD, STRONG, counted, paint};

/// What fits into the terminals of old.
const WIDTH: usize = 78;

/// Tells the story, and remembers what did not go as told.
pub(super) struct Narrator {
    pace: Option<Duration>,
    width: usize,
    chapter: usize,
    kept: u64,
    broken: Vec<String>,
}

impl Narrator {
    /// Pauses that long after each chapter, if at all.
    pub(super) fn new(pace: Option<Duration>) -> Self {
        Self { pace, width: WIDTH, chapter: 0, kept: 0, broken: Vec::new() }
    }

    /// Begins a chapter.
    pub(super) async fn chapter(&mut self, title: &str) {
        if let Some(pace) = self.pace {
            tokio::time::sleep(pace).await;
        }
        self.chapter += 1;
        anstream::println!("\n{}", paint(STRONG, format_args!("{}. {title}", self.chapter)));
    }

    /// Says something between the steps.
    pub(super) fn say(&self, text: &str) {
        for line in wrap(text, self.width - 3) {
            anstream::println!("   {line}");
        }
    }

    /// What somebody asks: the request, and what it carries.
    pub(super) fn asks(&self, request: &str, carrying: &str) {
        let arrow = paint(ACCENT, "→");
        if request.len() + carrying.chars().count() <= self.width - 7 {
            anstream::println!("   {arrow} {request}  {}", paint(FAINT, carrying));
            return;
        }
        anstream::println!("   {arrow} {request}");
        for line in wrap(carrying, self.width - 7) {
            anstream::println!("       {}", paint(FAINT, line));
        }
    }

    /// What was answered: the status, and the part that matters.
    pub(super) fn answers(&self, status: u16, essence: &str) {
        let style = if status < 400 { GOOD } else { BAD };
        let mut lines = wrap(essence, self.width - 9).into_iter();
        let first = lines.next().unwrap_or_default();
        anstream::println!("   {} {} {first}", paint(ACCENT, "←"), paint(style, status));
        for line in lines {
            anstream::println!("         {line}");
        }
    }

    /// Says what ought to be true, and whether it was.
    pub(super) fn check(&mut self, holds: bool, sentence: &str) {
        let mark = if holds { paint(GOOD, "✓") } else { paint(BAD, "✗") };
        for (number, line) in wrap(sentence, self.width - 5).into_iter().enumerate() {
            let mark = if number == 0 { mark.as_str() } else { " " };
            anstream::println!("   {mark} {line}");
        }
        if holds {
            self.kept += 1;
        } else {
            self.broken.push(format!("chapter {}: {sentence}", self.chapter));
        }
    }

    /// Sums up.
    ///
    /// # Errors
    ///
    /// When anything went otherwise than told.
    pub(super) fn ending(&self) -> anyhow::Result<()> {
        anstream::println!();
        if self.broken.is_empty() {
            let told = counted(self.kept, "promise");
            anstream::println!("{} {told}, all kept.", paint(GOOD, "✓"));
            return Ok(());
        }
        bail!("the story went otherwise than told:\n  {}", self.broken.join("\n  "));
    }
}

/// The beginning and the end of a token; it need not be read in full to be recognized.
pub(super) fn brief(token: &str) -> String {
    match (token.get(..7), token.len().checked_sub(5).and_then(|at| token.get(at..))) {
        (Some(start), Some(end)) if token.len() > 20 => format!("{start}…{end}"),
        _ => token.to_owned(),
    }
}

/// "4.2 ms", "380 ms", "1.5 s".
pub(super) fn took(time: Duration) -> String {
    match time.as_secs_f64() * 1_000.0 {
        millis if millis < 10.0 => format!("{millis:.1} ms"),
        millis if millis < 1_000.0 => format!("{millis:.0} ms"),
        millis => format!("{:.1} s", millis / 1_000.0),
    }
}

/// "9 min 58 s", "6 d 23 h".
pub(super) fn remaining(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds < 60 => format!("{seconds} s"),
        seconds if seconds < 3_600 => two((seconds / 60, "min"), (seconds % 60, "s")),
        seconds if seconds < 86_400 => two((seconds / 3_600, "h"), (seconds % 3_600 / 60, "min")),
        seconds => two((seconds / 86_400, "d"), (seconds % 86_400 / 3_600, "h")),
    }
}

fn two(large: (u64, &str), small: (u64, &str)) -> String {
    match small.0 {
        0 => format!("{} {}", large.0, large.1),
        _ => format!("{} {} {} {}", large.0, large.1, small.0, small.1),
    }
}

/// Breaks between words; a newline always breaks.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words_and_nothing_is_lost() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("one\ntwo three", 20), ["one", "two three"]);
        assert_eq!(wrap("unbreakable", 3), ["unbreakable"]);
        assert_eq!(wrap("", 3), [""]);
    }

    #[test]
    fn a_token_is_shown_by_its_ends() {
        assert_eq!(brief("eyJhbGciOiJFUzI1NiJ9.payload.signature"), "eyJhbGc…ature");
        assert_eq!(brief("short"), "short");
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        assert_eq!(took(Duration::from_micros(4_230)), "4.2 ms");
        assert_eq!(remaining(Duration::from_secs(598)), "9 min 58 s");
        assert_eq!(remaining(Duration::from_mins(10)), "10 min");
        assert_eq!(remaining(Duration::from_secs(7 * 86_400 - 1)), "6 d 23 h");
    }

    #[test]
    fn one_broken_promise_fails_the_story() {
        let mut narrator = Narrator::new(None);
        narrator.check(true, "water is wet");
        assert!(narrator.ending().is_ok());
        narrator.check(false, "fire is cold");
        let error = narrator.ending().expect_err("one was broken").to_string();
        assert!(error.contains("fire is cold"), "{error}");
    }
}
